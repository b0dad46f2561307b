"""mqtt_client in scripts: texts on stdin and in files, JSON, many calls, Ctrl-C."""

import json
import os
import pty
import signal
import subprocess
import unittest

from harness import BUILD, PATIENCE, SystemTest, World, environment, eventually, unused_port

SLOW = "sleep 60"


def finished(arguments, stdin=b""):
    done = subprocess.run([BUILD / "mqtt_client", *map(str, arguments)], input=stdin,
                          env=environment(), capture_output=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Scripts(SystemTest):
    """Each through the daemon and straight to the broker."""

    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.responder = world.responder(cls.broker, "--serve", f"slow={SLOW}")
        cls.daemon = world.daemon(cls.broker, "--action", "slow")
        cls.to_broker = ["--broker", cls.broker.url]
        cls.to_daemon = [*cls.to_broker, "--daemon", cls.daemon.url]
        cls.ways = (cls.to_daemon, [*cls.to_broker, "--direct"])

    def test_the_message_comes_from_stdin(self):
        for way in self.ways:
            for message in ([], ["-"]):
                for text in (b"hi", b"hi\n", b"hi\r\n"):
                    self.assertEqual(finished([*way, "alice", "uppercase", *message], text),
                                     (0, "HI\n", ""))
            self.assertEqual(finished([*way, "alice", "reverse", "--", "-"]), (0, "-\n", ""))
            long = b"x" * 300_000  # more than an argument can hold
            self.assertEqual(finished([*way, "alice", "uppercase"], long),
                             (0, "X" * 300_000 + "\n", ""))

    def test_the_message_comes_from_a_file(self):
        file = self.world.folder / "text"
        file.write_bytes(b"two\nlines\n")
        for way in self.ways:
            self.assertEqual(finished([*way, "--file", file, "alice", "uppercase"]),
                             (0, "TWO\nLINES\n", ""))
        code, out, err = finished([*self.to_daemon, "--file", "/none", "alice", "uppercase"])
        self.assertEqual((code, out), (2, ""))
        self.assertIn("/none cannot be read: No such file", err)

    def test_what_is_no_message_is_refused(self):
        for text, words in ((b"\xff", "stdin is not UTF-8"), (b"x" * 1_048_577, "1048576 bytes")):
            code, out, err = finished([*self.to_daemon, "alice", "uppercase"], text)
            self.assertEqual((code, out), (2, ""))
            self.assertIn(words, err)

    def test_json_tells_of_the_answer_and_of_the_problem(self):
        for way in self.ways:
            code, out, err = finished([*way, "--json", "alice", "uppercase", "hi"])
            self.assertEqual((code, err), (0, ""))
            answer = json.loads(out)
            self.assertEqual((answer["response"], answer["matched_by"]), ("HI", "correlation"))
            self.assertGreater(answer["milliseconds"]["total"], 0)
        code, out, err = finished(
            [*self.to_daemon, "--json", "--timeout", "100ms", "alice", "slow", "hi"])
        self.assertEqual((code, json.loads(out)["status"]), (3, 504))
        self.assertEqual(err.count("\n"), 1)
        with unused_port() as port:
            code, out, _ = finished(
                ["--broker", f"127.0.0.1:{port}", "--direct", "--json", "alice", "uppercase", "hi"])
            self.assertEqual((code, json.loads(out)["status"]), (4, 503))

    def test_each_line_has_its_answer_in_the_order_of_the_input(self):
        lines = [f"line {number}" for number in range(2000)]
        text = "\n".join(lines).encode()
        file = self.world.folder / "lines"
        file.write_bytes(text)
        expected = (0, "".join(f"{line.upper()}\n" for line in lines), "")
        for way in self.ways:
            for source, stdin in (([], text), (["-"], text), ([file], b"")):
                self.assertEqual(finished([*way, "--lines", "alice", "uppercase", *source], stdin),
                                 expected)

    def test_no_line_is_no_call(self):
        for way in self.ways:
            self.assertEqual(finished([*way, "--lines", "alice", "uppercase"]), (0, "", ""))

    def test_a_line_that_fails_costs_that_line_and_is_named_by_its_number(self):
        text = b"a\n\xff\n" + b"x" * 1_048_577 + b"\nb\n"
        for way in self.ways:
            code, out, err = finished([*way, "--lines", "alice", "uppercase"], text)
            self.assertEqual((code, out), (1, "A\n\n\nB\n"))
            self.assertRegex(err, r"\Amqtt_client: line 2: it is not UTF-8\n"
                                  r"mqtt_client: line 3: it has more than 1048576 bytes\n\Z")
            code, out, _ = finished([*way, "--json", "--lines", "alice", "uppercase"], text)
            answers = [json.loads(line) for line in out.splitlines()]
            self.assertEqual([answer.get("response") for answer in answers],
                             ["A", None, None, "B"])

    def test_what_concerns_every_line_is_said_once(self):
        with unused_port() as port:
            for way in (["--broker", f"127.0.0.1:{port}", "--direct"],
                        [*self.to_broker, "--daemon", f"http://127.0.0.1:{port}"]):
                code, out, err = finished([*way, "--lines", "alice", "uppercase"], b"a\nb\nc\n" * 99)
                self.assertEqual(code, 1)
                self.assertEqual(out.strip(), "")
                self.assertRegex(err, r"\Amqtt_client: line 1: [^\n]+\n"
                                      r"mqtt_client: ended early: 0 answered, [^\n]+\n\Z")

    def test_a_daemon_that_does_not_serve_the_netid_is_named_in_the_first_line(self):
        code, out, err = finished([*self.to_daemon, "--lines", "erin", "uppercase"], b"a\nb\n")
        self.assertEqual((code, out.strip()), (1, ""))
        self.assertIn("line 1: mqtt_bridged at", err)
        self.assertIn("--netids", err)

    def test_repeat_prints_how_long_the_calls_took(self):
        for way in self.ways:
            code, out, err = finished([*way, "--repeat", "20", "alice", "uppercase", "hi"])
            self.assertEqual((code, err), (0, ""))
            self.assertRegex(out, r"\A20 calls in [\d.]+ s: 20 answered, 0 failed, \d+/s\n"
                                  r"milliseconds: min [\d.]+, p50 .+, p99 .+, max [\d.]+\n\Z")
            code, out, _ = finished([*way, "--json", "--repeat", "3", "alice", "uppercase", "hi"])
            self.assertEqual(json.loads(out)["answered"], 3)

    def test_ctrl_c_prints_what_was_answered_and_ends_by_the_signal(self):
        terminal, theirs = pty.openpty()
        with subprocess.Popen(
                [BUILD / "mqtt_client", *self.to_daemon, "--lines", "alice", "uppercase"],
                env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs,
                preexec_fn=lambda: (os.setsid(), __import__("fcntl").ioctl(
                    theirs, __import__("termios").TIOCSCTTY, 0))) as client:
            os.close(theirs)
            client.stdin.write(b"a\nb\n")
            client.stdin.flush()
            self.assertEqual(client.stdout.readline() + client.stdout.readline(), b"A\nB\n")
            os.write(terminal, b"\x03")
            self.assertEqual(client.wait(PATIENCE), -signal.SIGINT)
            said = os.read(terminal, 10_000).decode()
            client.stdin.close()
        os.close(terminal)
        self.assertIn("interrupted: 2 answered, 0 failed", said)

    def test_long_work_shows_how_far_it_is_on_a_terminal_only(self):
        terminal, theirs = pty.openpty()
        said = b""
        with subprocess.Popen(
                [BUILD / "mqtt_client", *self.to_daemon, "--lines", "alice", "uppercase"],
                env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=theirs) as client:
            os.close(theirs)
            client.stdin.write(b"a\n")
            client.stdin.flush()

            def shown():
                nonlocal said
                said += os.read(terminal, 1000)
                return b"1 calls" in said
            eventually(shown, "the progress is shown")
            self.assertEqual(client.communicate(timeout=PATIENCE)[0], b"A\n")
        os.close(terminal)

    def test_a_reader_that_goes_away_ends_it_without_a_word(self):
        with subprocess.Popen(
                [BUILD / "mqtt_client", *self.to_daemon, "--lines", "alice", "uppercase"],
                env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE) as client:
            client.stdin.write(b"a\n")
            client.stdin.flush()
            self.assertEqual(client.stdout.readline(), b"A\n")
            client.stdout.close()
            client.stdin.write(b"b\n")
            client.stdin.flush()
            self.assertEqual(client.wait(PATIENCE), -signal.SIGPIPE)
            self.assertEqual(client.stderr.read(), b"")


if __name__ == "__main__":
    unittest.main()
