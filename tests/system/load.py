"""A steady load of HTTP calls from many connections at once, each call judged by itself.

Calls begin by the clock, however long the earlier ones take: one that finds no idle connection
opens another one. Whether an answer is right is decided here, by Python's own string methods, on
texts for which all of Unicode's and of the students' ways agree. Everything runs on a thread of
its own.
"""

import asyncio
import collections
import itertools
import json
import random
import re
import threading
import time
import typing

from harness import ACTIONS, PATIENCE, eventually

# How long after its deadline a call may still be undecided. The promise is 100 ms, and the run
# prints what it was; what a test asserts leaves room for instrumented programs on a busy machine.
SLACK = 1.0

# When a call is given up: a program hangs.
HUNG = 10.0

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
REQUEST_ID = re.compile(rb"\r\nrequest-id: *([^\r]*)", re.IGNORECASE)

RIGHT = {
    "uppercase": str.upper,
    "lowercase": str.lower,
    "title-case": str.title,
    "reverse": lambda text: text[::-1],
}


def is_right(action, text, answer):
    """For a text of ASCII letters, spaces, and words of digits."""
    if action == "shuffle":
        return sorted(answer) == sorted(text)
    return answer == RIGHT[action](text)


def slug_of(body):
    """Of a problem; what stands before the daemon answers in ways of its own."""
    try:
        return re.split("[/:#]", json.loads(body)["type"])[-1]
    except ValueError:
        return "not-the-daemons"


class Call(typing.NamedTuple):
    """One call and how it ended; all times in seconds, instants by time.monotonic()."""
    action: str
    text: str
    timeout: float
    started: float
    ended: float
    status: int  # 0: the connection broke; 1: no answer until long after the deadline
    slug: str  # of the problem; empty when the text was transformed
    right: bool

    @property
    def duration(self):
        return self.ended - self.started


class Connection(asyncio.Protocol):
    """One connection, kept alive, for one call at a time."""

    def __init__(self):
        self.unasked = 0  # pieces that came when no answer was due
        self._transport = None
        self._received = b""
        self._answer = None

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        if self._answer is None or self._answer.done():
            self.unasked += 1
            return
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head) if end else None
        if length is None or len(body) < int(length.group(1)):
            return
        self.unasked += len(body) > int(length.group(1))
        self._answer.set_result((head, body[:int(length.group(1))]))

    def connection_lost(self, exc):
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(str(exc)))

    @property
    def is_open(self):
        return not self._transport.is_closing()

    async def ask(self, request):
        self._received = b""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self):
        self._transport.abort()


class Calls:
    """What both kinds of load are made of: the connections, and what came of the calls."""

    def __init__(self, port):
        self.calls = []  # those that have ended
        self._port = port
        self._idle = []
        self._connections = []
        self._numbers = itertools.count()

    @property
    def twice(self):
        """Answers that nobody asked for: a second one, or one to another call."""
        return sum(connection.unasked for connection in self._connections)

    @property
    def connections(self):
        return len(self._connections)

    async def _connection(self):
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection, "127.0.0.1", self._port)
        self._connections.append(connection)
        return connection

    async def _call(self, action, text, timeout):
        request_id = f"load-{next(self._numbers)}"
        body = text.encode()
        request = (f"POST /transform/{action}?timeout={round(timeout * 1000)}ms HTTP/1.1\r\n"
                   f"Host: localhost\r\nRequest-Id: {request_id}\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        started = time.monotonic()
        connection = None
        try:
            async with asyncio.timeout(timeout + HUNG):
                connection = await self._connection()
                head, body = await connection.ask(request)
        except TimeoutError:
            status, slug, right = 1, "hung", False
            if connection:
                connection.close()
        except OSError:
            status, slug, right = 0, "connection-error", False
        else:
            status = int(head.split(b" ", 2)[1])
            echoed = REQUEST_ID.search(head)
            right = echoed is not None and echoed.group(1).decode() == request_id
            slug = ""
            if status == 200:
                right = right and is_right(action, text, body.decode())
            else:
                slug = slug_of(body)
            self._idle.append(connection)
        self.calls.append(
            Call(action, text, timeout, started, time.monotonic(), status, slug, right))

    def _close(self):
        for connection in self._connections:
            connection.close()

    # What came of them -------------------------------------------------------------------------

    def of(self, status, slug=""):
        return [call for call in self.calls if (call.status, call.slug) == (status, slug)]

    @property
    def ok(self):
        return [call for call in self.calls if call.status == 200 and call.right]

    @property
    def wrong(self):
        """Somebody else's answer, or somebody else's problem."""
        return [call for call in self.calls if call.status >= 200 and not call.right]

    @property
    def failed(self):
        return [call for call in self.calls if call.status != 200]

    @property
    def overdue(self):
        """Calls that were undecided for too long after their deadline."""
        return [call for call in self.calls if call.duration > call.timeout + SLACK]

    @property
    def worst(self):
        """Of the durations, in milliseconds."""
        return max((call.duration for call in self.calls), default=0) * 1000

    @property
    def latest(self):
        """How long after its deadline the last call was decided, in milliseconds."""
        return max(0, max((call.duration - call.timeout for call in self.calls), default=0)) * 1000

    def outcomes(self):
        """How often each kind of ending came, for people to read."""
        count = collections.Counter(
            (call.status, call.slug) if call.status != 200 or call.right else (200, "WRONG")
            for call in self.calls)
        return ", ".join(f"{status}{' ' + slug if slug else ''}: {number}"
                         for (status, slug), number in sorted(count.items()))

    def figures(self):
        return (f"calls={len(self.calls)} ok={len(self.ok)} failed={len(self.failed)} "
                f"wrong={len(self.wrong)} twice={self.twice} worst={self.worst:.0f} ms "
                f"after-deadline={self.latest:.0f} ms")


class Load(Calls):
    """So many calls a second while the block runs; leaving it waits until all are decided."""

    def __init__(self, port, rate=200, timeout=5.0, actions=ACTIONS):
        super().__init__(port)
        self._rate = rate
        self._timeout = timeout
        self._actions = actions
        self._chance = random.Random(rate)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join(self._timeout + HUNG + PATIENCE)

    def wait_for_calls(self, count):
        """Waits until so many more calls have ended."""
        enough = len(self.calls) + count
        eventually(lambda: len(self.calls) >= enough, f"{count} more calls have ended")

    async def _run(self):
        begun = set()
        start = time.monotonic()
        for number in itertools.count():
            wait = start + number / self._rate - time.monotonic()
            await asyncio.sleep(max(wait, 0))  # who is late begins no call before others can go on
            if self._stopping.is_set():
                break
            call = asyncio.create_task(self._call(
                self._chance.choice(self._actions), f"some lOAD nUMBER {number}", self._timeout))
            begun.add(call)
            call.add_done_callback(begun.discard)
        if begun:
            await asyncio.wait(begun)
        self._close()


class Batch(Calls):
    """Given calls, (action, text) each, so many of them at once. Done when it is constructed."""

    def __init__(self, port, calls, at_once, timeout):
        super().__init__(port)
        asyncio.run(self._run(iter(calls), at_once, timeout))

    async def _run(self, calls, at_once, timeout):
        async def work():
            for action, text in calls:
                await self._call(action, text, timeout)

        await asyncio.gather(*(work() for _ in range(at_once)))
        self._close()
