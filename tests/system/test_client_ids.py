"""Two clients with one client id throw each other off the broker, for as long as both come back
(MQTT 5.0 3.1.4). Each of our programs says what it is, and does not fight."""

import concurrent.futures
import json
import re
import time
import unittest

from faults import say
from harness import Caller, SystemTest, eventually
from mqtt_peer import Holder, Peer, responder

CLIENT_ID = "mine-alone"
NAMED = r"another client (seems to use|uses) our client id"


class LongRunning(SystemTest):
    def assert_named(self, *programs):
        """One of them says so soon, so they have not fought for long."""
        eventually(lambda: any(self.named(program) for program in programs), "it is named")
        self.assertLess(sum(self.links(program) for program in programs), 20)

    def named(self, program):
        return [line for line in list(program.lines) if re.search(NAMED, line)]

    def links(self, program):
        return sum("linked to" in line for line in list(program.lines))

    def test_two_daemons_with_one_client_id_say_so_and_do_not_fight(self):
        for protocol in ("5", "3.1.1"):
            with self.subTest(protocol=protocol):
                broker = self.world.broker()
                self.world.responder(broker)
                daemons = [self.world.daemon(broker, "--client-id", CLIENT_ID, "--protocol",
                                             protocol, ready=False) for _ in range(2)]
                self.assert_named(*daemons)
                loser = next(daemon for daemon in daemons if self.named(daemon))
                with Caller(loser.port) as caller:
                    eventually(lambda: "client id" in caller.get("/readyz").text,
                               "/readyz names it")
                say(f"two daemons with one client id, MQTT {protocol}",
                    f"linked {[self.links(daemon) for daemon in daemons]} times")

    def test_a_daemon_and_a_responder_whose_broker_takes_the_user_for_the_client_id_say_so(self):
        broker = self.world.broker(config="use_username_as_clientid true")
        responder = self.world.responder(broker, "--username", "both")
        daemon = self.world.daemon(broker, "--username", "both", ready=False)
        self.assert_named(daemon, responder)

    def test_a_client_that_comes_back_at_once_is_named(self):
        for protocol in ("5", "3.1.1"):
            with self.subTest(protocol=protocol):
                broker = self.world.broker()
                daemon = self.world.daemon(broker, "--client-id", CLIENT_ID, "--protocol", protocol)
                with Holder(broker, CLIENT_ID, 0):
                    self.assert_named(daemon)

    def test_a_client_that_comes_back_after_a_pause_is_named(self):
        """The link is up most of the time, so it is named while it is."""
        for protocol in ("5", "3.1.1"):
            with self.subTest(protocol=protocol):
                broker = self.world.broker()
                daemon = self.world.daemon(broker, "--client-id", CLIENT_ID, "--protocol", protocol)
                with Holder(broker, CLIENT_ID, 1), Caller(daemon.port) as caller:
                    daemon.wait_for_line(r" error .*another client (seems to )?use our client id")
                    eventually(lambda: caller.get("/readyz").text.startswith("ready\nwarning: ")
                               and "warning" in json.loads(caller.get("/status").text),
                               "the daemon is ready, and warns of it")
                    self.assertIn(CLIENT_ID, caller.get("/readyz").text)

    def test_a_client_with_the_same_id_is_named_though_it_was_made_up(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        client_id = broker.wait_for_line(r"as (mqtt-bridge-\w+)").group(1)
        with Holder(broker, client_id, 0):
            self.assert_named(daemon)


class CommandLine(SystemTest):
    def test_eight_calls_at_once_for_one_netid_are_all_answered(self):
        broker = self.world.broker()
        self.world.responder(broker)
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(
                lambda n: self.client(broker, "--direct", "erin", "uppercase", f"text {n}"),
                range(8)))
        say("eight calls at once from the command line",
            f"{time.monotonic() - begin:.2f} s, {len(broker.takeovers())} connections taken over")
        for n, outcome in enumerate(outcomes):
            self.assert_answered(outcome, f"TEXT {n}")

    def test_eight_calls_at_once_to_a_slow_service_are_each_asked_once_and_answered(self):
        """It answers one after the other, without correlation data."""
        def answer(client, request):
            time.sleep(0.1)  # what the service needs
            client.publish("erin/uppercase/response", request.payload.upper(), qos=1)

        broker = self.world.broker()
        with Peer(broker, "erin/uppercase/request", answer) as service:
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                outcomes = list(pool.map(
                    lambda n: self.client(broker, "--direct", "erin", "uppercase", f"text {n}"),
                    range(8)))
        for n, outcome in enumerate(outcomes):
            self.assert_answered(outcome, f"TEXT {n}")
        self.assertEqual(service.messages.qsize(), 8)

    def test_another_client_with_the_netid_as_client_id_is_named(self):
        broker = self.world.broker()
        with responder(broker, lambda *_: None), Holder(broker, "erin", 0.02):
            outcome = self.client(broker, "--direct", "--timeout", "2s", "erin", "uppercase", "text")
        self.assertNotEqual(outcome.code, 0)
        self.assertRegex(outcome.stderr, "another client .*'erin'")


if __name__ == "__main__":
    unittest.main()
