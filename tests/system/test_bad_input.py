"""Bad input gets a clear error: on the command line one line on stderr and an exit code, over HTTP
a problem. test_problems.py has the whole table of problems; here is what a person can get wrong."""

import json
import socket
import unittest

from harness import (BUILD, PATIENCE, Caller, Process, SystemTest, World, run, run_client,
                     silent_port, unused_port)
from mqtt_peer import silent_service

LONGEST = "n" * 128


class OnTheCommandLine(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.daemon = world.daemon(cls.broker, "--netids", "*")

    def assert_usage_error(self, *arguments, words=()):
        """Whether it would go through a daemon or not."""
        for options in ((), ("--direct",)):
            with self.subTest(arguments=arguments, options=options):
                outcome = run_client(*options, *arguments, daemon_url=self.daemon.url)
                self.assert_one_line(outcome, 2, *words)

    def test_an_unknown_action_is_a_usage_error_that_names_it(self):
        self.assert_usage_error("alice", "rot13", "abc", words=["rot13", "uppercase"])
        self.assert_usage_error("alice", "Uppercase", "abc", words=["Uppercase", "uppercase"])
        self.assert_usage_error("alice", "", "abc")

    def test_missing_arguments_are_a_usage_error_that_names_the_first_one(self):
        self.assert_usage_error(words=["NETID"])
        self.assert_usage_error("alice", words=["ACTION"])
        self.assert_usage_error("alice", "uppercase", words=["MESSAGE"])

    def test_an_argument_too_many_or_an_unknown_option_is_a_usage_error_that_names_it(self):
        self.assert_usage_error("alice", "uppercase", "abc", "surplus", words=["surplus"])
        self.assert_usage_error("--nonsense", "alice", "uppercase", "abc", words=["--nonsense"])
        self.assert_usage_error("alice", "uppercase", "abc", "--host", words=["--host"])

    def test_a_netid_that_is_none_is_a_usage_error(self):
        for netid in ("", "a/b", "a+b", "a#b", "+", "#", "/", "$SYS", "a\nb", LONGEST + "n"):
            self.assert_usage_error("--", netid, "uppercase", "abc", words=["NETID"])

    def test_a_port_out_of_range_is_a_usage_error(self):
        for port in ("0", "65536", "-1", "1883x", "", "99999999999999999999", "18.83"):
            self.assert_usage_error(f"--port={port}", "alice", "uppercase", "abc", words=["port"])

    def test_a_timeout_that_is_none_is_a_usage_error(self):
        for timeout in ("soon", "0s", "-1s", "", "5 parsecs"):
            self.assert_usage_error(f"--timeout={timeout}", "alice", "uppercase", "abc",
                                    words=["timeout"])

    def test_a_message_that_is_not_utf_8_is_refused(self):
        for options in ((), ("--direct",)):
            arguments = ["--host", "127.0.0.1", "-p", str(self.broker.port), *options, "alice",
                         "uppercase"]
            outcome = run_client(*arguments, b"\xff\xfe", daemon_url=self.daemon.url)
            self.assertIn(outcome.code, (1, 2))
            self.assert_one_line(outcome, outcome.code, "UTF-8")

    def test_a_host_that_does_not_resolve_is_an_unreachable_broker(self):
        outcome = run_client("--host", "no-such-host.invalid", "alice", "uppercase", "abc")
        self.assert_one_line(outcome, 4, "no-such-host.invalid")

    def test_a_broker_that_is_down_is_an_unreachable_broker(self):
        with unused_port() as port:
            outcome = run_client("--host", "127.0.0.1", "-p", str(port), "alice", "uppercase",
                                 "abc")
            self.assert_one_line(outcome, 4, f"there is no broker at 127.0.0.1:{port}")

    def test_a_broker_that_never_answers_connect_is_an_unreachable_broker(self):
        with silent_port() as port:
            outcome = run_client("--host", "127.0.0.1", "-p", str(port), "--timeout", "500ms",
                                 "alice", "uppercase", "abc")
            self.assert_one_line(outcome, 4, str(port))

    def test_a_daemon_whose_broker_is_down_is_an_unreachable_broker(self):
        with unused_port() as port:
            daemon = self.world.daemon(f"mqtt://127.0.0.1:{port}", ready=False)
            outcome = run_client("--host", "127.0.0.1", "-p", str(port), "--timeout", "500ms",
                                 "alice", "uppercase", "abc", daemon_url=daemon.url)
            self.assert_one_line(outcome, 4)

    def test_no_responder_is_no_answer_in_time(self):
        for options in ((), ("--direct",)):
            outcome = self.client(self.broker, "--timeout", "300ms", *options, "alice",
                                  "uppercase", "abc", daemon_url=self.daemon.url)
            self.assert_one_line(outcome, 3)

    def test_a_daemon_that_goes_away_during_a_call_is_no_reason_to_ask_twice(self):
        """It may have published; the command line must not go directly then."""
        with socket.create_server(("127.0.0.1", 0)) as impostor:
            impostor.settimeout(PATIENCE)
            port = impostor.getsockname()[1]
            before = self.broker.connected("alice")
            client = self.world.add(Process("mqtt_client", [
                BUILD / "mqtt_client", "--host", "127.0.0.1", "-p", str(self.broker.port),
                "--daemon", f"http://127.0.0.1:{port}", "alice", "uppercase", "abc"]))
            connected, _ = impostor.accept()
            with connected:
                connected.recv(65536)
            self.assertEqual(client.wait(), 1, client.log())
            self.assertEqual(len(client.lines), 1, client.log())
            self.assertEqual(self.broker.connected("alice"), before)


class OverHttp(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.daemon = world.daemon(cls.broker, "--netids", "*", "--timeout", "300ms")

    def assert_problem(self, answer, status, slug, *words):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        problem = json.loads(answer.body)
        self.assertTrue(problem["type"].endswith(slug), problem)
        for word in words:
            self.assertIn(word, problem["detail"])

    def test_an_unknown_action_gets_404_and_the_actions_that_there_are(self):
        with Caller(self.daemon.port) as caller:
            answer = caller.transform("rot13", "abc")
            self.assert_problem(answer, 404, "unknown-action")
            for action in ("uppercase", "lowercase", "title-case", "reverse", "shuffle"):
                self.assertIn(action, answer.text)

    def test_a_netid_that_is_none_gets_400(self):
        bad = ["", "a/b", "a+b", "a#b", "+", "#", "/", "a\0b", "$SYS", "a\nb", LONGEST + "n",
               "\u00e9" * 65]
        with Caller(self.daemon.port) as caller:
            for netid in bad:
                with self.subTest(netid=netid):
                    answer = caller.transform("uppercase", "abc", netid=netid)
                    self.assert_problem(answer, 400, "invalid-netid")
            for escaped in ("%ff", "%c0%80", "%ed%a0%80"):
                with self.subTest(netid=escaped):
                    answer = caller.request("POST", f"/transform/uppercase?netid={escaped}", b"abc")
                    self.assert_problem(answer, 400, "invalid-netid")

    def test_the_longest_netid_is_published(self):
        with silent_service(self.broker), Caller(self.daemon.port) as caller:
            answer = caller.transform("uppercase", "abc", netid=LONGEST)
            self.assert_problem(answer, 504, "response-timeout")

    def test_a_timeout_that_is_none_gets_400(self):
        with Caller(self.daemon.port) as caller:
            for timeout in ("soon", "", "0s", "-1s", "0", "1.", "3600", "3600s", "9999999999999999999s"):
                with self.subTest(timeout=timeout):
                    answer = caller.transform("uppercase", "abc", timeout=timeout)
                    self.assert_problem(answer, 400, "invalid-parameter", "timeout")

    def test_a_silent_service_gets_504_which_says_that_it_was_published(self):
        with silent_service(self.broker), Caller(self.daemon.port) as caller:
            answer = caller.transform("uppercase", "abc")
            self.assert_problem(answer, 504, "response-timeout")
            self.assertFalse(json.loads(answer.body)["retryable"])

    def test_a_broker_that_is_down_gets_503_and_leaves_readyz_at_503(self):
        with unused_port() as port:
            daemon = self.world.daemon(f"mqtt://127.0.0.1:{port}", ready=False)
            self.assert_broker_unavailable(daemon)

    def test_a_broker_that_never_answers_connect_gets_503(self):
        with silent_port() as port:
            daemon = self.world.daemon(f"mqtt://127.0.0.1:{port}", ready=False)
            self.assert_broker_unavailable(daemon)

    def test_a_broker_whose_host_does_not_resolve_gets_503(self):
        daemon = self.world.daemon("mqtt://no-such-host.invalid:1883", ready=False)
        self.assert_broker_unavailable(daemon)
        daemon.wait_for_line("no-such-host.invalid")

    def assert_broker_unavailable(self, daemon):
        with Caller(daemon.port) as caller:
            self.assertEqual(caller.get("/healthz").status, 200)
            self.assertEqual(caller.get("/readyz").status, 503)
            answer = caller.transform("uppercase", "abc", timeout="300ms")
            self.assert_problem(answer, 503, "broker-unavailable")
            self.assertTrue(json.loads(answer.body)["retryable"])


class AtTheStart(SystemTest):
    """The programs that keep running refuse to start with what they cannot do."""

    def assert_refused(self, program, *arguments, words=()):
        with self.subTest(program=program, arguments=arguments):
            outcome = run([BUILD / program, *arguments])
            self.assert_one_line(outcome, 2, *words)

    def test_a_port_already_taken_is_refused_by_its_address(self):
        with silent_port() as port:
            self.assert_refused("mqtt_bridged", "--netid", "alice", "--listen",
                                f"127.0.0.1:{port}", words=[f"127.0.0.1:{port}"])

    def test_two_daemons_do_not_share_a_port(self):
        first = self.world.daemon(self.world.broker())
        self.assert_refused("mqtt_bridged", "--netid", "alice", "--listen",
                            f"127.0.0.1:{first.port}", words=[f"127.0.0.1:{first.port}"])
        with Caller(first.port) as caller:
            self.assertEqual(caller.get("/healthz").status, 200)

    def test_two_daemons_do_not_share_a_unix_socket(self):
        first = self.world.daemon(self.world.broker())
        self.assert_refused("mqtt_bridged", "--netid", "alice", "--listen",
                            f"unix:{first.socket_path}", words=[str(first.socket_path)])
        with Caller(first.socket_path) as caller:
            self.assertEqual(caller.get("/healthz").status, 200)

    def test_a_bad_option_is_refused_by_its_name(self):
        bad = {"--broker": ["http://localhost:1883", "mqtt://localhost:65536", "mqtt://:1883", ""],
               "--netid": ["a/b", "", LONGEST + "n"],
               "--netids": ["a+b"],
               "--listen": ["127.0.0.1", "127.0.0.1:65536", "unix:", "nonsense"],
               "--timeout": ["soon", "0s"],
               "--max-timeout": ["soon"],
               "--protocol": ["4", "3.1"],
               "--log-level": ["chatty"],
               "--token-file": ["/nonexistent/token"]}
        for option, values in bad.items():
            for value in values:
                arguments = [option, value]
                if option != "--netid":
                    arguments += ["--netid", "alice"]
                if option != "--listen":
                    arguments += ["--listen", "127.0.0.1:0"]
                self.assert_refused("mqtt_bridged", *arguments, words=[option[2:]])
        self.assert_refused("mqtt_bridged", "--nonsense", words=["--nonsense"])

    def test_the_responder_refuses_a_bad_option_by_its_name(self):
        self.assert_refused("mqtt_responder", "--broker", "http://localhost", words=["broker"])
        self.assert_refused("mqtt_responder", "--protocol", "4", words=["protocol"])
        self.assert_refused("mqtt_responder", "--share", "a/b", words=["share"])
        self.assert_refused("mqtt_responder", "--nonsense", words=["--nonsense"])

    def assert_config_refused(self, program, text, line, key):
        config = self.world.folder / f"{program}.toml"
        config.write_text(text)
        for also in ((), ("--check-config",)):
            self.assert_refused(program, "--config", config, *also,
                                words=[f"{config}:{line}", key])

    def test_a_configuration_with_an_unknown_key_is_refused_by_file_line_and_key(self):
        self.assert_config_refused("mqtt_bridged",
                                   '# one\nnetid = "alice"\n\nnettid = "bob"\n', 4, "nettid")
        self.assert_config_refused("mqtt_responder",
                                   'broker = "mqtt://localhost:1883"\nbrooker = 1\n', 2, "brooker")

    def test_a_configuration_with_a_value_of_the_wrong_type_is_refused_by_file_line_and_key(self):
        for line in ("timeout = 5", "netid = 17", 'netids = "bob"', "broker = true",
                     "listen = { port = 1 }", "log-level = 3.5", 'timeout = "soon"'):
            key = line.split(" ")[0]
            head = "" if key == "netid" else 'netid = "alice"\n'
            self.assert_config_refused("mqtt_bridged", head + line + "\n", 2 if head else 1, key)

    def test_a_configuration_that_is_no_toml_is_refused_by_file_and_line(self):
        self.assert_config_refused("mqtt_bridged", 'netid = "alice"\n[[[\n', 2, "")

    def test_a_configuration_that_is_not_there_is_refused_by_its_name(self):
        self.assert_refused("mqtt_bridged", "--config", "/nonexistent/bridge.toml",
                            words=["/nonexistent/bridge.toml"])

    def test_a_good_configuration_is_used(self):
        broker = self.world.broker()
        self.world.responder(broker)
        config = self.world.folder / "good.toml"
        config.write_text(f'netids = ["bob"]\ntimeout = "2s"\nbroker = "{broker.url}"  # "#"\n')
        self.assertEqual(run([BUILD / "mqtt_bridged", "--config", config, "--check-config"]).code, 0)
        daemon = self.world.daemon(broker, "--config", config)
        with Caller(daemon.port) as caller:
            self.assertEqual(caller.transform("uppercase", "abc", netid="bob").text, "ABC")

    def test_a_check_of_good_options_succeeds_without_a_word_on_stderr(self):
        outcome = run([BUILD / "mqtt_bridged", "--netid", "alice", "--check-config"])
        self.assertEqual((outcome.code, outcome.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
