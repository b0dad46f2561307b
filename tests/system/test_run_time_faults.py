"""What the system takes away while a program runs ends it with an exit code that lets it be started
again: never with 2, which stands for a configuration that is wrong, and for which the units have
RestartPreventExitStatus=."""

import contextlib
import http.client
import pathlib
import re
import resource
import signal
import unittest

from harness import BUILD, Caller, Process, SystemTest, World

MAY_START_AGAIN = (1, -signal.SIGABRT, -signal.SIGSEGV)


def address_space(process):
    """In bytes, what the process has of it now."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmSize:\s+(\d+) kB", status).group(1)) * 1024


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

    def test_so_does_a_responder(self):
        responder = self.start("mqtt_responder")
        daemon = self.world.daemon(self.broker)
        self.let_no_more_memory_be_had(responder)
        with Caller(daemon.port) as caller:
            for _ in range(64):
                caller.transform("reverse", "x" * 1_000_000, timeout="100ms")
                if not responder.running():
                    break
        self.assertIn(responder.wait(), MAY_START_AGAIN, responder.log())


if __name__ == "__main__":
    unittest.main()
