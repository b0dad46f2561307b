"""A daemon and responders that are given several brokers: the first that accepts is kept, and when
it is lost the next one is. Calls that wait meanwhile are answered."""

import unittest

from faults import FaultTest, paused
from harness import Broker, Caller, eventually, silent_port, unused_port
from load import Load
from test_observability import status_of


def bridge_to(broker):
    """What makes a mosquitto a bridge to another one, for all topics in both directions."""
    return (f"connection other\naddress {broker.address}\ntopic # both 1\ncleansession true\n"
            "restart_timeout 1\nnotifications false\nbridge_protocol_version mqttv50\n")


class SeveralBrokers(FaultTest):
    def in_use(self, daemon):
        return status_of(daemon)["broker"]

    def wait_for(self, daemon, broker):
        daemon.wait_until_ready()
        eventually(lambda: self.in_use(daemon) == broker.url, f"the daemon uses {broker.url}")

    def test_the_first_that_accepts_is_kept_until_it_is_lost(self):
        with unused_port() as port:
            two = self.world.broker()
            three = self.world.broker()
            daemon = self.world.daemon(f"mqtt://127.0.0.1:{port}", "--broker", two.url,
                                       "--broker", three.url)
            self.assertEqual(self.in_use(daemon), two.url)
            self.assertEqual(status_of(daemon)["brokers"],
                             [f"mqtt://127.0.0.1:{port}", two.url, three.url])
            two.kill()
            self.wait_for(daemon, three)
            two.start_again()
            two.started()
            three.kill()
            self.wait_for(daemon, two)

    def test_one_that_says_nothing_does_not_keep_the_others_waiting(self):
        with silent_port() as port:
            broker = self.world.broker()
            daemon = self.world.daemon(f"mqtt://127.0.0.1:{port}", "--broker", broker.url)
            self.assertEqual(self.in_use(daemon), broker.url)

    def test_each_of_them_may_be_named_by_a_caller_whichever_is_in_use(self):
        one, two = self.world.broker(), self.world.broker()
        self.world.responder(one)
        daemon = self.world.daemon(one, "--broker", two.url)
        with Caller(daemon.port) as caller:
            for broker in (one, two):
                answer = caller.transform("reverse", "abc", broker=broker.address)
                self.assertEqual((answer.status, answer.text), (200, "cba"))
            answer = caller.transform("reverse", "abc", broker="127.0.0.1:1")
        self.assertEqual(answer.status, 421)
        self.assertIn(f"{one.url}, {two.url}", answer.text)

    def test_every_call_is_answered_when_the_broker_in_use_is_killed_and_a_responder_is_at_each(self):
        one, two = self.world.broker(), self.world.broker()
        for broker in (one, two):
            self.world.responder(broker)
        daemon = self.world.daemon(one, "--broker", two.url)
        with Load(daemon.port) as load:
            load.wait_for_calls(100)
            one.kill()
            self.wait_for(daemon, two)
            load.wait_for_calls(100)
            one.start_again()
            one.started()
            load.wait_for_calls(100)
            self.assertEqual(self.in_use(daemon), two.url)
        self.assert_all_answered("the broker in use of two is killed", load)

    def test_every_call_is_answered_when_the_broker_in_use_stops_and_a_responder_is_at_each(self):
        one, two = self.world.broker(), self.world.broker()
        for broker in (one, two):
            self.world.responder(broker)
        daemon = self.world.daemon(one, "--broker", two.url)
        with Load(daemon.port, timeout=10.0) as load:
            load.wait_for_calls(100)
            with paused(one):
                self.wait_for(daemon, two)
                load.wait_for_calls(100)
        self.assert_all_answered("the broker in use of two stops", load)

    def test_every_call_is_answered_when_each_of_two_bridged_brokers_is_killed_in_turn(self):
        two = self.world.broker()
        one = self.world.broker(config=bridge_to(two))
        two.wait_for_line(r"New client connected from \S+ as \S*other")
        responder = self.world.responder(two, "--broker", one.url)
        daemon = self.world.daemon(one, "--broker", two.url)
        with Load(daemon.port) as load:
            load.wait_for_calls(100)
            one.kill()  # the daemon's
            self.wait_for(daemon, two)
            load.wait_for_calls(100)
            one.start_again()
            one.started()
            two.wait_for_line(r"New client connected from \S+ as \S*other", 2)
            two.kill()  # both programs'
            self.wait_for(daemon, one)
            responder.wait_for_line(r"\bready\b", 2)
            load.wait_for_calls(100)
        self.assert_all_answered("each of two bridged brokers is killed in turn", load)

    def test_calls_get_503_while_none_is_there(self):
        one, two = self.world.broker(), self.world.broker()
        self.world.responder(two)
        daemon = self.world.daemon(one, "--broker", two.url)
        for broker in (one, two):
            broker.kill()
        with Caller(daemon.port) as caller:
            eventually(lambda: caller.transform("reverse", "abc").status == 503, "503")
        two.start_again()
        two.started()
        self.wait_for(daemon, two)

    def test_a_restarted_broker_is_kept_where_it_is_back_before_the_other_accepts(self):
        """With its session it has what came meanwhile."""
        one = self.world.broker()
        self.world.responder(one)
        with unused_port() as port:
            daemon = self.world.daemon(one, "--broker", f"mqtt://127.0.0.1:{port}")
            with Load(daemon.port) as load:
                load.wait_for_calls(100)
                self.restart(one, 0.3, Broker.stop)
                self.wait_for(daemon, one)
                load.wait_for_calls(100)
        self.assert_all_answered("the one broker of two that is there is restarted", load)


if __name__ == "__main__":
    unittest.main()
