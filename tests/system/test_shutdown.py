"""How the daemon ends: every request that it took is answered, whatever moment SIGTERM comes at.
Prints what it counted, as test_faults does. WAY_DOWN_ROUNDS says how many ends under load.

Whether a request was taken is for the kernel to tell. One is lost that
  - was reset without an end of the stream before, on a connection of its own: it lay unread when
    the daemon closed that, or in the backlog;
  - was acknowledged, and then the stream ended without an answer: the daemon read it or shut the
    connection, and dropped it.
No request is lost that met a daemon already gone: the connection was refused, or was known to be
closed before anything was sent, or the end of the stream was followed by a reset, with which the
kernel says that the bytes came after the connection was closed. A reset alone, on a connection used
before, is the same a few microseconds earlier, between the daemon's last look and its close():
clients send such a request again (RFC 9112 9.3.1). AtOnce shows that what was there is answered.
"""

import collections
import concurrent.futures
import contextlib
import json
import os
import random
import select
import socket
import threading
import time
import unittest

from faults import FaultTest, milliseconds, paused, say
from harness import PATIENCE, Caller, World, eventually, read_answer
from hostile import CLOSED, Received, percentile, seconds_to_stop, slug_of, tcp_state
from mqtt_peer import silent_service

ROUNDS = int(os.environ.get("WAY_DOWN_ROUNDS", "25"))

ANSWERED = "answered"

# Not taken; the caller can know, and ask another one.
REFUSED = "connection refused"
CLOSED_BEFORE = "connection closed before the request was sent"
CROSSED = "request crossed the end of the connection"
RESET_IDLE = "reset, on a connection used before"

# Lost.
RESET_FRESH = "reset, on a new connection"
DROPPED_CLOSED = "acknowledged, and the connection closed without an answer"
DROPPED_LINGERING = "acknowledged, while the connection was shut without a word after an answer"
TORN = "cut within the answer"
WRONG = "wrong answer"
HUNG = "no answer and no end"
LOST = (RESET_FRESH, DROPPED_CLOSED, DROPPED_LINGERING, TORN, WRONG, HUNG)


def request_for(text):
    return ("POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: {len(text)}\r\n\r\n{text}").encode()


class Line:
    """One connection and what became of the requests on it, one at a time."""

    def __init__(self, port):
        self.requests = 0
        self.is_open = False
        self.says_close = False
        self._socket = socket.socket()
        self._socket.settimeout(PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            self._socket.connect(("127.0.0.1", port))
            self.is_open = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, request):
        """What became of it, when that is already decided."""
        if not self.is_open:
            return REFUSED
        self.requests += 1
        try:
            if select.select([self._socket], [], [], 0)[0]:  # its end: all answers were read
                return self._over(CLOSED_BEFORE)
            self._socket.sendall(request)
        except OSError:
            return self._over(CLOSED_BEFORE)
        return None

    def receive(self, text):
        """What became of the request for the upper case of `text`."""
        received = b""
        while not is_whole(received):
            try:
                piece = self._socket.recv(65536)
            except ConnectionResetError:
                return self._over(TORN if received else
                                  RESET_IDLE if self.requests > 1 else RESET_FRESH)
            except TimeoutError:
                return self._over(HUNG)
            if not piece:
                return self._over(TORN if received else self._why_ended())
            received += piece
        answer = read_answer(Received(received))
        self.says_close = answer.headers["Connection"] == "close"
        if self.says_close:
            self.is_open = False
        if answer.status == 200 and answer.text == text.upper():
            return ANSWERED
        return WRONG

    def ask(self, text):
        return self.send(request_for(text)) or self.receive(text)

    def _over(self, what):
        self.is_open = False
        return what

    def _why_ended(self):
        """The stream ended with a request unanswered."""
        def is_decided():
            state, unacknowledged = tcp_state(self._socket)
            return state == CLOSED or unacknowledged == 0
        eventually(is_decided, "what was sent is acknowledged or reset")
        if tcp_state(self._socket)[0] == CLOSED:
            return CROSSED
        # One that lingers reads on, and one that closed resets what comes now.
        with contextlib.suppress(OSError):
            self._socket.send(b"x")
        eventually(is_decided, "what was sent is acknowledged or reset")
        return DROPPED_CLOSED if tcp_state(self._socket)[0] == CLOSED else DROPPED_LINGERING


def is_whole(received):
    head, end, body = received.partition(b"\r\n\r\n")
    length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    if end and length and len(body) > int(length):
        raise AssertionError(f"more than an answer: {received!r}")
    return bool(end) and len(body) == int(length or 0)


class Callers:
    """Threads that call a daemon until it is gone: on connections that they keep, some of which
    are idle most of the time, and on new ones."""

    def __init__(self, port, kept=4, idle=2, fresh=2):
        self.fates = collections.Counter()
        self.unexpected = []
        self._port = port
        self._lock = threading.Lock()
        kinds = [(self._keep, 0)] * kept + [(self._keep, 0.004)] * idle + [(self._renew, 0)] * fresh
        self._threads = [threading.Thread(target=self._run, args=(number, *kind), daemon=True)
                         for number, kind in enumerate(kinds)]
        for thread in self._threads:
            thread.start()

    def _run(self, number, work, pause):
        try:
            work(f"caller {number}", random.Random(number), pause)
        except Exception as error:  # shown by the test
            self.unexpected.append(repr(error))

    def _keep(self, text, chance, pause):
        with Line(self._port) as line:
            while line.is_open:
                self._note(line.ask(text))
                if pause:
                    time.sleep(chance.uniform(0, pause))

    def _renew(self, text, _, __):
        fate = None
        while fate in (None, ANSWERED):
            with Line(self._port) as line:
                fate = line.ask(text)
                self._note(fate)

    def _note(self, fate):
        with self._lock:
            self.fates[fate] += 1

    def wait_until_each_was_answered(self):
        eventually(lambda: self.fates[ANSWERED] >= 4 * len(self._threads) or self.unexpected,
                   "the callers are answered")

    def join(self):
        for thread in self._threads:
            thread.join(PATIENCE)
            if thread.is_alive():
                self.unexpected.append("a caller hangs")


def figures(fates):
    return ", ".join(f"{fate}: {count}" for fate, count in sorted(fates.items()))


class WayDownTest(FaultTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.responder = world.responder(cls.broker)

    def assert_none_lost(self, fates):
        self.assertEqual({fate: fates[fate] for fate in LOST if fates[fate]}, {})


class UnderLoad(WayDownTest):
    def test_every_request_that_the_daemon_took_is_answered_whenever_it_is_asked_to_stop(self):
        chance = random.Random(ROUNDS)
        fates, lossy, took = collections.Counter(), 0, []
        for _ in range(ROUNDS):
            with World() as world:
                daemon = world.daemon(self.broker)
                callers = Callers(daemon.port)
                callers.wait_until_each_was_answered()
                time.sleep(chance.uniform(0, 0.03))
                took.append(seconds_to_stop(daemon))
                self.assertEqual(daemon.wait(), 0, daemon.log())
                callers.join()
            self.assertEqual(callers.unexpected, [], daemon.log())
            fates += callers.fates
            lossy += any(callers.fates[fate] for fate in LOST)
            for process in (self.broker, self.responder):  # a thousand rounds log much
                del process.lines[:-100]
        say(f"{ROUNDS} times SIGTERM under load",
            f"{figures(fates)}; lost: {sum(fates[fate] for fate in LOST)}, in {lossy} rounds; exit "
            f"after {milliseconds(percentile(took, 50))} in the median and at most "
            f"{milliseconds(max(took))}")
        self.assert_none_lost(fates)


class AtOnce(WayDownTest):
    """The daemon is asleep while all this comes, and then finds the signal and the requests at the
    same time. It has closed nothing before, so that it owes each of them an answer."""

    COUNT = 20

    def fates_of(self, fresh, signal_first):
        daemon = self.world.daemon(self.broker)
        with contextlib.ExitStack() as stack:
            lines = [] if fresh else [stack.enter_context(Line(daemon.port))
                                      for _ in range(self.COUNT)]
            for line in lines:
                self.assertEqual(line.ask("before"), ANSWERED)
            with paused(daemon):
                if signal_first:
                    daemon.ask_to_stop()
                if fresh:
                    lines = [stack.enter_context(Line(daemon.port)) for _ in range(self.COUNT)]
                for line in lines:
                    self.assertIsNone(line.send(request_for("after")))
                if not signal_first:
                    daemon.ask_to_stop()
            fates = collections.Counter(line.receive("after") for line in lines)
        self.assertEqual(daemon.wait(), 0)
        return fates

    def assert_answered(self, fresh):
        for signal_first in (False, True):
            with self.subTest(signal_first=signal_first):
                fates = self.fates_of(fresh, signal_first)
                say(f"{self.COUNT} requests on {'new' if fresh else 'idle'} connections just "
                    f"{'after' if signal_first else 'before'} SIGTERM", figures(fates))
                self.assert_none_lost(fates)
                self.assertEqual(fates[ANSWERED], self.COUNT)

    def test_requests_on_idle_connections_are_answered(self):
        self.assert_answered(fresh=False)

    def test_requests_on_new_connections_are_answered(self):
        self.assert_answered(fresh=True)


class WhileDraining(WayDownTest):
    """A call that nobody answers holds the daemon up."""

    def setUp(self):
        super().setUp()
        self.silent = self.world.broker()
        self.world.enter_context(silent_service(self.silent))
        self.daemon = self.world.daemon(self.silent)
        self.pool = self.world.enter_context(concurrent.futures.ThreadPoolExecutor(4))

    def call(self, timeout):
        """Begins a call, and returns its answer to come once it is in flight."""
        before = sum("Received PUBLISH" in line for line in self.silent.lines)
        caller = self.world.enter_context(Caller(self.daemon.port))
        call = self.pool.submit(caller.transform, "uppercase", "abc", timeout=timeout)
        self.silent.wait_for_line(r"Received PUBLISH from .*/request", before + 1)
        return call

    def connect(self, octets):
        """A connection that has begun a request, which the daemon has read."""
        connected = self.world.enter_context(
            socket.create_connection(("127.0.0.1", self.daemon.port), PATIENCE))
        connected.sendall(octets)
        eventually(lambda: tcp_state(connected)[1] == 0, "what was sent has come")
        with Caller(self.daemon.port) as caller:  # comes after
            self.assertEqual(caller.get("/healthz").status, 200)
        return connected

    def begin_draining(self):
        self.daemon.ask_to_stop()
        self.daemon.wait_for_line("shutting down")

    def assert_abandoned(self, answer):
        """503 would be an invitation to publish it again."""
        self.assertEqual((answer.status, slug_of(answer)), (504, "response-timeout"))
        self.assertIn("shut down", json.loads(answer.body)["detail"])

    def test_a_request_that_had_begun_is_served(self):
        call = self.call("1s")
        ready = self.connect(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n")
        alive = self.connect(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        post = b"POST /transform/uppercase?timeout=300ms HTTP/1.1\r\nHost: localhost\r\n"
        head = self.connect(post[:-6])
        body = self.connect(post + b"Content-Length: 3\r\n\r\na")
        self.begin_draining()
        for connected, rest in ((ready, b"\r\n"), (alive, b"\r\n"), (body, b"bc"),
                                (head, post[-6:] + b"Content-Length: 3\r\n\r\nabc")):
            connected.sendall(rest)
        answer = read_answer(ready)
        self.assertEqual((answer.status, slug_of(answer)), (503, "broker-unavailable"))
        self.assertIn("shutting down", json.loads(answer.body)["detail"])
        self.assertEqual(read_answer(alive).status, 200)
        for connected in (head, body):
            answer = read_answer(connected)
            self.assertEqual((answer.status, slug_of(answer)), (504, "response-timeout"))
            self.assertEqual(answer.headers["Connection"], "close")
        self.assertEqual(call.result().status, 504)
        self.assertEqual(self.daemon.wait(), 0)

    def test_an_answer_says_that_the_connection_is_closed_after_it(self):
        """Or the caller would send its next request to nobody."""
        call = self.call("500ms")
        self.begin_draining()
        self.assertEqual(call.result().headers["Connection"], "close")

    def test_new_connections_are_refused(self):
        def is_refused(where):
            try:
                with Caller(where) as caller:
                    caller.connection.connect()
            except (ConnectionRefusedError, FileNotFoundError):
                return True
            return False
        call = self.call("30s")
        self.begin_draining()  # the doors close a moment after it says so
        for where in (self.daemon.port, self.daemon.socket_path):
            eventually(lambda where=where: is_refused(where), f"{where} refuses")
        self.assertFalse(call.done())
        self.daemon.ask_to_stop()
        self.assert_abandoned(call.result())
        self.assertEqual(self.daemon.wait(), 0)

    def test_a_second_signal_ends_it_now_and_says_so_to_the_callers(self):
        calls = [self.call("30s") for _ in range(3)]
        self.begin_draining()
        took = seconds_to_stop(self.daemon)
        self.assertEqual(self.daemon.wait(), 0)
        say("a second signal with 3 calls in flight", f"exit after {milliseconds(took)}")
        self.assertLess(took, 5)
        for call in calls:
            self.assert_abandoned(call.result())

    def test_calls_in_flight_for_longer_than_ten_seconds_are_answered_and_it_ends(self):
        calls = [self.call("30s") for _ in range(3)]
        took = seconds_to_stop(self.daemon)
        self.assertEqual(self.daemon.wait(), 0)
        for call in calls:
            self.assert_abandoned(call.result())
        say("SIGTERM with calls that nobody answers", f"exit after {took:.1f} s")
        self.assertLess(took, 15)

    def test_requests_that_never_end_hold_it_up_no_longer_than_calls_do(self):
        self.connect(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n")
        self.connect(b"POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\n"
                     b"Content-Length: 3\r\n\r\na")
        took = seconds_to_stop(self.daemon)
        say("SIGTERM with requests that never end", f"exit after {took:.1f} s")
        self.assertEqual(self.daemon.wait(), 0)
        self.assertLess(took, 15)


if __name__ == "__main__":
    unittest.main()
