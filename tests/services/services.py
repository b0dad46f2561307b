"""Programs of others that answer requests over MQTT, each as its makers ship it, on loopback and
with a folder of its own. Those from npm are in MQTT_BRIDGE_SERVICES, where tests/services/run put
them. Each is started when its class is made, and then answers: that is what is waited for."""

import contextlib
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "system"))

import harness  # noqa: E402 (it is found only from here on)
import mqtt_peer  # noqa: E402
import paho.mqtt.client as mqtt  # noqa: E402
from paho.mqtt.packettypes import PacketTypes  # noqa: E402
from paho.mqtt.properties import Properties  # noqa: E402

# A program of Node needs some seconds to start, and more on a busy machine.
harness.PATIENCE = 60

NPM = pathlib.Path(os.environ.get("MQTT_BRIDGE_SERVICES") or
                   "/var/tmp/mqtt-bridge-services/npm").resolve()
# Programs of Debian are there, unless they are installed.
DEBIAN = pathlib.Path(os.environ.get("MQTT_BRIDGE_DEBIAN") or "/")
NODE = shutil.which("node")


def of_debian(path):
    """The tree in which a program or library of Debian is."""
    return next(tree for tree in (pathlib.Path("/"), DEBIAN) if list(tree.glob(path)))


class Service(harness.Process):
    """One of these programs, for `broker`. `heard()` is asked until it gives something true."""

    def __init__(self, world, broker):
        self.broker = broker
        self.folder = world.folder / type(self).__name__
        self.folder.mkdir()
        super().__init__(type(self).__name__, self.command(), self.environment())
        world.add(self)
        harness.eventually(self._is_up, f"{self.name} answers\n{self.log()}")

    def environment(self):
        return harness.environment()

    def _is_up(self):
        if not self.running():
            raise AssertionError(f"{self.name} ended\n{self.log()}")
        return self.heard()

    def hears(self, topic, request, response_topic, properties=None, protocol=mqtt.MQTTv5):
        """Whether an answer to this request comes at once, which it does not before the service has
        subscribed."""
        with mqtt_peer.Peer(self.broker, response_topic, protocol=protocol) as peer:
            peer._client.publish(topic, json.dumps(request), qos=1, properties=properties)
            with contextlib.suppress(queue.Empty):
                return peer.messages.get(timeout=0.25)


class NodeService(Service):
    def environment(self):
        return harness.environment(NODE_PATH=str(NPM / "node_modules"), HOME=str(self.folder))


class Nest(NodeService):
    def command(self):
        return [NODE, HERE / "nest_service.cjs", str(self.broker.port)]

    def heard(self):
        return self.hears("math/sum", {"data": [1], "id": "ready"}, "math/sum/reply")


class JsonRpc(NodeService):
    def command(self):
        return [NODE, HERE / "json_rpc_service.cjs", str(self.broker.port)]

    def heard(self):
        return self.hears("example/hello/request", {"jsonrpc": "2.0", "id": "ready:1",
                                                    "method": "example/hello", "params": []},
                          "example/hello/response/ready")


class NodeRed(NodeService):
    """With flows that answer, and one, `none`, that tells an error."""

    FLOWS = {"upper": "msg.payload = msg.payload.toString().toUpperCase();",
             "echo": "",
             "none": "msg.userProperties = { status: '404', error: 'there is no such flow' };"}

    def command(self):
        (self.folder / "settings.js").write_text(
            "module.exports = { httpAdminRoot: false, httpNodeRoot: false,\n"
            "  telemetry: { enabled: false }, editorTheme: { tours: false } };\n")
        (self.folder / "flows.json").write_text(json.dumps(self.flows()))
        return [NODE, NPM / "node_modules" / "node-red" / "red.js",
                "--userDir", self.folder, "--settings", self.folder / "settings.js",
                self.folder / "flows.json"]

    def flows(self):
        tab = {"z": "tab", "x": 0, "y": 0}
        flows = [{"id": "tab", "type": "tab", "label": "answers"},
                 {"id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1",
                  "port": str(self.broker.port), "protocolVersion": "5", "keepalive": "60",
                  "cleansession": True, "autoConnect": True, "usetls": False},
                 {**tab, "id": "out", "type": "mqtt out", "topic": "", "qos": "", "retain": "",
                  "broker": "broker", "wires": []}]
        for name, code in self.FLOWS.items():
            flows += [{**tab, "id": name, "type": "mqtt in", "topic": f"nr/{name}/request",
                       "qos": "1", "datatype": "buffer", "broker": "broker", "nl": False,
                       "rap": True, "rh": 0, "inputs": 0, "wires": [[f"{name}-function"]]},
                      {**tab, "id": f"{name}-function", "type": "function", "outputs": 1,
                       "func": f"{code}\nmsg.topic = msg.responseTopic;\nreturn msg;",
                       "wires": [["out"]]}]
        return flows

    def heard(self):
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = "ready/inbox"
        properties.CorrelationData = b"ready"
        return self.hears("nr/upper/request", "ready", "ready/inbox", properties)


class Zigbee2Mqtt(NodeService):
    """With an adapter that has no radio, and the devices `lamp` and `plug`."""

    DEVICES = {"lamp": "0x0017880100000001", "plug": "0x0017880100000002"}

    def command(self):
        configuration = {
            "version": 5,
            "mqtt": {"base_topic": "zigbee2mqtt", "server": f"mqtt://127.0.0.1:{self.broker.port}"},
            "serial": {"port": "/dev/null", "adapter": "zstack"},
            "frontend": {"enabled": False}, "homeassistant": {"enabled": False},
            "advanced": {"network_key": list(range(1, 17)), "pan_id": 6754,
                         "ext_pan_id": [221] * 8, "log_output": ["console"]},
            "devices": {address: {"friendly_name": name} for name, address in self.DEVICES.items()},
        }
        # JSON is YAML.
        (self.folder / "configuration.yaml").write_text(json.dumps(configuration))
        coordinator = {"id": 1, "type": "Coordinator", "ieeeAddr": "0x00124b0000000001",
                       "nwkAddr": 0, "epList": [1], "endpoints": {"1": self.endpoint([])},
                       "interviewCompleted": True, "meta": {}}
        routers = [
            {"id": number, "type": "Router", "ieeeAddr": address, "nwkAddr": number,
             "manufId": 4476, "manufName": "IKEA of Sweden", "powerSource": "Mains (single phase)",
             "modelId": "TRADFRI control outlet", "epList": [1],
             "endpoints": {"1": self.endpoint([0, 3, 4, 5, 6, 8])},
             "interviewCompleted": True, "interviewState": "SUCCESSFUL", "meta": {"configured": 1}}
            for number, address in enumerate(self.DEVICES.values(), 2)]
        (self.folder / "database.db").write_text(
            "".join(json.dumps(entry) + "\n" for entry in (coordinator, *routers)))
        return [NODE, "--require", HERE / "zigbee_adapter.cjs",
                NPM / "node_modules" / "zigbee2mqtt" / "index.js"]

    @staticmethod
    def endpoint(clusters):
        return {"profId": 260, "epId": 1, "devId": 266, "inClusterList": clusters,
                "outClusterList": [], "clusters": {}, "binds": [],
                "configuredReportings": [], "meta": {}}

    def environment(self):
        # It builds itself anew where git knows of a commit that is not its own, as here of ours.
        return {**super().environment(), "ZIGBEE2MQTT_DATA": str(self.folder), "GIT_DIR": "none"}

    def heard(self):
        return self.hears("zigbee2mqtt/bridge/request/health_check", {"transaction": "ready"},
                          "zigbee2mqtt/bridge/response/health_check")


class Janus(Service):
    """With its MQTT transport and the plugin echotest alone."""

    PLUGIN = "janus.plugin.echotest"

    def command(self):
        self.tree = of_debian("usr/bin/janus")
        (installed,) = self.tree.glob("usr/lib/*/janus")
        for kind, library in (("transports", "mqtt"), ("plugins", "echotest")):
            (self.folder / kind).mkdir()
            (self.folder / kind / f"libjanus_{library}.so").symlink_to(
                installed / kind / f"libjanus_{library}.so")
        for kind in ("loggers", "events"):
            (self.folder / kind).mkdir()
        (self.folder / "janus.jcfg").write_text(
            "general: {\n"
            f'  configs_folder = "{self.folder}"\n'
            + "".join(f'  {kind}_folder = "{self.folder / kind}"\n'
                      for kind in ("plugins", "transports", "loggers", "events")) +
            "}\n"
            'media: { rtp_port_range = "40000-40100" }\n')
        (self.folder / "janus.transport.mqtt.jcfg").write_text(
            "general: {\n  enabled = true\n"
            f'  url = "tcp://127.0.0.1:{self.broker.port}"\n'
            '  mqtt_version = "5"\n  client_id = "janus"\n'
            '  subscribe_topic = "to-janus"\n  publish_topic = "from-janus"\n}\n')
        return [self.tree / "usr/bin/janus", "--interface", "127.0.0.1", "--disable-colors",
                "--configs-folder", self.folder, "--config", self.folder / "janus.jcfg"]

    def environment(self):
        libraries = self.tree.glob("usr/lib/*-linux-gnu")
        return harness.environment(LD_LIBRARY_PATH=":".join(map(str, libraries)))

    def heard(self):
        return self.hears("to-janus", {"janus": "ping", "transaction": "ready"}, "from-janus")


class Dynsec:
    """Not a program but a plugin: mosquitto with its dynamic security, and for the bridge the user
    `bridge` with the role of an administrator."""

    USER, PASSWORD = "bridge", "secret"

    def __init__(self, world):
        rules = world.folder / "dynamic-security.json"
        subprocess.run(["mosquitto_ctrl", "dynsec", "init", rules, self.USER, self.PASSWORD],
                       check=True, stdout=subprocess.DEVNULL, timeout=harness.PATIENCE)
        self.password_file = world.folder / "password"
        self.password_file.write_text(self.PASSWORD)
        # As root it would become another user, who may not read the rules.
        self.broker = world.broker(config=(
            "user root\nallow_anonymous false\n"
            "plugin /usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so\n"
            f"plugin_opt_config_file {rules}\n"))

    def options(self):
        """What the daemon is told to get in."""
        return ("--username", self.USER, "--password-file", self.password_file)


class Nats(harness.Process):
    """A NATS server, which speaks MQTT 3.1.1 as well; and a broker as the tests know them."""

    def __init__(self, world):
        with harness.unused_port() as self.port, harness.unused_port() as self.nats_port:
            pass
        self.url = f"mqtt://127.0.0.1:{self.port}"
        config = world.folder / "nats.conf"
        config.write_text(f"server_name: test\nhost: 127.0.0.1\nport: {self.nats_port}\n"
                          f"jetstream {{ store_dir: {world.folder / 'nats'} }}\n"
                          f"mqtt {{ host: 127.0.0.1, port: {self.port} }}\n")
        program = of_debian("usr/sbin/nats-server") / "usr/sbin/nats-server"
        super().__init__("nats-server", [program, "--config", config])
        world.add(self)
        self.wait_for_line("Server is ready")


class NatsService(NodeService):
    """A subscriber of NATS, not of MQTT, of which a point is a slash."""

    def command(self):
        return [NODE, HERE / "nats_service.cjs", str(self.broker.nats_port)]

    def heard(self):
        return self.hears("math/sum", {"id": "ready", "data": [1]}, "math/sum/answer",
                          protocol=mqtt.MQTTv311)
