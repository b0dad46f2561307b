"""The programs that a run starts, and what the kernel says about each of them.

Whatever is started here is stopped here, by its process id, the newest first.
"""

import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BENCH = pathlib.Path(__file__).resolve().parent
BUILD = BENCH.parent / "build" / "release"
PEERS = BENCH / "peers"
PYTHON = "/usr/bin/python3"  # the one that Debian's modules are for
PATIENCE = 60  # seconds that any one program may take to start


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Late(RuntimeError):
    """What was waited for did not come."""


def eventually(condition, what, pause=0.005, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise Late(f"not so after {patience} s: {what}")
        time.sleep(pause)


class Process:
    """A started program; its output goes to a file."""

    def __init__(self, folder, name, command, env=None, cwd=None):
        self.name = name
        self.log_path = folder / f"{name}.log"
        with open(self.log_path, "wb") as log:
            self._process = subprocess.Popen(
                [os.fsdecode(part) if isinstance(part, os.PathLike) else str(part)
                 for part in command], stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}, cwd=cwd)

    @property
    def pid(self):
        return self._process.pid

    def log(self):
        return self.log_path.read_text("utf-8", "replace")

    def wait_for(self, words):
        def said():
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended:\n{self.log()}")
            return words in self.log()
        eventually(said, f"{self.name} says {words!r}")

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # What the kernel says ----------------------------------------------------------------------

    def cpu(self):
        """Nanoseconds on a core, by thread: {(thread id, name): ns}."""
        used = {}
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                name = (task / "comm").read_text().strip()
                used[int(task.name), name] = int((task / "schedstat").read_text().split()[0])
        return used

    def memory(self, field="VmRSS"):
        """Resident, in KiB."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        return 0


def cpu_between(before, after):
    """Nanoseconds in all; a thread that was not there before counts from its start."""
    return sum(used - before.get(thread, 0) for thread, used in after.items())


class World(contextlib.ExitStack):
    """All that was started together; leaving it stops all."""

    def __init__(self):
        super().__init__()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mqtt-bridge-bench-"))
        self.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, name, command, **more):
        process = Process(self.folder, name, command, **more)
        self.callback(process.stop)
        return process

    def broker(self, name, more=""):
        port = free_port()
        config = self.folder / f"{name}.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n{more}\n")
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        broker = self.start(f"mosquitto-{name}", [program, "-c", config])
        broker.wait_for("running")
        broker.port = port
        return broker

    def responder(self, broker):
        responder = self.start(f"responder-{broker.port}", [
            BUILD / "mqtt_responder", "--broker", f"mqtt://127.0.0.1:{broker.port}"])
        responder.wait_for("ready")
        return responder

    def start_daemon(self, broker, name, *options, under=()):
        """Started, and perhaps not yet ready. `under`: a program that runs it."""
        port = free_port()
        path = self.folder / f"{name}.sock"
        daemon = self.start(name, [
            *under, BUILD / "mqtt_bridged", "--broker", f"mqtt://127.0.0.1:{broker.port}", "--netid", name,
            "--listen", f"127.0.0.1:{port}", "--listen", f"unix:{path}", "--log-level", "warn",
            *options])
        daemon.port, daemon.path, daemon.netid = port, path, name
        return daemon

    def daemon(self, broker, name, *options, under=()):
        daemon = self.start_daemon(broker, name, *options, under=under)
        eventually(lambda: is_ready(daemon.port), "the daemon is ready")
        return daemon

    def http_peer(self, name, command, env=None):
        """`command` and `env` with {port} where the port to listen on belongs."""
        port = free_port()
        peer = self.start(name, [str(part).format(port=port) for part in command],
                          env={key: value.format(port=port) for key, value in (env or {}).items()})
        peer.port = port
        eventually(lambda: answers(peer, name), f"{name} answers")
        return peer


def ask(port, method, target, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, target, body, {"Content-Type": "text/plain"})
        response = connection.getresponse()
        return response.status, response.read()


def is_ready(port):
    with contextlib.suppress(OSError):
        return ask(port, "GET", "/readyz")[0] == 200
    return False


def answers(peer, name):
    if peer._process.poll() is not None:
        raise RuntimeError(f"{name} ended:\n{peer.log()}")
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(peer.port, "POST", "/transform/uppercase", "hello") == (200, b"HELLO")
    return False
