"""What becomes of a program's output when its reader is gone or the disk is full."""

import contextlib
import os
import signal
import subprocess
import unittest

from harness import BUILD, PATIENCE, SystemTest, World, environment

HELP_AND_VERSION = [(program, flag)
                    for program in ("mqtt_client", "libexec/mqtt_client_direct", "mqtt_bridged",
                                    "mqtt_responder")
                    for flag in ("--help", "--version")]


class Output(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.responder = world.responder(cls.broker)
        cls.daemon = world.daemon(cls.broker)

    def all_that_print(self):
        call = ["--host", "127.0.0.1", "-p", str(self.broker.port), "alice", "uppercase", "abc"]
        yield [BUILD / "mqtt_client", "--direct", *call]
        yield [BUILD / "mqtt_client", "--daemon", self.daemon.url, *call]
        yield [BUILD / "mqtt_bridged", "--check-config"]
        yield [BUILD / "mqtt_responder", "--check-config"]
        yield [BUILD / "mqtt_bridged", "--check-health", "--listen",
               f"127.0.0.1:{self.daemon.port}"]
        for program, flag in HELP_AND_VERSION:
            yield [BUILD / program, flag]

    def assert_ends(self, code, stderr, stdout, **how):
        for command in self.all_that_print():
            with self.subTest(command=command):
                completed = subprocess.run(
                    command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                    env=environment(), timeout=PATIENCE, check=False, **how)
                self.assertEqual(completed.returncode, code, completed)
                self.assertRegex(completed.stderr.decode(), stderr)

    def test_a_full_disk_is_an_error_with_words(self):
        with open("/dev/full", "wb", buffering=0) as full:
            self.assert_ends(1, r"\A\w+: cannot write to stdout: No space left on device\n\Z", full)

    def test_a_closed_stdout_is_an_error_with_words(self):
        """And no connection gets its number, to which the answer would be sent."""
        self.assert_ends(1, r"\A\w+: cannot write to stdout: Bad file descriptor\n\Z", None,
                         preexec_fn=lambda: os.close(1))

    def test_a_reader_that_went_away_ends_it_without_a_word(self):
        """As `| head` does, also where the signal was ignored from the start."""
        for ignored in (True, False):
            reading, writing = os.pipe()
            os.close(reading)
            with contextlib.closing(os.fdopen(writing, "wb", buffering=0)) as pipe:
                self.assert_ends(-signal.SIGPIPE, r"\A\Z", pipe, restore_signals=not ignored)


if __name__ == "__main__":
    unittest.main()
