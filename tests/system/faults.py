"""What the tests that break something under load have in common."""

import contextlib
import os
import signal
import socket
import time

from harness import PATIENCE, Broker, Daemon, SystemTest

# Connections that break several times in a row sooner than 100 ms are not opened again at once.
STABLE = 0.2


def say(fault, figures):
    print(f"FIGURE {fault}: {figures}", flush=True)


@contextlib.contextmanager
def paused(process):
    """While the block runs, the process does nothing but stays connected."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if process.running():
            os.kill(process.pid, signal.SIGCONT)


def milliseconds(seconds):
    return f"{seconds * 1000:.0f} ms"


class FaultTest(SystemTest):
    """A test that breaks something while calls run."""

    # How calls end while the broker is away for long.
    AWAY = ((503, "broker-unavailable"), (503, "overloaded"), (504, "response-timeout"))

    def daemon_in(self, folder, broker, *options):
        """A daemon that can be killed and, with the same folder, started again."""
        daemon = self.world.add_ours(Daemon(
            folder, "--broker", broker.url, "--netid", "alice", "--state-dir", folder, *options))
        daemon.wait_until_listening()
        daemon.wait_until_ready()
        return daemon

    def assert_decided(self, load):
        """What holds in every fault: each call ends in time and once, with nobody else's answer."""
        self.assertTrue(load.calls)
        self.assertEqual(load.wrong, [])
        self.assertEqual(load.twice, 0)
        self.assertEqual(load.overdue, [])

    def assert_all_answered(self, fault, load):
        say(fault, load.figures())
        self.assert_decided(load)
        self.assertEqual(load.failed[:3], [], load.outcomes())

    def assert_ends_with(self, fault, load, *endings):
        """Every call was answered, or ended in one of these ways."""
        say(fault, f"{load.figures()} ({load.outcomes()})")
        self.assert_decided(load)
        others = [call for call in load.failed if (call.status, call.slug) not in endings]
        self.assertEqual(others[:3], [], load.outcomes())

    @staticmethod
    def let_it_last(daemon, how_long=STABLE):
        """Until the next fault counts as one of its own."""
        daemon.wait_until_ready()
        time.sleep(how_long)

    def restart(self, broker, outage, end=Broker.kill):
        """Ends it, starts it again after that long, and returns once it accepts connections."""
        end(broker)
        with socket.socket() as ours:
            # Keeps everybody else from the port, but not the broker, which sets this option too.
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            ours.bind(("127.0.0.1", broker.port))
            time.sleep(outage)
            broker.start_again()
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                with contextlib.suppress(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", broker.port), PATIENCE).close()
                    return
        self.fail(f"the broker does not come back\n{broker.log()}")
