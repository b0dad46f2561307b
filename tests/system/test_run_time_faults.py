"""What the system takes away while a program runs ends it with an exit code that lets it be started
again: never with 2, which stands for a configuration that is wrong, and for which the units have
RestartPreventExitStatus=."""

import contextlib
import ctypes
import http.client
import pathlib
import platform
import re
import resource
import signal
import struct
import subprocess
import unittest

from harness import BUILD, Caller, Process, SystemTest, World, environment
from mqtt_peer import Peer

MAY_START_AGAIN = (1, -signal.SIGABRT, -signal.SIGSEGV)


def address_space(process):
    """In bytes, what the process has of it now."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmSize:\s+(\d+) kB", status).group(1)) * 1024


def forbid_to_set_limits():
    """In a child before it becomes the program: setrlimit(2), and prlimit(2) with a new limit, fail
    with EPERM (seccomp(2); the numbers are those of x86-64)."""
    load, equal, end = 0x20, 0x15, 0x06  # BPF: a word, a comparison, the verdict
    allow, forbid = 0x7FFF0000, 0x00050001
    steps = [(load, 0, 0, 0), (equal, 4, 0, 160), (equal, 0, 2, 302), (load, 0, 0, 32),
             (equal, 0, 1, 0), (end, 0, 0, allow), (end, 0, 0, forbid)]
    program = ctypes.create_string_buffer(
        b"".join(struct.pack("HBBI", *step) for step in steps))
    head = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps),
                                                   ctypes.addressof(program)))
    libc = ctypes.CDLL(None)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, head, 0, 0):
        raise OSError("no seccomp")


class LimitsThatStay(SystemTest):
    @unittest.skipUnless(platform.machine() == "x86_64", "a filter for x86-64")
    def test_a_daemon_that_may_not_raise_its_limit_says_so_and_keeps_to_it(self):
        def confine():
            resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
            forbid_to_set_limits()
        daemon = subprocess.Popen([BUILD / "mqtt_bridged", "--listen", "127.0.0.1:0"],
                                  env=environment(), stderr=subprocess.PIPE, preexec_fn=confine)
        with daemon:
            warning, _listening = (daemon.stderr.readline().decode() for _ in range(2))
            daemon.terminate()
        self.assertIn("warn    cannot have more than 1024 descriptors", warning)
        self.assertEqual(daemon.returncode, 0)


class RunTimeFaults(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()

    def start(self, program, *options):
        process = self.world.add(Process(program, [
            BUILD / program, "--broker", self.broker.url, *options]))
        process.wait_for_line(r"linked to ")
        return process

    def let_no_more_memory_be_had(self, process):
        now = address_space(process)
        resource.prlimit(process.pid, resource.RLIMIT_AS, (now, now))

    def test_a_daemon_without_memory_ends_with_a_code_that_lets_it_be_started_again(self):
        daemon = self.start("mqtt_bridged", "--listen", "127.0.0.1:0", "--netid", "alice")
        port = int(daemon.wait_for_line(r"listening on http://127\.0\.0\.1:(\d+)").group(1))
        with contextlib.ExitStack() as callers:
            self.let_no_more_memory_be_had(daemon)
            for _ in range(64):
                caller = callers.enter_context(Caller(port))
                with contextlib.suppress(OSError, http.client.HTTPException):
                    caller.connection.request("POST", "/transform/reverse", b"x" * 1_000_000)
                if not daemon.running():
                    break
            self.assertIn(daemon.wait(), MAY_START_AGAIN, daemon.log())
        daemon.wait_for_line(r"critical (ended by a fault|aborted): std::bad_alloc")

    def test_so_does_a_responder_and_the_broker_takes_its_announcement_back(self):
        """A farewell to the broker would discard the will, and a responder that is gone be counted
        on for ever."""
        responder = self.start("mqtt_responder", "--id", "starved")
        daemon = self.world.daemon(self.broker)
        with Peer(self.broker, "mqtt-responder/starved/status") as peer:
            self.assertIn("starved", peer.next())
            self.let_no_more_memory_be_had(responder)
            with Caller(daemon.port) as caller:
                for _ in range(64):
                    caller.transform("reverse", "x" * 1_000_000, timeout="100ms")
                    if not responder.running():
                        break
            self.assertIn(responder.wait(), MAY_START_AGAIN, responder.log())
            self.assertEqual(peer.next(), "")


if __name__ == "__main__":
    unittest.main()
