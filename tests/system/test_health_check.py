"""`mqtt_bridged --check-health`: one line and an exit code, for whoever has no HTTP client at hand."""

import re
import socket
import unittest

from harness import BUILD, Outcome, SystemTest, World, environment, run, silent_port, unused_port

READY = Outcome(0, "ready\n", "")


class HealthCheck(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()

    def check(self, *options, **variables):
        return run([BUILD / "mqtt_bridged", "--netid", "alice", *options, "--check-health"],
                   environment(**variables))

    def assert_not_ready(self, outcome, *words):
        self.assertEqual((outcome.code, outcome.stdout), (1, ""), outcome)
        self.assertRegex(outcome.stderr, r"\Amqtt_bridged: not ready: [^\n]+\n\Z")
        for word in words:
            self.assertIn(word, outcome.stderr)

    def token_file(self, name, token="correct-horse"):
        path = self.world.folder / name
        path.write_text(token + "\n")
        return path

    def test_a_daemon_is_ready_on_either_door(self):
        daemon = self.world.daemon(self.broker)
        self.assertEqual(self.check("--listen", f"127.0.0.1:{daemon.port}"), READY)
        self.assertEqual(self.check("--listen", daemon.unix_url), READY)
        self.assertEqual(self.check(MQTT_BRIDGE_LISTEN=f"127.0.0.1:{daemon.port}"), READY)

    def test_the_first_of_several_addresses_is_asked(self):
        daemon = self.world.daemon(self.broker)
        with unused_port() as port:
            nobody = ("--listen", f"127.0.0.1:{port}")
            self.assertEqual(self.check("--listen", daemon.unix_url, *nobody), READY)
            self.assert_not_ready(self.check(*nobody, "--listen", daemon.unix_url), str(port))

    def test_a_daemon_that_listens_on_all_addresses_is_asked_over_loopback(self):
        for address, family, shown in (("0.0.0.0", socket.AF_INET, r"0\.0\.0\.0"),
                                       ("[::]", socket.AF_INET6, r"\[::\]")):
            with self.subTest(address=address):
                try:
                    socket.create_server((address.strip("[]"), 0), family=family).close()
                except OSError:
                    self.skipTest(f"no {address} here")
                daemon = self.world.daemon(
                    self.broker, "--listen", f"{address}:0", "--allow-remote")
                port = daemon.wait_for_line(rf"listening on http://{shown}:(\d+)").group(1)
                self.assertEqual(
                    self.check("--listen", f"{address}:{port}", "--allow-remote"), READY)

    def test_a_token_is_sent(self):
        right, wrong = self.token_file("right"), self.token_file("wrong", "another")
        daemon = self.world.daemon(self.broker, "--token-file", right, ready=False)
        daemon.wait_until_ready({"Authorization": "Bearer correct-horse"})
        here = ("--listen", f"127.0.0.1:{daemon.port}")
        self.assertEqual(self.check(*here, "--token-file", right), READY)
        self.assert_not_ready(self.check(*here, "--token-file", wrong), "token")
        self.assert_not_ready(self.check(*here), "token")

    def test_a_daemon_without_a_broker_is_not_ready_and_says_why(self):
        with unused_port() as port:
            daemon = self.world.daemon(f"mqtt://127.0.0.1:{port}", ready=False)
            for door in (f"127.0.0.1:{daemon.port}", daemon.unix_url):
                self.assert_not_ready(self.check("--listen", door), door, "broker")

    def test_nothing_listens(self):
        with unused_port() as port:
            self.assert_not_ready(self.check("--listen", f"127.0.0.1:{port}"),
                                  f"nothing listens on 127.0.0.1:{port}")
        path = self.world.folder / "nobody.sock"
        self.assert_not_ready(self.check("--listen", f"unix:{path}"), "nothing listens", str(path))

    def test_a_port_that_is_chosen_at_the_start_cannot_be_asked(self):
        self.assert_not_ready(self.check("--listen", "127.0.0.1:0"), "127.0.0.1:0")

    def test_one_that_says_nothing_is_not_waited_for(self):
        with silent_port() as port:
            self.assert_not_ready(self.check("--listen", f"127.0.0.1:{port}"), "no answer")

    def test_the_options_are_checked_as_for_a_start(self):
        outcome = self.check("--listen", "0.0.0.0:8426")
        self.assertEqual(outcome.code, 2)
        self.assertIn("--token-file", outcome.stderr)
        outcome = self.check("--token-file", "/nonexistent/token")
        self.assertEqual(outcome.code, 2)
        self.assertTrue(re.match(r"mqtt_bridged: --token-file: .*\n\Z", outcome.stderr), outcome)


if __name__ == "__main__":
    unittest.main()
