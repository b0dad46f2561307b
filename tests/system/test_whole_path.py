"""The main job: text goes in by HTTP or on the command line, through MQTT, and the answer comes
back, whichever way it was asked for."""

import collections
import concurrent.futures
import json
import unittest

from harness import ACTIONS, Caller, SystemTest, World, run_client

TEXT = "they're in Größe 42, ΟΔΟΣ e\u0301 👩‍🚀!"

ANSWERS = {
    "uppercase": "THEY'RE IN GRÖSSE 42, ΟΔΟΣ E\u0301 👩‍🚀!",
    "lowercase": "they're in größe 42, οδος e\u0301 👩‍🚀!",
    "title-case": "They're In Größe 42, Οδος E\u0301 👩‍🚀!",
    "reverse": "!👩‍🚀 e\u0301 ΣΟΔΟ ,24 eßörG ni er'yeht",
}


class WholePath(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.responder = world.responder(cls.broker)
        cls.daemon = world.daemon(cls.broker)

    def assert_right(self, action, answer):
        if action == "shuffle":
            self.assertEqual(collections.Counter(answer), collections.Counter(TEXT))
        else:
            self.assertEqual(answer, ANSWERS[action])

    def assert_every_action_answers(self, where):
        with Caller(where) as caller:
            for action in ACTIONS:
                with self.subTest(action=action):
                    answer = caller.transform(action, TEXT)
                    self.assertEqual(answer.status, 200, answer)
                    self.assertEqual(answer.headers["Content-Type"], "text/plain; charset=utf-8")
                    self.assertTrue(answer.headers["Request-Id"])
                    self.assertTrue(answer.headers["Server-Timing"])
                    self.assert_right(action, answer.text)

    def assert_client_answers(self, *options, daemon_url=None, netid="alice"):
        for action in ACTIONS:
            with self.subTest(action=action):
                outcome = self.client(self.broker, *options, netid, action, TEXT,
                                      daemon_url=daemon_url)
                self.assertEqual((outcome.code, outcome.stderr), (0, ""), outcome)
                self.assertTrue(outcome.stdout.endswith("\n"))
                self.assert_right(action, outcome.stdout[:-1])

    def test_every_action_answers_over_tcp(self):
        self.assert_every_action_answers(self.daemon.port)

    def test_every_action_answers_over_the_unix_socket(self):
        self.assert_every_action_answers(self.daemon.socket_path)

    def test_every_action_answers_with_the_daemon_in_either_protocol(self):
        for protocol in ("auto", "5", "3.1.1"):
            with self.subTest(protocol=protocol):
                daemon = self.world.daemon(self.broker, "--protocol", protocol)
                self.assert_every_action_answers(daemon.port)

    def test_every_action_answers_with_the_responder_in_either_protocol(self):
        for protocol in ("5", "3.1.1"):
            with self.subTest(protocol=protocol):
                broker = self.world.broker()
                self.world.responder(broker, "--protocol", protocol)
                daemon = self.world.daemon(broker)
                self.assert_every_action_answers(daemon.port)

    def test_responders_that_share_a_group_answer_each_request_once(self):
        broker = self.world.broker()
        for _ in range(2):
            self.world.responder(broker, "--share", "workers")
        daemon = self.world.daemon(broker)
        with Caller(daemon.port) as caller:
            for number in range(50):
                self.assertEqual(caller.transform("uppercase", f"abc{number}").text, f"ABC{number}")
        broker.settle()
        published = [line for line in broker.lines
                     if "Sending PUBLISH" in line and "/uppercase/request" in line]
        self.assertEqual(len(published), 50)

    def test_mqtt_client_answers_through_the_daemon(self):
        direct = self.broker.connected("alice")
        for url in (self.daemon.url, self.daemon.unix_url):
            self.assert_client_answers(daemon_url=url)
        self.assertEqual(self.broker.connected("alice"), direct, "it went to the broker itself")

    def test_mqtt_client_takes_the_daemon_from_its_option_before_the_environment(self):
        before = self.broker.connected("alice")
        outcome = self.client(self.broker, "--daemon", self.daemon.url, "alice", "uppercase", "abc",
                              daemon_url="unix:/no/such/socket")
        self.assert_answered(outcome, "ABC")
        self.assertEqual(self.broker.connected("alice"), before)

    def test_mqtt_client_answers_directly_when_asked_to(self):
        daemon = self.world.daemon(self.broker, netid="dave")
        self.assert_client_answers("--direct", daemon_url=daemon.url, netid="dave")
        self.assertEqual(self.broker.connected("dave"), len(ACTIONS))

    def test_the_issues_own_sentence_is_answered_each_way(self):
        for options in ((), ("--direct",)):
            for url in (self.daemon.url, None):
                with self.subTest(options=options, url=url):
                    outcome = self.client(self.broker, *options, "alice", "uppercase",
                                          "Networking is the best!", daemon_url=url)
                    self.assert_answered(outcome, "NETWORKING IS THE BEST!")

    def test_a_message_may_be_empty_or_begin_with_a_dash_or_hold_anything(self):
        messages = {"": "", "-v": "-V", "--help": "--HELP", "-": "-", "a b": "A B", " ": " ",
                    "two\nlines": "TWO\nLINES", "a" * 5000: "A" * 5000, "%41+&?": "%41+&?"}
        for options in ((), ("--direct",)):
            for message, answer in messages.items():
                with self.subTest(options=options, message=message[:20]):
                    outcome = self.client(self.broker, *options, "alice", "uppercase", "--",
                                          message, daemon_url=self.daemon.url)
                    self.assert_answered(outcome, answer)

    def test_an_empty_message_needs_no_double_dash(self):
        for options in ((), ("--direct",)):
            outcome = self.client(self.broker, *options, "alice", "reverse", "",
                                  daemon_url=self.daemon.url)
            self.assert_answered(outcome, "")

    def test_verbose_says_on_stderr_what_happens_and_leaves_stdout_alone(self):
        for flag in ("-v", "--verbose"):
            for options in ((), ("--direct",)):
                with self.subTest(flag=flag, options=options):
                    outcome = self.client(self.broker, flag, *options, "alice", "uppercase", "abc",
                                          daemon_url=self.daemon.url)
                    self.assertEqual((outcome.code, outcome.stdout), (0, "ABC\n"))
                    self.assertTrue(outcome.stderr)

    def test_help_tells_the_usage_and_succeeds(self):
        outcome = run_client("--help")
        self.assertEqual((outcome.code, outcome.stderr), (0, ""))
        for word in ("NETID", "ACTION", "MESSAGE", "--host", "--port", "--verbose", *ACTIONS):
            self.assertIn(word, outcome.stdout)

    def test_an_empty_text_is_answered_over_http(self):
        with Caller(self.daemon.port) as caller:
            for action in ACTIONS:
                answer = caller.transform(action, "")
                self.assertEqual((answer.status, answer.body), (200, b""))

    def test_a_text_of_one_mebibyte_is_answered(self):
        text = "Größe " * (1024 * 1024 // 8)
        self.assertEqual(len(text.encode()), 1024 * 1024)
        with Caller(self.daemon.port) as caller:
            answer = caller.transform("lowercase", text, timeout="20s")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.text, text.lower())

    def test_a_named_netid_of_the_list_is_served_on_its_own_topics(self):
        daemon = self.world.daemon(self.broker, "--netids", "bob", "--netids", "carl")
        with Caller(daemon.port) as caller:
            for netid in ("bob", "carl", "alice"):
                answer = caller.transform("uppercase", "abc", netid=netid)
                self.assertEqual((answer.status, answer.text), (200, "ABC"))
                self.broker.wait_for_line(rf"Received PUBLISH from .*'{netid}/uppercase/request'")

    def test_any_netid_is_served_with_a_star(self):
        daemon = self.world.daemon(self.broker, "--netids", "*")
        with Caller(daemon.port) as caller:
            for netid in ("zoe", "Zoë", "a b", "n" * 128):
                answer = caller.transform("uppercase", "abc", netid=netid)
                self.assertEqual((answer.status, answer.text), (200, "ABC"), netid)

    def test_the_answer_comes_as_json_for_who_accepts_that(self):
        with Caller(self.daemon.port) as caller:
            answer = caller.transform("uppercase", "abc", headers={"Accept": "application/json"})
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["Content-Type"].startswith("application/json"))
        self.assertIn("ABC", json.loads(answer.body).values())

    def test_the_brokers_own_address_is_no_other_broker(self):
        with Caller(self.daemon.port) as caller:
            for host in ("127.0.0.1", "localhost", "[::1]"):
                answer = caller.transform("uppercase", "abc", broker=f"{host}:{self.broker.port}")
                self.assertEqual((answer.status, answer.text), (200, "ABC"), host)

    def test_a_valid_request_id_comes_back(self):
        with Caller(self.daemon.port) as caller:
            answer = caller.transform("uppercase", "abc", headers={"Request-Id": "my-call.17"})
        self.assertEqual(answer.headers["Request-Id"], "my-call.17")

    def test_healthz_and_readyz_say_200(self):
        with Caller(self.daemon.port) as caller:
            self.assertEqual(caller.get("/healthz").status, 200)
            self.assertEqual(caller.get("/readyz").status, 200)

    def test_200_concurrent_calls_with_distinct_payloads_each_get_their_own_answer(self):
        def call(number):
            action = ACTIONS[number % 3]  # the ones whose answer one can write down at once
            text = f"Call nUMBER {number}"
            answers = (text.upper(), text.lower(), text.title())
            with Caller(self.daemon.port) as caller:
                answer = caller.transform(action, text, timeout="20s")
            return (answer.status, answer.text), (200, answers[number % 3])

        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            for got, expected in pool.map(call, range(200)):
                self.assertEqual(got, expected)

    def test_200_concurrent_calls_of_one_action_each_get_their_own_answer(self):
        for protocol in ("5", "3.1.1"):
            daemon = self.world.daemon(self.broker, "--protocol", protocol)

            def call(number, port=daemon.port):
                with Caller(port) as caller:
                    answer = caller.transform("reverse", f"call {number:03}", timeout="20s")
                return (answer.status, answer.text), (200, f"{number:03}"[::-1] + " llac")

            with concurrent.futures.ThreadPoolExecutor(200) as pool:
                for got, expected in pool.map(call, range(200)):
                    self.assertEqual(got, expected)

    def test_1000_sequential_calls_on_one_connection_get_the_right_answers(self):
        for where in (self.daemon.port, self.daemon.socket_path):
            with Caller(where) as caller:
                caller.get("/healthz")
                connected = caller.connection.sock
                for number in range(1000):
                    answer = caller.transform("uppercase", f"call {number}")
                    self.assertEqual((answer.status, answer.text), (200, f"CALL {number}"))
                self.assertIs(caller.connection.sock, connected, "the connection was not kept")

    def test_the_daemon_comes_back_by_itself_when_the_broker_does(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        broker.stop()
        broker = self.world.broker(broker.port)
        self.world.responder(broker)
        daemon.wait_until_ready()
        with Caller(daemon.port) as caller:
            self.assertEqual(caller.transform("uppercase", "abc").text, "ABC")

    def test_the_daemon_stops_cleanly_with_a_call_in_flight(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        with Caller(daemon.port) as caller, concurrent.futures.ThreadPoolExecutor(1) as pool:
            call = pool.submit(caller.transform, "uppercase", "abc", timeout="1s")
            broker.wait_for_line(r"Received PUBLISH from .*alice/uppercase/request")
            self.assertEqual(daemon.stop(), 0)
            self.assertIn(call.result().status, (503, 504))

    def test_the_unix_socket_is_gone_after_the_daemon(self):
        daemon = self.world.daemon(self.broker)
        self.assertTrue(daemon.socket_path.is_socket())
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(daemon.socket_path.exists())


if __name__ == "__main__":
    unittest.main()
