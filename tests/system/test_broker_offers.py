"""Brokers that offer less than we ask for (MQTT 5.0 3.2.2.3, 3.9.3): our programs work with what
there is, and say once what is missing."""

import unittest

from faults import say
from harness import BUILD, Caller, Process, SystemTest, eventually
from scripted_broker import ScriptedBroker, connack, number, packet, suback

# Properties of a CONNACK.
SESSION_EXPIRY_INTERVAL = b"\x11"
ASSIGNED_CLIENT_IDENTIFIER = b"\x12"
SERVER_KEEP_ALIVE = b"\x13"
RECEIVE_MAXIMUM = b"\x21"
TOPIC_ALIAS_MAXIMUM = b"\x22"
MAXIMUM_QOS = b"\x24"
RETAIN_AVAILABLE = b"\x25"
MAXIMUM_PACKET_SIZE = b"\x27"
WILDCARD_SUBSCRIPTION_AVAILABLE = b"\x28"
SUBSCRIPTION_IDENTIFIER_AVAILABLE = b"\x29"
SHARED_SUBSCRIPTION_AVAILABLE = b"\x2a"
NONE = b"\x00"

RETAIN_NOT_SUPPORTED = 0x9A
QOS_NOT_SUPPORTED = 0x9B

LESS = "offers less than we ask for"


class Offers(SystemTest):
    def lines_of_less(self, program):
        return [line for line in list(program.lines) if LESS in line]

    def assert_said_once(self, program, words):
        program.wait_for_line(f"{LESS}: .*{words}")
        self.assertEqual(len(self.lines_of_less(program)), 1, program.log())

    def assert_served(self, daemon):
        with Caller(daemon.port) as caller:
            self.assertEqual(caller.transform("uppercase", "abc").text, "ABC")


class Mosquitto(Offers):
    def test_calls_are_answered_where_there_are_no_retained_messages(self):
        broker = self.world.broker(config="retain_available false")
        early = self.world.daemon(broker)
        responder = self.world.responder(broker)
        late = self.world.daemon(broker)
        for daemon in (early, late):
            self.assert_served(daemon)
            self.assert_said_once(daemon, "no retained messages")
        self.assert_said_once(responder, "no retained messages")
        broker.stop()
        self.world.broker(broker.port, "retain_available false")
        for program in (early, responder, late):
            eventually(lambda: sum("linked to" in line for line in list(program.lines)) > 1,
                       "it is back")
        self.assert_served(early)
        self.assert_said_once(responder, "no retained messages")

    def test_calls_are_answered_where_the_broker_has_qos_0_only(self):
        for protocol in ("auto", "3.1.1"):
            with self.subTest(protocol=protocol):
                broker = self.world.broker(config="max_qos 0")
                daemon = self.world.daemon(broker, "--protocol", protocol)
                responder = self.world.responder(broker, "--protocol", protocol)
                self.assert_served(daemon)
                for program in (daemon, responder):
                    self.assert_said_once(program, "QoS 0 only")

    def test_a_responder_finds_out_what_a_broker_of_3_1_1_does_not_say(self):
        for config, words in (("retain_available false", "no retained messages"),
                              ("max_qos 0\nretain_available false",
                               "QoS 0 only.*no retained messages")):
            with self.subTest(config=config):
                broker = self.world.broker(config=config)
                daemon = self.world.daemon(broker, "--protocol", "3.1.1")
                responder = self.world.responder(broker, "--protocol", "3.1.1")
                self.assert_served(daemon)
                self.assert_said_once(responder, words)
                broker.stop()
                self.world.broker(broker.port, config)
                for program in (daemon, responder):
                    eventually(lambda: sum("linked to" in line for line in list(program.lines)) > 1,
                               "it is back")
                self.assert_served(daemon)


class Scripted(Offers):
    def test_a_daemon_works_with_what_a_broker_offers(self):
        all_of_it = (MAXIMUM_QOS + NONE, RETAIN_AVAILABLE + NONE,
                     WILDCARD_SUBSCRIPTION_AVAILABLE + NONE, SUBSCRIPTION_IDENTIFIER_AVAILABLE + NONE,
                     SHARED_SUBSCRIPTION_AVAILABLE + NONE, SERVER_KEEP_ALIVE + number(2, 2),
                     SESSION_EXPIRY_INTERVAL + number(1, 4), TOPIC_ALIAS_MAXIMUM + number(0, 2),
                     RECEIVE_MAXIMUM + number(1, 2), MAXIMUM_PACKET_SIZE + number(1000, 4),
                     ASSIGNED_CLIENT_IDENTIFIER + number(4, 2) + b"mine")
        for properties, words in (
                ((MAXIMUM_QOS + NONE,), "QoS 0 only"),
                ((RETAIN_AVAILABLE + NONE,), "no retained messages"),
                ((WILDCARD_SUBSCRIPTION_AVAILABLE + NONE,), "no subscriptions with wildcards"),
                ((SESSION_EXPIRY_INTERVAL + number(1, 4),), "keeps our session for 1 s"),
                (all_of_it, "QoS 0 only.*no retained messages.*wildcards.*1 s")):
            with self.subTest(words=words), ScriptedBroker() as broker:
                for _ in range(4):
                    broker.play("connack", connack(0, *properties))
                daemon = self.world.daemon(broker.url)
                self.assert_served(daemon)
                broker.connections[-1].cut()
                eventually(lambda: sum("linked to" in line for line in list(daemon.lines)) > 1,
                           "it is back")
                self.assert_served(daemon)
                self.assert_said_once(daemon, words)

    def test_nothing_is_published_or_subscribed_to_that_the_broker_does_not_have(self):
        with ScriptedBroker() as broker:
            broker.play("connack", connack(0, MAXIMUM_QOS + NONE,
                                           WILDCARD_SUBSCRIPTION_AVAILABLE + NONE))
            daemon = self.world.daemon(broker.url)
            self.assert_served(daemon)
            self.assertEqual([request.flags & 6 for request in broker.requests], [0])
            self.assertEqual(broker.connections[-1].subscriptions, 5, "those without wildcards")

    def test_a_subscription_that_is_granted_with_qos_0_is_one(self):
        for protocol in ("5", "3.1.1"):
            with self.subTest(protocol=protocol), ScriptedBroker() as broker:
                for _ in range(6):
                    broker.play("suback", lambda request, _: suback(request.packet_id, [0],
                                                                    v5=request.v5))
                daemon = self.world.daemon(broker.url, "--protocol", protocol)
                self.assert_served(daemon)
                self.assert_said_once(daemon, "QoS 0 only")

    def test_a_responder_asks_for_less_where_the_broker_refuses_its_will(self):
        with ScriptedBroker() as broker:
            broker.play("connack", connack(RETAIN_NOT_SUPPORTED))
            broker.play("connack", connack(QOS_NOT_SUPPORTED))
            self.world.responder(broker.url)
            self.assertEqual(len(broker.connections), 3)

    def test_a_responder_says_why_it_serves_nothing_where_there_are_no_wildcards(self):
        with ScriptedBroker() as broker:
            broker.play("connack", connack(0, WILDCARD_SUBSCRIPTION_AVAILABLE + NONE))
            responder = self.world.add_ours(Process("mqtt_responder", [
                BUILD / "mqtt_responder", "--broker", broker.url]))
            self.assert_said_once(responder, "no subscriptions with wildcards")
            responder.wait_for_line("not ready")


if __name__ == "__main__":
    unittest.main()
