"""What clients that mean harm can do to the daemon: not let its memory grow, not keep others from
being answered, not take its place. Slow ones are in test_slow_clients.py. Each test prints what it
counted, as test_faults does."""

import collections
import concurrent.futures
import contextlib
import http.client
import itertools
import json
import pathlib
import select
import socket
import subprocess
import threading
import time
import typing
import unittest

from faults import milliseconds, say
from harness import (BUILD, PATIENCE, Caller, Process, SystemTest, World, environment, eventually,
                     read_answer)
from hostile import (Flood, Memory, Probe, Received, allow_descriptors, held_connections,
                     is_instrumented, seconds_to_stop, slug_of)
from load import SLACK
from mqtt_peer import silent_service

MIB = 1024 * 1024
HEAD = b"POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

# What a program may come to hold beyond what it held after the same in small, in KiB.
GROWTH = 1024

# src/base/limits
CONNECTIONS = 4096
PAYLOAD_BYTES = MIB


def most(total, piece):
    """So many bytes of one piece repeated."""
    return itertools.repeat(piece, total // len(piece))


def after(head, pieces):
    return itertools.chain([head], pieces)


def transform(text, path="uppercase"):
    return (f"POST /transform/{path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: {len(text)}\r\n\r\n").encode() + text


class MemoryTest(SystemTest):
    """A test that the memory of a daemon does not grow."""

    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker(config=f"max_packet_size {8 * MIB}")  # 2.1: by default 2,000,000
        world.responder(cls.broker)

    def setUp(self):
        super().setUp()
        self.daemon = self.world.daemon(self.broker)

    def assert_no_growth(self, growth, bound=GROWTH):
        """What is resident just now depends on when the allocator last gave some back."""
        if not is_instrumented():
            self.assertLessEqual(growth.peak, bound)


class Most:
    """The most that `figure` gives, asked again and again beside what is done within it."""

    def __init__(self, figure):
        self.value = 0
        self._figure = figure
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _watch(self):
        while not self._ended.wait(0.005):
            self.value = max(self.value, self._figure())


def memory_figures(growth, now):
    return f"memory {growth.resident:+} KiB, its peak {growth.peak:+} of {now.peak} KiB"


def ask_beside(daemon):
    """A call again and again, that nothing must disturb."""
    return Probe(daemon.port, lambda caller: caller.transform("reverse", "abc"), pause=0.05)


class NoInputMakesMemoryGrow(MemoryTest):
    FULL = 300 * MIB
    SMALL = 12 * MIB

    def assert_refused(self, what, pieces_of, status, slug):
        """`pieces_of(total)` is so many bytes. They get this answer and the connection is cut."""
        for _ in range(3):
            Flood(self.daemon.port, pieces_of(self.SMALL))
        before = Memory.of(self.daemon)
        with ask_beside(self.daemon) as probe:
            flood = Flood(self.daemon.port, pieces_of(self.FULL))
        now = Memory.of(self.daemon)
        say(what, f"{flood} and {milliseconds(flood.seconds)}, {memory_figures(now - before, now)}")
        self.assertIsNotNone(flood.answer, flood)
        self.assertEqual((flood.answer.status, slug_of(flood.answer)), (status, slug))
        self.assertTrue(flood.end)
        self.assertLess(flood.sent, self.FULL // 2)
        self.assertEqual(probe.statuses, {200})
        self.assert_no_growth(now - before)

    def test_an_endless_request_line_gets_414(self):
        self.assert_refused("an endless request line",
                            lambda total: after(b"GET /", most(total, b"a" * 65536)),
                            414, "uri-too-long")

    def test_an_endless_method_gets_431(self):
        self.assert_refused("an endless method", lambda total: most(total, b"A" * 65536),
                            431, "headers-too-large")

    def test_an_endless_header_line_gets_431(self):
        self.assert_refused("an endless header line",
                            lambda total: after(HEAD + b"X-Endless: ", most(total, b"a" * 65536)),
                            431, "headers-too-large")

    def test_ten_thousand_header_fields_get_431(self):
        fields = b"".join(b"X-Field-%d: some value\r\n" % n for n in range(10_000))
        self.assert_refused("10,000 header fields", lambda _: [HEAD + fields + b"\r\n"],
                            431, "headers-too-large")

    def test_endless_leading_blank_lines_get_400(self):
        self.assert_refused("endless leading blank lines",
                            lambda total: most(total, b"\r\n" * 32768), 400, "malformed-request")

    def test_a_huge_chunked_body_gets_413(self):
        self.assert_refused("a chunked body of 300 MiB",
                            lambda total: after(CHUNKED, most(total, b"8000\r\n%b\r\n" %
                                                              (b"a" * 0x8000))),
                            413, "payload-too-large")

    def test_a_huge_body_of_one_chunk_gets_413(self):
        self.assert_refused("a chunk of 300 MiB",
                            lambda total: after(CHUNKED + b"12C00000\r\n",
                                                most(total, b"a" * 65536)),
                            413, "payload-too-large")

    def test_a_huge_body_in_chunks_of_one_byte_gets_413(self):
        self.assert_refused("300 MiB in chunks of one byte",
                            lambda total: after(CHUNKED, most(total, b"1\r\na\r\n" * 10_000)),
                            413, "payload-too-large")

    def test_a_huge_body_with_its_length_gets_413(self):
        self.assert_refused("a body of 300 MiB with Content-Length",
                            lambda total: after(HEAD + b"Content-Length: 314572800\r\n\r\n",
                                                most(total, b"a" * 65536)),
                            413, "payload-too-large")

    def test_endless_chunk_extensions_get_400(self):
        for where in (b"1;", b"1;a=b\r\na\r\n1;"):
            self.assert_refused("endless chunk extensions",
                                lambda total, begin=where: after(
                                    CHUNKED + begin, most(total, b"x" * 65536)),
                                400, "malformed-request")

    def test_endless_trailers_get_400(self):
        self.assert_refused("endless trailers",
                            lambda total: after(CHUNKED + b"1\r\na\r\n0\r\n",
                                                most(total, b"X-Trailer: x\r\n" * 4096)),
                            400, "malformed-request")


class Clients(contextlib.ExitStack):
    """Some connections to one daemon, all of which send the same and read nothing."""

    def __init__(self, daemon, where, count):
        super().__init__()
        self._daemon = daemon
        self._is_tcp = isinstance(where, int)
        self.connections = [self._connect(where) for _ in range(count)]
        self.answered = []  # when each of them had something to read, since the beginning
        eventually(lambda: self.held() == count, "all are accepted")
        self._began = time.monotonic()
        self._waiting = list(self.connections)

    def _connect(self, where):
        connected = self.enter_context(
            socket.socket(socket.AF_INET if self._is_tcp else socket.AF_UNIX))
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connected.connect(("127.0.0.1", where) if self._is_tcp else str(where))
        connected.setblocking(False)
        return connected

    def held(self):
        """How many of them the daemon holds."""
        if self._is_tcp:
            ports = {connected.getsockname()[1] for connected in self.connections}
            return len(ports & held_connections("127.0.0.1", self._daemon.port))
        sockets = pathlib.Path("/proc/net/unix").read_text().splitlines()
        return sum(line.endswith(f" {self._daemon.socket_path}") and " 0001 03 " in line
                   for line in sockets)

    @property
    def seconds(self):
        return time.monotonic() - self._began

    def pause(self, seconds):
        """Notes meanwhile who is answered."""
        until = self.seconds + seconds
        while self.seconds < until:
            readable, _, _ = select.select(self._waiting, [], [], max(0, until - self.seconds))
            self.answered += [self.seconds] * len(readable)
            self._waiting = [each for each in self._waiting if each not in readable]

    def statuses(self):
        """What each of them was answered, read only now."""
        seen = collections.Counter()
        for connected in self.connections:
            with contextlib.suppress(OSError, http.client.IncompleteRead):
                answer = read_answer(Received(connected.recv(65536)))
                seen[answer.status, slug_of(answer)] += 1
        return seen


def push(connected, unsent):
    """Sends what is taken now; returns the rest."""
    while unsent:
        try:
            unsent = unsent[connected.send(unsent):]
        except BlockingIOError:
            break
        except OSError:
            return b""
    return unsent


def never_read(clients, requests, is_over):
    unsent = {connected: memoryview(requests) for connected in clients.connections}
    while not is_over(clients):
        unsent = {connected: push(connected, rest) for connected, rest in unsent.items()}
        time.sleep(0.02)


def trickle(clients, head, is_over):
    for connected in clients.connections:
        push(connected, head)
    while not is_over(clients):
        for connected in clients.connections:
            push(connected, b"x")
        clients.pause(0.05)


class Cut(typing.NamedTuple):
    """What became of clients that never end by themselves."""
    seconds: float  # until the daemon held none of them
    held: int  # 0, unless we lost patience
    answered: list
    statuses: collections.Counter
    growth: Memory
    now: Memory
    beside: Probe


class SlowOnes(MemoryTest):
    """Clients that do not come to an end. Those of one test do it at the same time, to a daemon
    each; they are numerous enough that memory they kept would show."""

    # What is promised is ten seconds; these do not listen when they are told to go.
    CUT_WITHIN = 10 + 3 * SLACK
    GIVEN_UP = 15

    # In upper case its two bytes become six, and 3 MiB are more than a socket of Linux takes from
    # a program before its peer reads: 2.5 MiB on loopback.
    GROWING = "\u0390".encode() * (PAYLOAD_BYTES // 2)

    def see_cut(self, do, octets, count, via_unix):
        daemon = self.world.daemon(self.broker)
        where = daemon.socket_path if via_unix else daemon.port
        for _ in range(5):
            with Clients(daemon, where, count) as clients:
                do(clients, octets, lambda clients: clients.seconds > 0.5)
        before = Memory.of(daemon)
        with (ask_beside(daemon) as beside, Caller(daemon.port) as idle,
              Clients(daemon, where, count) as clients):
            self.assertEqual(idle.get("/healthz").status, 200)
            kept = idle.connection.sock
            do(clients, octets,
               lambda clients: clients.held() == 0 or clients.seconds > self.GIVEN_UP)
            seconds, held, answered = clients.seconds, clients.held(), clients.answered
            now = Memory.of(daemon)
            self.assertEqual(idle.get("/healthz").status, 200)
            self.assertIs(idle.connection.sock, kept)  # whose caller has read its answer
            return Cut(seconds, held, answered, clients.statuses(), now - before, now, beside)

    def assert_cut(self, do, cases, count, status=None, via_unix=(), growth=GROWTH):
        """`cases`: what they send, by what that is."""
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
            cuts = {what: pool.submit(self.see_cut, do, octets, count, what in via_unix)
                    for what, octets in cases.items()}
        for what, cut in cuts.items():
            with self.subTest(what):
                self.judge(what, cut.result(), count, status, growth)

    def judge(self, what, cut, count, status, growth):
        answered = f"answered after {max(cut.answered):.1f} s, " if cut.answered else ""
        say(what, f"{count} at once, {answered}{cut.held} of them held after {cut.seconds:.1f} s, "
                  f"{memory_figures(cut.growth, cut.now)}")
        self.assertEqual(cut.beside.statuses, {200})
        self.assert_no_growth(cut.growth, growth)
        self.assertEqual(cut.held, 0)
        if status:
            self.assertEqual(cut.statuses, {status: count})
        self.assertLess(cut.seconds, self.CUT_WITHIN)

    def test_requests_that_trickle_get_408_and_are_cut_ten_seconds_after_they_began(self):
        self.assert_cut(trickle, {
            "a head that trickles": HEAD + b"X-Trickle: ",
            "a body that trickles": HEAD + b"Content-Length: 100000\r\n\r\n",
        }, 64, (408, "request-timeout"))

    def test_clients_that_do_not_read_their_answers_are_cut_after_ten_seconds(self):
        self.assert_cut(never_read, {
            "an answer of 3 MiB, never read": transform(self.GROWING),
            "an answer of 256 KiB, which the kernel takes, never read": transform(b"a" * 262144),
            "an answer of 1 MiB by the unix socket, never read": transform(b"a" * PAYLOAD_BYTES),
            "1,000 pipelined requests of 64 KiB, never read": transform(b"a" * 65536) * 1000,
        }, 1, via_unix=("an answer of 1 MiB by the unix socket, never read",),
            growth=8 * GROWTH)  # copies of an answer of 3 MiB, more or fewer at a time

    def test_a_thousand_pipelined_requests_whose_small_answers_are_never_read_take_no_memory(self):
        """The kernel takes them all, so that the daemon has nothing to wait for."""
        requests = transform(b"abc") * 1000
        for number in range(4):
            if number == 1:
                before = Memory.of(self.daemon)
            with Clients(self.daemon, self.daemon.port, 8) as clients:
                never_read(clients, requests, lambda clients: clients.seconds > 0.5)
        now = Memory.of(self.daemon)
        say("1,000 pipelined small requests, never read", memory_figures(now - before, now))
        self.assert_no_growth(now - before)


class ManyConnections(MemoryTest):
    CLIENTS = 64

    def test_a_connection_that_had_a_large_request_holds_on_to_little_of_it(self):
        """Or 4,096 of them, which the limit on connections allows, would hold gigabytes."""
        text = "a" * PAYLOAD_BYTES
        with Caller(self.daemon.port) as caller:
            for _ in range(3):
                self.assertEqual(caller.transform("uppercase", text).status, 200)
        with contextlib.ExitStack() as stack:
            before = Memory.of(self.daemon)
            for _ in range(self.CLIENTS):
                caller = stack.enter_context(Caller(self.daemon.port))
                self.assertEqual(caller.transform("uppercase", text).status, 200)
            each = (Memory.of(self.daemon) - before).resident / self.CLIENTS
        say(f"{self.CLIENTS} idle connections after a request of 1 MiB", f"{each:.0f} KiB each")
        if not is_instrumented():
            self.assertLess(each, 64)

    def test_an_idle_connection_takes_little_memory(self):
        with contextlib.ExitStack() as stack:
            def connect(count):
                ports = {stack.enter_context(socket.create_connection(
                    ("127.0.0.1", self.daemon.port))).getsockname()[1] for _ in range(count)}
                eventually(lambda: ports <= held_connections("127.0.0.1", self.daemon.port),
                           "all are accepted")

            connect(10)
            before = Memory.of(self.daemon)
            connect(500)
            each = (Memory.of(self.daemon) - before).resident / 500
        say("500 idle connections", f"{each:.1f} KiB each")
        if not is_instrumented():
            self.assertLess(each, 64)

    def test_unfinished_bodies_take_no_more_memory_than_was_sent(self):
        head = HEAD + b"Content-Length: %d\r\n\r\n" % PAYLOAD_BYTES
        body = b"a" * (PAYLOAD_BYTES - 1)
        sent = self.CLIENTS * len(body) / 1024
        with contextlib.ExitStack() as stack:
            before = Memory.of(self.daemon)
            for _ in range(self.CLIENTS):
                connected = stack.enter_context(
                    socket.create_connection(("127.0.0.1", self.daemon.port), PATIENCE))
                connected.sendall(head + body)
            with Caller(self.daemon.port) as caller:  # comes after what was sent before
                self.assertEqual(caller.transform("reverse", "abc").status, 200)
            eventually(lambda: self.unread() == 0, "the daemon has read all")
            taken = (Memory.of(self.daemon) - before).resident
        say(f"{self.CLIENTS} bodies of 1 MiB without their last byte",
            f"{taken / self.CLIENTS:.0f} KiB each")
        if not is_instrumented():
            self.assertLess(taken, 1.25 * sent)

    def unread(self):
        """Bytes that wait in the kernel for the daemon to read them."""
        local = f"0100007F:{self.daemon.port:04X}"
        rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()]
        return sum(int(row[4].partition(":")[2], 16) for row in rows[1:]
                   if row[1] == local and not row[2].endswith(":0000"))


@unittest.skipIf(is_instrumented(), "too slow for so many answers to come before they time out")
class UnreadAnswers(MemoryTest):
    """One caller takes answers of 1 MiB on many connections and reads none. Over the unix socket, whose
    buffer is small, so that the daemon has to keep most of each."""

    COUNT = 160
    AT_ONCE = 4
    BUDGET = 64 * 1024  # KiB: limits::output_bytes
    # What is in flight beside the unread: a call of 1 MiB is held as its request, in the library's
    # buffers, as its response and as its answer.
    IN_FLIGHT = AT_ONCE * 6 * 1024
    SLOW_RATE = 400_000  # bytes a second: an answer of 3 MiB in less than limits::write_timeout

    def take_answers(self, stack, request, count):
        """So many answers, waited for and not read. Returns their connections."""
        def take(_):
            connected = stack.enter_context(socket.socket(socket.AF_UNIX))
            connected.settimeout(PATIENCE)
            connected.connect(str(self.daemon.socket_path))
            connected.sendall(request)
            self.assertTrue(select.select([connected], [], [], PATIENCE)[0], "no answer")
            return connected

        with concurrent.futures.ThreadPoolExecutor(self.AT_ONCE) as pool:
            return list(pool.map(take, range(count)))

    def metric(self, name):
        with Caller(self.daemon.port) as caller:
            lines = caller.get("/metrics").text.splitlines()
        return sum(int(float(line.split()[-1])) for line in lines
                   if line.startswith((name + " ", name + "{")))

    def call(self, kept, text):
        answer = kept.transform("lowercase", text)
        self.assertEqual((answer.status, answer.body), (200, text.lower()))

    def test_they_are_held_up_to_their_budget_and_the_callers_beside_them_are_answered(self):
        with contextlib.ExitStack() as stack:
            for where in (self.daemon.port, self.daemon.socket_path):
                self.call(stack.enter_context(Caller(where)), b"A" * PAYLOAD_BYTES)
            before = Memory.of(self.daemon)
            probes = [stack.enter_context(Probe(where, ask, pause=0.05)) for where, ask in (
                (self.daemon.port, lambda caller: caller.transform("reverse", "abc")),
                (self.daemon.socket_path, lambda caller: caller.transform("reverse", "abc")),
                (self.daemon.socket_path,
                 lambda caller: caller.transform("lowercase", b"A" * (PAYLOAD_BYTES // 4))))]
            with Most(lambda: self.metric("mqtt_bridge_http_output_bytes") // 1024) as held:
                self.take_answers(stack, transform(b"a" * PAYLOAD_BYTES), self.COUNT)
            eventually(lambda: self.metric("mqtt_bridge_http_output_bytes") <= self.BUDGET * 1024,
                       "the unread answers are within their budget")
            now = Memory.of(self.daemon)
            cut = self.metric('mqtt_bridge_http_unread_answers_total{reason="room"}')
        say(f"{self.COUNT} answers of 1 MiB that are not read",
            f"{cut} cut, at most {held.value} KiB at once, {memory_figures(now - before, now)}; "
            f"beside: {probes[1].figures()}")
        for probe in probes:
            self.assertEqual(probe.statuses, {200})
        self.assertGreater(cut, 0)
        # Those that come before the oldest can be told from one that reads.
        self.assertLess(held.value, self.BUDGET + 2 * self.AT_ONCE * 1024)
        self.assert_no_growth(now - before, self.BUDGET + self.IN_FLIGHT)

    def test_a_caller_that_reads_slowly_keeps_its_answer_while_those_that_do_not_read_are_cut(self):
        """It began before all of them, and its answer is larger than theirs."""
        some_are_cut = threading.Event()
        with contextlib.ExitStack() as stack:
            (slow,) = self.take_answers(stack, transform(SlowOnes.GROWING), 1)
            received = bytearray()

            def read_slowly():
                began = time.monotonic()
                while not some_are_cut.wait(0.02):
                    due = int(self.SLOW_RATE * (time.monotonic() - began)) - len(received)
                    if due > 0:
                        received.extend(slow.recv(due))

            reader = threading.Thread(target=read_slowly)
            reader.start()
            try:
                self.take_answers(stack, transform(SlowOnes.GROWING[2:]), 30)  # 90 MiB
                eventually(lambda: self.metric(
                    'mqtt_bridge_http_unread_answers_total{reason="room"}') > 0, "some are cut")
            finally:
                some_are_cut.set()
                reader.join()
            slow.shutdown(socket.SHUT_WR)  # then the daemon closes after the answer
            while more := slow.recv(65536):
                received.extend(more)
        answer = read_answer(Received(bytes(received)))
        self.assertEqual((answer.status, answer.text), (200, SlowOnes.GROWING.decode().upper()))

    def test_those_that_are_cut_leave_nothing_in_the_kernel(self):
        """A connection that is closed would send for minutes what its caller does not read."""
        with contextlib.ExitStack() as stack:
            caller = stack.enter_context(socket.socket())
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            caller.connect(("127.0.0.1", self.daemon.port))
            caller.sendall(transform(b"a" * 262144))
            port = caller.getsockname()[1]
            eventually(lambda: self.metric(
                'mqtt_bridge_http_unread_answers_total{reason="timeout"}') == 1, "it is cut")
            ends = [f"0100007F:{end:04X}" for end in (self.daemon.port, port)]
            rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()]
            self.assertEqual([row for row in rows if row[1:3] == ends], [])


class StalledRequests(MemoryTest):
    """As many large requests as there is room for, that do not go on arriving."""

    COUNT = 64

    def test_they_make_room_for_those_that_arrive(self):
        head = HEAD + b"Content-Length: %d\r\n\r\n" % PAYLOAD_BYTES
        with contextlib.ExitStack() as stack:
            stalled = [stack.enter_context(
                socket.create_connection(("127.0.0.1", self.daemon.port), PATIENCE))
                for _ in range(self.COUNT)]
            for connected in stalled:
                connected.sendall(head + b"a" * (PAYLOAD_BYTES - 1024))
            text = b"A" * PAYLOAD_BYTES

            def is_answered():
                with Caller(self.daemon.port) as caller:
                    answer = caller.transform("lowercase", text)
                self.assertIn(answer.status, (200, 503))
                return answer.status == 200

            eventually(is_answered, "a request that arrives is served")
            refused = [read_answer(connected) for connected in stalled
                       if select.select([connected], [], [], 0)[0]]
        said = collections.Counter((answer.status, slug_of(answer)) for answer in refused)
        say(f"a request of 1 MiB beside {self.COUNT} that stall", f"served; they got {dict(said)}")
        self.assertTrue(said)
        self.assertEqual(set(said), {(503, "overloaded")})  # not 408, which comes after nine seconds

    def test_what_is_sent_behind_calls_that_wait_is_counted_too(self):
        """Pipelined behind a call that nobody answers, it would stay for as long as the call."""
        count = 2400
        allow_descriptors(self, 2 * count)
        broker = self.world.broker(config="max_queued_messages 0\nmax_inflight_messages 0")
        self.world.enter_context(silent_service(broker))
        daemon = self.world.daemon(broker)
        call = transform(b"abc", "uppercase?timeout=30s")
        with contextlib.ExitStack() as stack:
            begun = Memory.of(daemon)
            for _ in range(count):
                connected = stack.enter_context(
                    socket.create_connection(("127.0.0.1", daemon.port), PATIENCE))
                connected.sendall(call + b"x" * (60 * 1024))
            eventually(lambda: self.in_flight(daemon) == count, "all are in flight")
            growth = Memory.of(daemon) - begun
            say(f"60 KiB behind each of {count} calls that wait",
                memory_figures(growth, Memory.of(daemon)))
            self.assert_no_growth(growth, 64 * 1024 + 16 * count)
            daemon.ask_to_stop()
            daemon.wait_for_line("shutting down")
            daemon.ask_to_stop()

    @staticmethod
    def in_flight(daemon):
        with Caller(daemon.port) as caller:
            return json.loads(caller.get("/status").body)["calls"]["in_flight"]


class BeforeTheBody(SystemTest):
    def test_who_may_not_call_is_told_before_the_body_and_takes_nobodys_room(self):
        token = self.world.folder / "token"
        token.write_text("correct-horse")
        daemon = self.world.add_ours(Process("mqtt_bridged", [
            BUILD / "mqtt_bridged", "--listen", "127.0.0.1:0", "--netid", "alice", "--token-file",
            token]))
        port = int(daemon.wait_for_line(r"listening on http://127\.0\.0\.1:(\d+)").group(1))
        rows = ((b"POST /transform/uppercase", b"", 401),
                (b"POST /transform/none", b"Authorization: Bearer correct-horse\r\n", 404),
                (b"PUT /transform/uppercase", b"Authorization: Bearer correct-horse\r\n", 405))
        for line, fields, status in rows:
            for expect in (b"", b"Expect: 100-continue\r\n"):
                with self.subTest(line=line, expect=expect), socket.create_connection(
                        ("127.0.0.1", port), PATIENCE) as caller:
                    caller.sendall(line + b" HTTP/1.1\r\nHost: localhost\r\n" + fields + expect +
                                   b"Content-Length: 1048576\r\n\r\n")
                    answer = read_answer(caller)
                    self.assertEqual(answer.status, status)
                    self.assertEqual(answer.headers["Connection"], "close")


class TheLimitOnConnections(SystemTest):
    """As many as there are descriptors: with more, one on which nothing happens makes room."""

    def test_connections_on_which_nothing_happens_keep_nobody_out(self):
        broker = self.world.broker()
        self.world.responder(broker)
        daemon = self.world.add_ours(Process("mqtt_bridged", [
            "prlimit", "--nofile=200:200", BUILD / "mqtt_bridged", "--listen", "127.0.0.1:0",
            "--broker", broker.url, "--netid", "alice"]))
        port = int(daemon.wait_for_line(r"listening on http://127\.0\.0\.1:(\d+)").group(1))
        daemon.wait_for_line("linked to")
        for begun in (b"", b"POST /transform/uppercase HTTP/1.1\r\nHost: lo"):
            with contextlib.ExitStack() as stack:
                for _ in range(400):
                    idle = stack.enter_context(
                        socket.create_connection(("127.0.0.1", port), PATIENCE))
                    with contextlib.suppress(ConnectionError):
                        idle.sendall(begun)
                caller = stack.enter_context(Caller(port))
                for _ in range(20):
                    self.assertEqual(caller.transform("reverse", "abc").text, "cba")


class ASecondDaemon(SystemTest):
    def assert_refused_at_once(self, what, first, address):
        took = []
        for _ in range(5):
            begin = time.monotonic()
            completed = subprocess.run(
                [BUILD / "mqtt_bridged", "--netid", "alice", "--listen", address],
                env=environment(), capture_output=True, timeout=PATIENCE, check=False)
            took.append(time.monotonic() - begin)
            self.assertEqual(completed.returncode, 2)
            self.assertEqual(completed.stdout, b"")
            self.assertRegex(completed.stderr.decode(), r"\A[^\n]+\n\Z")
            self.assertIn(address, completed.stderr.decode())
        say(f"a second daemon on the same {what}",
            f"refused after {milliseconds(min(took))} to {milliseconds(max(took))}")
        with Caller(first.port) as caller:
            self.assertEqual(caller.get("/healthz").status, 200)
        with Caller(first.socket_path) as caller:
            self.assertEqual(caller.get("/healthz").status, 200)

    def test_on_the_same_port_or_socket_it_refuses_and_the_first_goes_on(self):
        first = self.world.daemon(self.world.broker())
        self.assert_refused_at_once("port", first, f"127.0.0.1:{first.port}")
        self.assert_refused_at_once("unix socket", first, f"unix:{first.socket_path}")


class IdleConnections(SystemTest):
    def test_a_hundred_of_them_do_not_hold_up_the_way_down(self):
        broker = self.world.broker()
        self.world.responder(broker)
        took = []
        for _ in range(5):
            daemon = self.world.daemon(broker)
            with contextlib.ExitStack() as stack:
                used = [stack.enter_context(Caller(daemon.port)) for _ in range(50)]
                for caller in used:
                    self.assertEqual(caller.transform("reverse", "abc").status, 200)
                for _ in range(50):
                    stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port)))
                eventually(lambda: len(held_connections("127.0.0.1", daemon.port)) == 100,
                           "all are accepted")
                took.append(seconds_to_stop(daemon))
                self.assertEqual(daemon.wait(), 0)
        say("SIGTERM with 100 idle connections",
            f"{len(took)} exits after {milliseconds(min(took))} to {milliseconds(max(took))}")
        self.assertLess(max(took), 5)


if __name__ == "__main__":
    unittest.main()
