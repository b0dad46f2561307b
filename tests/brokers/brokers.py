"""Brokers of other makers, each in a tree of a Debian that has it, as tests/brokers/run made it:
what each needs to be told, and how it is started, stopped and killed."""

import contextlib
import os
import pathlib
import signal
import socket
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import harness  # noqa: E402 (it is found only from here on)

# An Erlang system takes its time to start.
harness.PATIENCE = 60

TREE = pathlib.Path(os.environ["MQTT_BRIDGE_TREE"])


class Broker(harness.Process):
    """On a free port of loopback, with a folder of its own in the tree."""

    user = password = None

    def __init__(self):
        with harness.unused_port() as self.port:
            pass
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"mqtt://{self.address}"
        outside = pathlib.Path(tempfile.mkdtemp(dir=TREE / "tmp"))
        outside.chmod(0o755)
        self.folder = pathlib.Path("/") / outside.relative_to(TREE)  # as the broker sees it
        for name, text in self.files().items():
            (outside / name).write_text(text)
        variables = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                     "HOME": str(self.folder), **self.variables()}
        # A session of its own, so that all of it can be killed at once.
        self._command = ["setsid", "chroot", TREE, "env", "-i",
                         *(f"{name}={value}" for name, value in variables.items()),
                         *self.command()]
        self.start_again()

    def start_again(self):
        """After stop() or kill(), with what it has stored meanwhile; it then listens."""
        super().__init__(type(self).__name__, self._command)
        harness.eventually(self._listens, f"{self.name} listens\n{self.log()}")

    def _listens(self):
        if not self.running():
            raise AssertionError(self.log())
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True

    def options(self):
        """What our long-running programs are told to get in."""
        return ("--broker", self.url)

    def kill(self):
        self.is_killed = True
        os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def files(self):
        return {}

    def variables(self):
        return {}


class Mosquitto(Broker):
    def files(self):
        return {"mosquitto.conf": f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
                                  "user root\nlog_dest stderr\n"
                                  f"persistence true\npersistence_location {self.folder}/\n"}

    def command(self):
        return ["mosquitto", "-c", self.folder / "mosquitto.conf"]


class RabbitMQ(Broker):
    def files(self):
        return {"plugins": "[rabbitmq_mqtt].\n",
                "rabbitmq.conf": "listeners.tcp = none\n"
                                 f"mqtt.listeners.tcp.1 = 127.0.0.1:{self.port}\n"
                                 "mqtt.allow_anonymous = true\n"}

    def variables(self):
        return {"ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_NODENAME": "rabbit@localhost",
                "RABBITMQ_ENABLED_PLUGINS_FILE": self.folder / "plugins",
                "RABBITMQ_CONFIG_FILE": self.folder / "rabbitmq",
                "RABBITMQ_MNESIA_BASE": self.folder / "mnesia",
                "RABBITMQ_LOG_BASE": self.folder,
                "RABBITMQ_LOGS": "-",
                "RABBITMQ_PID_FILE": self.folder / "pid"}

    def command(self):
        return ["/usr/lib/rabbitmq/bin/rabbitmq-server"]


class Ejabberd(Broker):
    """Release 23 lets nobody in without a user name."""

    user, password = "bridge@localhost", "secret"

    def files(self):
        return {"ejabberd.yml": "hosts: [localhost]\n"
                                "auth_method: anonymous\n"
                                "anonymous_protocol: login_anon\n"
                                "listen:\n"
                                "  - module: mod_mqtt\n"
                                f"    port: {self.port}\n"
                                '    ip: "127.0.0.1"\n'
                                "modules:\n"
                                "  mod_mqtt: {}\n",
                "password": self.password}

    def options(self):
        return (*super().options(), "--username", self.user,
                "--password-file", TREE / self.folder.relative_to("/") / "password")

    def variables(self):
        return {"EJABBERD_CONFIG_PATH": self.folder / "ejabberd.yml",
                "EJABBERD_LOG_PATH": self.folder / "ejabberd.log",
                "ERL_LIBS": "/usr/lib/x86_64-linux-gnu"}

    def command(self):
        return ["erl", "-noinput", "-mnesia", "dir", f'"{self.folder}/spool"', "-s", "ejabberd"]


class Aedes(Broker):
    def command(self):
        return ["node", "/opt/aedes/aedes.mjs", str(self.port)]


BROKERS = {each.__name__.lower(): each for each in (Mosquitto, RabbitMQ, Ejabberd, Aedes)}
