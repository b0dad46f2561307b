"""What the programs tell the system that started them, by the datagrams of sd_notify(3): here we are
that system. The same on a booted systemd is tests/systemd's."""

import concurrent.futures
import contextlib
import ctypes
import os
import pathlib
import queue
import signal
import socket
import tempfile
import unittest

from harness import (BUILD, PATIENCE, Caller, Process, SystemTest, environment, eventually,
                     unused_port)
from mqtt_peer import answer_with, responder

READY_WITH_5 = r"STATUS=ready: linked to .* with MQTT 5"
NOT_READY = "STATUS=not ready: "
WATCHDOG_USEC = 1_500_000  # told of progress every half second

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
libc = ctypes.CDLL(None, use_errno=True)


class System:
    """Who is told."""

    def __init__(self, folder):
        self.path = os.path.join(tempfile.mkdtemp(dir=folder), "notify")
        self.told = []  # every assignment, in order
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.settimeout(PATIENCE)

    def close(self):
        self._socket.close()

    def next(self):
        """The assignments of one datagram."""
        told = self._socket.recv(4096).decode().split("\n")
        self.told += told
        return told

    def wait_for(self, begin):
        """The first assignment from now on that begins so."""
        while True:
            for assignment in self.next():
                if assignment.startswith(begin):
                    return assignment

    def forget(self):
        """What has been told by now; nothing of it is waited for any more."""
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.next()
        self._socket.settimeout(PATIENCE)
        told, self.told = self.told, []
        return told


@contextlib.contextmanager
def standing_still(thread):
    """That thread of another process does nothing meanwhile; the rest of its process goes on."""
    def ptrace(request):
        if libc.ptrace(request, thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    ptrace(PTRACE_SEIZE)
    ptrace(PTRACE_INTERRUPT)
    os.waitpid(thread, 0x40000000)  # __WALL: any kind of thread
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH)


def thread_named(process, name):
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int(task.name)
    raise AssertionError(f"no thread {name}")


class Service(SystemTest):
    def start(self, program, broker, *options, **env):
        """The program, started by our own system."""
        system = System(self.world.folder)
        self.addCleanup(system.close)
        url = broker if isinstance(broker, str) else broker.url
        process = self.world.add_ours(Process(
            program, [BUILD / program, "--broker", url, *options],
            environment(NOTIFY_SOCKET=system.path, **env)))
        return process, system

    def bridged(self, broker, *options, **env):
        return self.start("mqtt_bridged", broker, "--listen", "127.0.0.1:0", *options, **env)

    def port_of(self, daemon):
        return int(daemon.wait_for_line(r"listening on http://127.0.0.1:(\d+)").group(1))

    def test_the_daemon_is_ready_when_it_listens_though_there_is_no_broker(self):
        with unused_port() as port:
            daemon, system = self.bridged(f"mqtt://127.0.0.1:{port}")
            system.wait_for("READY=1")
            with Caller(self.port_of(daemon)) as caller:
                self.assertEqual(caller.get("/healthz").status, 200)
            self.assertEqual(system.wait_for(NOT_READY),
                             NOT_READY + f"there is no broker at 127.0.0.1:{port}")

    def test_the_status_follows_the_broker(self):
        broker = self.world.broker()
        for program in ("mqtt_bridged", "mqtt_responder"):
            with self.subTest(program):
                start = self.bridged if program == "mqtt_bridged" else self.start
                arguments = (broker,) if program == "mqtt_bridged" else (program, broker)
                _, system = start(*arguments)
                self.assertRegex(system.wait_for("STATUS=ready: "), READY_WITH_5)
                self.assertIn("READY=1", system.told)
                broker.stop()
                system.wait_for(NOT_READY)
                broker = self.world.broker(broker.port)
                self.assertRegex(system.wait_for("STATUS=ready: "), READY_WITH_5)

    def test_a_reload_begins_and_ends_whether_it_is_taken_or_not(self):
        config = self.world.folder / "bridged.toml"
        config.write_text("")
        broker = self.world.broker()
        daemon, system = self.bridged(broker, "--config", config)
        system.wait_for("READY=1")
        for text, outcome in (("netids = ['*']", "configuration reloaded"),
                              ("no such thing", "the configuration stays as it was")):
            config.write_text(text)
            os.kill(daemon.pid, signal.SIGHUP)
            system.wait_for("RELOADING=1")
            self.assertRegex(system.told[-1], r"MONOTONIC_USEC=\d+")
            system.wait_for("READY=1")
            daemon.wait_for_line(outcome)

    def test_calls_in_flight_have_time_to_end(self):
        broker = self.world.broker()
        daemon, system = self.bridged(broker)
        system.wait_for("STATUS=ready: ")
        requests = queue.Queue()
        port = self.port_of(daemon)
        with responder(broker, lambda client, request: requests.put(
                lambda: answer_with("HELLO")(client, request))), Caller(port) as caller, \
                concurrent.futures.ThreadPoolExecutor() as pool:
            call = pool.submit(caller.transform, "uppercase", "hello")
            answer = requests.get(timeout=PATIENCE)
            daemon.ask_to_stop()
            system.wait_for("STOPPING=1")
            self.assertEqual(system.told[-1], "EXTEND_TIMEOUT_USEC=21000000")
            self.assertEqual(system.wait_for(NOT_READY),
                             "STATUS=not ready: this bridge is shutting down")
            answer()
            self.assertEqual(call.result().body, b"HELLO")

    def test_the_watchdog_hears_nothing_while_a_thread_stands_still(self):
        daemon, system = self.bridged(self.world.broker(), WATCHDOG_USEC=str(WATCHDOG_USEC))
        system.wait_for("STATUS=ready: ")
        system.wait_for("WATCHDOG=1")
        own_loop = pathlib.Path(f"/proc/{daemon.pid}/schedstat")

        def turns():
            return int(own_loop.read_text().split()[2])

        for name in ("MQTTAsync_rcv", "MQTTAsync_send"):
            with self.subTest(name):
                with standing_still(thread_named(daemon, name)):
                    daemon.wait_for_line(f"the thread {name} hangs")
                    system.forget()
                    before = turns()
                    eventually(lambda: turns() > before + 2, "our own loop goes on")
                    self.assertNotIn("WATCHDOG=1", system.forget())
                system.wait_for("WATCHDOG=1")

    def test_the_watchdog_hears_of_the_responder(self):
        _, system = self.start("mqtt_responder", self.world.broker(),
                               WATCHDOG_USEC=str(WATCHDOG_USEC))
        system.wait_for("READY=1")
        system.wait_for("WATCHDOG=1")

    def test_nobody_is_told_of_progress_who_did_not_ask(self):
        _, system = self.bridged(self.world.broker())
        system.wait_for("STATUS=ready: ")
        self.assertNotIn("WATCHDOG=1", system.told)


if __name__ == "__main__":
    unittest.main()
