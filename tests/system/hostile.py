"""What the tests of hostile clients and of the way down look at: a program's memory and
descriptors, the connections that it holds, and what became of a connection, as the kernel tells."""

import contextlib
import io
import json
import os
import pathlib
import re
import resource
import select
import socket
import struct
import threading
import time
import typing

from harness import BUILD, PATIENCE, Caller, read_answer

# States of a TCP connection (include/net/tcp_states.h).
CLOSED = 7
CLOSE_WAIT = 8


def is_instrumented():
    """Sanitizers keep what was freed, and are slow."""
    program = (BUILD / "mqtt_bridged").read_bytes()
    return any(mark in program for mark in (b"__asan_", b"__tsan_", b"__msan_"))


def allow_descriptors(test, needed):
    """Lets this process, and those that it starts, have so many for the rest of the test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        test.skipTest(f"needs {needed} descriptors, and may have {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    test.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))


def seconds_to_stop(process):
    """Asks it to stop and returns how long it went on; then wait() returns at once."""
    descriptor = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        begin = time.monotonic()
        process.ask_to_stop()
        if not poll.poll(PATIENCE * 1000):
            raise AssertionError(
                f"{process.name} still runs after {PATIENCE} s\n{process.log()}")
        return time.monotonic() - begin
    finally:
        os.close(descriptor)


class Memory(typing.NamedTuple):
    """Of a process, in KiB."""
    resident: int
    peak: int  # the most that was ever resident

    @staticmethod
    def of(process):
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        return Memory(*(int(re.search(rf"{name}:\s+(\d+) kB", status).group(1))
                        for name in ("VmRSS", "VmHWM")))

    def __sub__(self, earlier):
        return Memory(self.resident - earlier.resident, self.peak - earlier.peak)


def tcp_state(connected):
    """Its state, and how many segments that we sent the peer's kernel has not acknowledged."""
    info = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)
    return info[0], struct.unpack_from("I", info, 24)[0]


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


class Received:
    """What a connection gave, for http.client to read."""

    def __init__(self, octets):
        self._octets = octets

    def makefile(self, _):
        return io.BytesIO(self._octets)


def slug_of(answer):
    """Of a problem; empty for any other answer."""
    if not (answer.headers["Content-Type"] or "").startswith("application/problem+json"):
        return ""
    return re.split("[/:#]", json.loads(answer.body)["type"])[-1]


class Flood:
    """Sends pieces of bytes for as long as they are taken, and reads meanwhile; done when it is
    constructed."""

    def __init__(self, port, pieces):
        self.sent = 0
        self.received = b""
        self.end = ""  # "closed" or "reset" by the daemon; empty when it still listens
        self.began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connected:
            connected.setblocking(False)
            self._run(connected, iter(pieces))
        self.seconds = time.monotonic() - self.began

    def _run(self, connected, pieces):
        reading, left = select.POLLIN, memoryview(b"")
        poll = select.poll()
        while not self.end:
            if not left:
                piece = next(pieces, None)
                left = memoryview(piece or b"")
            poll.register(connected, reading | (select.POLLOUT if left else 0))
            if not poll.poll(PATIENCE * 1000):
                return
            with contextlib.suppress(BlockingIOError):
                while reading and not self.end:
                    reading = self._read(connected, reading)
            if not reading and not left:
                self.end = "closed"
            with contextlib.suppress(BlockingIOError):
                left = left[self._write(connected, left):] if left else left

    def _read(self, connected, reading):
        try:
            received = connected.recv(65536)
        except ConnectionResetError:
            self.end = "reset"
            return 0
        self.received += received
        return reading if received else 0

    def _write(self, connected, left):
        try:
            count = connected.send(left)
        except (ConnectionResetError, BrokenPipeError):
            with contextlib.suppress(OSError):
                while received := connected.recv(65536):
                    self.received += received
            self.end = "reset"
            return 0
        self.sent += count
        return count

    @property
    def answer(self):
        return read_answer(Received(self.received)) if self.received else None

    def __str__(self):
        answer = self.answer
        what = f"{answer.status} {slug_of(answer)}" if answer else "no answer"
        return f"{what}, {self.end or 'open'} after {self.sent >> 10} KiB"


class Probe:
    """Asks a daemon something again and again while the block runs."""

    def __init__(self, port, ask=lambda caller: caller.get("/healthz"), pause=0.005):
        self.statuses = set()
        self.durations = []
        self._port = port
        self._ask = ask
        self._pause = pause
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join(PATIENCE)

    def _run(self):
        """On a kept-alive connection and on a new one by turns."""
        with Caller(self._port) as kept:
            while True:
                self._time(kept)
                with Caller(self._port) as fresh:
                    self._time(fresh)
                if self._stopping.wait(self._pause):
                    return

    def _time(self, caller):
        begin = time.monotonic()
        try:
            self.statuses.add(self._ask(caller).status)
        except OSError as error:
            self.statuses.add(repr(error))
        self.durations.append(time.monotonic() - begin)

    def figures(self):
        p50, p99, worst = (percentile(self.durations, percent) * 1000 for percent in (50, 99, 100))
        return f"{len(self.durations)} probes, p50 {p50:.1f} p99 {p99:.1f} max {worst:.1f} ms"


def held_connections(address, port):
    """The clients' ports of the TCP connections to there that a process holds. One that waits in
    the backlog is not yet held, and one that the process has closed no more."""
    packed, = struct.unpack("=I", socket.inet_aton(address))
    wanted = f"{packed:08X}:{port:04X}"
    held = set()
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            if wanted not in line:
                continue
            _, local, remote, _, _, _, _, _, _, inode, *_ = line.split()
            if local == wanted and inode != "0" and not remote.endswith(":0000"):
                held.add(int(remote.rpartition(":")[2], 16))
    return held


class Watch:
    """Sees, while the block runs, for how long the connections to a port of its own are held."""

    INTERVAL = 0.1

    def __init__(self, address, port):
        self._where = (address, port)
        self._seen = {}  # by the client's port: when first and last
        self._held = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join(PATIENCE)

    def _run(self):
        while not self._stopping.wait(self.INTERVAL):
            now = time.monotonic()
            self._held = held_connections(*self._where)
            for port in self._held:
                first, _ = self._seen.get(port, (now, now))
                self._seen[port] = (first, now)

    def held(self, but=frozenset()):
        """How many are held just now, without those from the ports `but`."""
        return len(self._held - but)

    def lives(self, but=frozenset()):
        """How long each was held, to the accuracy of INTERVAL."""
        return [last - first for port, (first, last) in self._seen.items() if port not in but]
