"""What other brokers than mosquitto do, played by scripted_broker.py; tests/brokers has the real
ones."""

import json
import unittest

from harness import BUILD, Caller, Process, SystemTest
from scripted_broker import END, ScriptedBroker, connack

NO_SHARED_SUBSCRIPTIONS = b"\x2a\x00"  # Shared Subscription Available = 0 (MQTT 5.0 3.2.2.3.13)


class Versions(SystemTest):
    def assert_linked(self, broker, version):
        daemon = self.world.daemon(broker.url)
        with Caller(daemon.port) as caller:
            self.assertEqual(json.loads(caller.get("/status").body)["mqtt_version"], version)
            self.assertEqual(caller.transform("uppercase", "abc").text, "ABC")
        return daemon

    def test_a_broker_that_closes_on_version_5_without_a_word_is_asked_for_3_1_1(self):
        with ScriptedBroker() as broker:
            for _ in range(3):
                broker.play("connack", lambda connect, good: b"" if connect.v5 else good, END)
            daemon = self.assert_linked(broker, "3.1.1")
            daemon.wait_for_line("does not take MQTT 5; going on with 3.1.1, and trying 5 again")

    def test_a_proxy_that_closes_while_its_broker_is_down_does_not_demote_us(self):
        with ScriptedBroker() as broker:
            for _ in range(10):
                broker.play("accept", b"", END)
            self.assert_linked(broker, "5")


class Probes(SystemTest):
    """While a call waits, a broker that says nothing is asked for a subscription that we have."""

    def test_a_probe_does_not_ask_for_retained_messages(self):
        with ScriptedBroker() as broker:
            broker.play("answer", b"")
            daemon = self.world.daemon(broker.url)
            asked = len(broker.subscribes)
            with Caller(daemon.port) as caller:
                self.assertEqual(caller.transform("uppercase", "abc", timeout="2s").status, 504)
            probes = [probe.options for probe in broker.subscribes[asked:]]
            self.assertGreater(len(probes), 0)
            # QoS 1, and Retain Handling 2 (MQTT 5.0 3.8.3.1).
            self.assertEqual([options for options in probes if options != [0x21]], [])


class Groups(SystemTest):
    """A responder of a group, on a broker that has no shared subscriptions."""

    def responder(self, broker, *options):
        return self.world.add_ours(Process("mqtt_responder", [
            BUILD / "mqtt_responder", "--broker", broker.url, "--share", "all", *options]))

    def assert_says(self, responder, words):
        responder.wait_for_line(words)
        self.assertFalse([line for line in responder.lines if line.endswith(" ready")])

    def test_it_subscribes_to_nothing_where_the_broker_says_so(self):
        with ScriptedBroker() as broker:
            for _ in range(100):
                broker.play("connack", connack(0, NO_SHARED_SUBSCRIPTIONS))
            self.assert_says(self.responder(broker), "the broker has no shared subscriptions")
            self.assertEqual([each.subscriptions for each in broker.connections if
                              each.subscriptions], [])

    def test_it_says_what_may_be_wrong_where_the_broker_ends_the_connection(self):
        with ScriptedBroker() as broker:
            for _ in range(100):
                broker.play("suback", b"", END)
            self.assert_says(self.responder(broker, "--protocol", "3.1.1"),
                             "perhaps the broker has no shared subscriptions")

    def test_it_is_not_ready_where_the_broker_grants_and_delivers_nothing(self):
        with ScriptedBroker() as broker:
            self.assert_says(self.responder(broker), "not ready: .* nothing comes of them")

    def test_one_on_its_own_needs_none_of_that(self):
        with ScriptedBroker() as broker:
            broker.play("connack", connack(0, NO_SHARED_SUBSCRIPTIONS))
            self.world.responder(broker.url)


if __name__ == "__main__":
    unittest.main()
