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
    secrets = ()  # of its files, those that only it may read

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
            (outside / name).chmod(0o400 if name in self.secrets else 0o644)
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


class ErlangNode:
    """Of a cluster: one of several systems of Erlang on this machine that know each other by name."""

    secrets = (".erlang.cookie",)

    def __init__(self, number):
        self.number = number
        super().__init__()

    def files(self):
        return super().files() | {".erlang.cookie": "cluster"}


class EjabberdNode(ErlangNode, Ejabberd):
    def command(self):
        program, *rest = super().command()
        return [program, "-sname", f"ejabberd{self.number}@localhost", *rest]

    def join(self, first):
        """By the function that `ejabberdctl join_cluster` calls."""
        script = (f"ok = rpc:call('ejabberd{self.number}@localhost', ejabberd_cluster, join, "
                  f"['ejabberd{first.number}@localhost']), halt().")
        ended = harness.run(["chroot", TREE, "env", f"HOME={self.folder}", "erl", "-noinput", "-sname",
                             f"join{self.number}@localhost", "-eval", script])
        assert ended.code == 0, ended


class RabbitMQNode(ErlangNode, RabbitMQ):
    """The first is alone at first; the others join it as they start. Sessions are quorum queues."""

    def files(self):
        files = super().files()
        files["rabbitmq.conf"] += "mqtt.durable_queue_type = quorum\n"
        if self.number > 1:
            files["rabbitmq.conf"] += "cluster_formation.peer_discovery_backend = classic_config\n"
            for place, number in enumerate((1, self.number), 1):
                files["rabbitmq.conf"] += (
                    f"cluster_formation.classic_config.nodes.{place} = rabbit{number}@localhost\n")
        return files

    def variables(self):
        with harness.unused_port() as port:
            pass
        return super().variables() | {"RABBITMQ_NODENAME": f"rabbit{self.number}@localhost",
                                      "RABBITMQ_DIST_PORT": str(port)}

    def join(self, first):
        """It has, when it listens."""


class Aedes(Broker):
    def command(self):
        return ["node", "/opt/aedes/aedes.mjs", str(self.port)]


class Nats(Broker):
    """Its MQTT keeps sessions and retained messages in JetStream, which has a server's name."""

    def files(self):
        return {"nats.conf": "listen: 127.0.0.1:-1\n"
                             "server_name: nats\n"
                             f"jetstream {{ store_dir: \"{self.folder}/jetstream\" }}\n"
                             f"mqtt {{ listen: \"127.0.0.1:{self.port}\" }}\n"}

    def command(self):
        return ["nats-server", "-c", self.folder / "nats.conf"]


BROKERS = {each.__name__.lower(): each for each in (Mosquitto, RabbitMQ, Ejabberd, Aedes, Nats)}
NODES = {"ejabberd": (EjabberdNode, 2), "rabbitmq": (RabbitMQNode, 3)}
