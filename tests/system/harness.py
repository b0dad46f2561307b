"""The programs that a system test needs, how to wait for them, and how to call them.

Every test starts its own broker, daemon and responder, on ports that the system chooses, in a
folder that goes away with it. Nothing here sleeps for a guessed time: a wait is for a condition,
and ends with the logs of everybody involved when that has not come true within PATIENCE. Whatever
a test starts it also stops, by its process id, and a program of ours that does not stop cleanly
fails the test.
"""

import contextlib
import http.client
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import typing
import unittest
import urllib.parse

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MQTT_BRIDGE_BUILD") or REPOSITORY / "build" / "dev").resolve()
PEERS = pathlib.Path(__file__).resolve().parent / "peers"

ACTIONS = ("uppercase", "lowercase", "title-case", "reverse", "shuffle")

# How long any one condition may take, in seconds. Far above what a good run needs: the programs may
# be instrumented, and the machine busy.
PATIENCE = 30

# What the sanitizers print when they have found something.
SANITIZER_REPORT = re.compile(
    r"ERROR: (Address|Leak|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error: ")


def environment(**extra):
    """This process's environment without the options of ours that it may hold."""
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("MQTT_BRIDGE_", "MQTT_RESPONDER_"))}
    clean.update(PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    clean.update(extra)
    return clean


def eventually(condition, what):
    """Asks `condition` until it gives something true, and returns that."""
    deadline = time.monotonic() + PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {PATIENCE} s: {what}")
        time.sleep(0.01)


@contextlib.contextmanager
def unused_port():
    """A port of 127.0.0.1 on which nothing listens, and nothing can while the block runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextlib.contextmanager
def silent_port():
    """A port of 127.0.0.1 that accepts connections and then never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


class Process:
    """A started program, whose output is kept line by line. Thread-safe."""

    def __init__(self, name, arguments, env=None):
        self.name = name
        self.lines = []  # of stderr and stdout as they came, without their ends
        self.answers = []  # of stdout alone
        self.is_killed = False
        self._changed = threading.Condition()
        self._open_streams = 2
        self._process = subprocess.Popen(
            [as_bytes(argument) for argument in arguments], env=env or environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, True), daemon=True),
            threading.Thread(target=self._read, args=(self._process.stderr, False), daemon=True)]
        for reader in self._readers:
            reader.start()

    def _read(self, stream, is_stdout):
        for line in stream:
            text = line.decode("utf-8", "replace").rstrip("\n")
            with self._changed:
                self.lines.append(text)
                if is_stdout:
                    self.answers.append(text)
                self._changed.notify_all()
        with self._changed:
            self._open_streams -= 1
            self._changed.notify_all()

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process.poll() is None

    def wait_for(self, found, what):
        """Waits until `found()` gives something true, asked after each line of output."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while True:
                result = found()
                if result:
                    return result
                if self._open_streams == 0:
                    raise AssertionError(f"{self.name} ended before {what}\n{self.log()}")
                if not self._changed.wait(timeout=deadline - time.monotonic()):
                    raise AssertionError(f"{self.name}: no {what} in {PATIENCE} s\n{self.log()}")

    def wait_for_line(self, pattern, count=1):
        """The match of the `count`th line that has `pattern` in it, past lines included."""
        def found():
            matches = [match for match in (re.search(pattern, line) for line in self.lines) if match]
            return matches[count - 1] if len(matches) >= count else None
        return self.wait_for(found, f"line with {pattern!r}")

    def write_line(self, text):
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()

    def close_stdin(self):
        self._process.stdin.close()

    def wait(self):
        """Its exit code, once it ended by itself."""
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.name} still runs after {PATIENCE} s\n{self.log()}") from None
        for reader in self._readers:
            reader.join(PATIENCE)
        return code

    def kill(self):
        """Ends it at once, as kill -9 does; it is then not expected to stop cleanly."""
        self.is_killed = True
        self._process.kill()
        self.wait()

    def ask_to_stop(self):
        if self.running():
            self._process.send_signal(signal.SIGTERM)

    def stop(self):
        """Asks it to stop and returns its exit code; harmless when it has ended."""
        self.ask_to_stop()
        try:
            return self.wait()
        finally:
            if self.running():
                self._process.kill()
                self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def log(self, most=80):
        lines = self.lines[-most:]
        left_out = len(self.lines) - len(lines)
        head = f"--- {self.name} (process {self.pid}"
        head += f", {left_out} earlier lines left out) ---" if left_out else ") ---"
        return "\n".join([head, *lines])


class Broker(Process):
    """A mosquitto as Debian ships it, on loopback, which logs everything and, unless `more` of its
    configuration says so, stores nothing."""

    def __init__(self, folder, port, more=""):
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.url = f"mqtt://{self.address}"
        config = folder / f"mosquitto-{port}.conf"
        if "persistence " not in more:
            more += "\npersistence false"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n"
                          f"log_dest stderr\nlog_type all\n{more}\n")
        # /usr/sbin is not on everybody's PATH.
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._command = [program, "-c", config]
        super().__init__("mosquitto", self._command)

    def start_again(self):
        """After a kill() or stop(), on the same port; its log begins anew."""
        super().__init__("mosquitto", self._command)

    def started(self):
        """False when the port was taken by somebody else in between."""
        line = self.wait_for_line(r"Address already in use|mosquitto version \S+ running")
        return "running" in line.group()

    def settle(self):
        """Returns when all that the broker did before has come to its log."""
        client_id = f"settle-{secrets.token_hex(4)}"
        head = b"\x00\x04MQTT\x04\x02\x00\x3c"  # MQTT 3.1.1 3.1: clean session, 60 s
        rest = head + len(client_id).to_bytes(2, "big") + client_id.encode()
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connected:
            connected.sendall(bytes([0x10, len(rest)]) + rest)
            self.wait_for_line(rf"New client connected from \S+ as {client_id} ")

    def connected(self, client_id):
        """How many times a client with this id connected until now."""
        self.settle()
        pattern = re.compile(rf"New client connected from \S+ as {re.escape(client_id)} ")
        return sum(bool(pattern.search(line)) for line in self.lines)

    def takeovers(self):
        """The lines that tell of a client thrown out by another one with its id."""
        self.settle()
        return [line for line in self.lines if "already connected, closing old" in line]


class Daemon(Process):
    """mqtt_bridged, listening on a TCP port and on a unix socket."""

    def __init__(self, folder, *options, env=None):
        self.socket_path = folder / "daemon.sock"
        super().__init__("mqtt_bridged", [
            BUILD / "mqtt_bridged", "--listen", "127.0.0.1:0",
            "--listen", f"unix:{self.socket_path}", *options], env)

    def wait_until_listening(self):
        self.wait_for_line(r"listening on unix:")
        self.port = int(self.wait_for_line(r"listening on http://127\.0\.0\.1:(\d+)").group(1))
        self.url = f"http://127.0.0.1:{self.port}"
        self.unix_url = f"unix:{self.socket_path}"

    def wait_until_ready(self, headers=None):
        with Caller(self.port) as caller:
            eventually(lambda: caller.get("/readyz", headers).status == 200, "/readyz answers 200")


class Answer(typing.NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self):
        return self.body.decode()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self._path = os.fspath(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Caller:
    """One HTTP connection, kept alive from call to call. `where` is a port or a socket's path."""

    def __init__(self, where):
        self.connection = (
            http.client.HTTPConnection("127.0.0.1", where, timeout=PATIENCE)
            if isinstance(where, int) else UnixConnection(where))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def request(self, method, target, body=None, headers=None):
        self.connection.request(method, target, body, headers or {})
        response = self.connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def get(self, target, headers=None):
        return self.request("GET", target, headers=headers)

    def transform(self, action, text, headers=None, **query):
        """The call that all this is for; `text` is a string or bytes."""
        target = f"/transform/{action}"
        if query:
            target += "?" + urllib.parse.urlencode(query)
        body = text.encode() if isinstance(text, str) else text
        return self.request("POST", target, body, headers)


def send_raw(where, request):
    """Sends bytes that no HTTP library would send, and reads the one answer to them."""
    connection = Caller(where).connection
    connection.connect()
    with contextlib.closing(connection):
        connection.sock.sendall(request)
        return read_answer(connection.sock)


def read_answer(connected):
    response = http.client.HTTPResponse(connected)
    response.begin()
    return Answer(response.status, response.headers, response.read())


class Outcome(typing.NamedTuple):
    """How a program that ran to its end did so."""
    code: int
    stdout: str
    stderr: str


def as_bytes(argument):
    """An argument of a command line as UTF-8, whatever the locale is; bytes stay as they are."""
    argument = os.fspath(argument)
    return argument if isinstance(argument, bytes) else argument.encode()


def run(arguments, env=None):
    """Runs a program to its end."""
    completed = subprocess.run(
        [as_bytes(argument) for argument in arguments], env=env or environment(),
        stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    outcome = Outcome(completed.returncode, completed.stdout.decode(),
                      completed.stderr.decode("utf-8", "replace"))
    if SANITIZER_REPORT.search(outcome.stderr):
        raise AssertionError(f"{arguments[0]} has a fault:\n{outcome.stderr}")
    return outcome


def run_client(*arguments, daemon_url=None):
    """Runs mqtt_client. Without `daemon_url` it asks the broker itself, so that no daemon of the
    machine's own can answer; test_client_ways.py is about the choice between these."""
    if daemon_url is None:
        return run([BUILD / "mqtt_client", "--direct", *arguments])
    return run([BUILD / "mqtt_client", *arguments], environment(MQTT_BRIDGE_URL=daemon_url))


class World(contextlib.ExitStack):
    """Everything that was started together; leaving it stops all, the newest first."""

    def __init__(self):
        super().__init__()
        self.processes = []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mqtt-bridge-"))
        self.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def add(self, process):
        """Takes charge of a process: it is stopped in time, and its log shown when a test fails."""
        self.processes.append(process)
        self.callback(process.stop)
        return process

    def add_ours(self, process):
        """As add(), for a program of ours, which must stop with 0 and without a fault."""
        self.processes.append(process)
        self.callback(self._stop_cleanly, process)
        return process

    @staticmethod
    def _stop_cleanly(process):
        code = process.stop()
        faults = any(SANITIZER_REPORT.search(line) for line in process.lines)
        if faults or (code != 0 and not process.is_killed):
            raise AssertionError(f"{process.name} stopped with {code}\n{process.log(400)}")

    def broker(self, port=None, config=""):
        """A mosquitto on `port`, or on a free one; `config`: further lines of its configuration."""
        while True:
            with unused_port() as free:
                pass
            broker = Broker(self.folder, port or free, config)
            if broker.started():
                return self.add(broker)
            code = broker.stop()
            if port:
                raise AssertionError(f"mosquitto ended with {code}\n{broker.log()}")

    def daemon(self, broker, *options, netid="alice", ready=True, env=None):
        """mqtt_bridged for `broker` (one of ours, or a URL)."""
        url = broker if isinstance(broker, str) else broker.url
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        daemon = self.add_ours(
            Daemon(folder, "--broker", url, "--netid", netid, *options, env=env))
        daemon.wait_until_listening()
        if ready:
            daemon.wait_until_ready()
        return daemon

    def responder(self, broker, *options):
        """mqtt_responder, subscribed."""
        url = broker if isinstance(broker, str) else broker.url
        responder = self.add_ours(Process(
            "mqtt_responder", [BUILD / "mqtt_responder", "--broker", url, *options]))
        responder.wait_for_line(r"\bready\b")
        return responder

    def peer(self, program, broker, *arguments):
        """One of the programs in peers/."""
        return self.add(Process(program, [
            sys.executable, PEERS / program, "--host", "127.0.0.1", "--port", str(broker.port),
            *arguments]))


class SystemTest(unittest.TestCase):
    """A test with a World of its own, `self.world`, and one for its class, `self.shared`, which
    share() fills."""

    shared = None

    @classmethod
    def share(cls, world):
        """Starts what all tests of the class use, as attributes of the class."""

    @classmethod
    def setUpClass(cls):
        cls.shared = World()
        cls.addClassCleanup(cls.shared.close)
        cls.share(cls.shared)

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)

    def run(self, result=None):
        result = result if result is not None else self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(f"\nThe logs of {self.id()}:", file=sys.stderr)
            for world in (self.shared, getattr(self, "world", None)):
                for process in world.processes if world else ():
                    print(process.log(), file=sys.stderr)
        return result

    def client(self, broker, *arguments, daemon_url=None):
        """mqtt_client told of `broker`."""
        return run_client("--host", "127.0.0.1", "-p", str(broker.port), *arguments,
                          daemon_url=daemon_url)

    def assert_answered(self, outcome, text):
        """A call from the command line printed `text`, a newline, and nothing else anywhere."""
        self.assertEqual(outcome, Outcome(0, text + "\n", ""))

    def assert_one_line(self, outcome, code, *words):
        """A call from the command line failed, with one line on stderr that has these words."""
        self.assertEqual(outcome.code, code, outcome)
        self.assertEqual(outcome.stdout, "")
        self.assertRegex(outcome.stderr, r"\A[^\n]+\n\Z")
        for word in words:
            self.assertIn(word, outcome.stderr)
