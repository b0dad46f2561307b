"""Services that cannot be had here, each as far as what it does was read in its source or in its
documentation: where it listens, where it answers, and how it tells an error.

They are as unruly as a network lets them be: answers come in any order and some of them twice, with
answers to others between."""

import contextlib
import json
import queue
import random
import threading

import services  # noqa: F401 (it finds the next one)
import mqtt_peer
import paho.mqtt.client as mqtt
from harness import PATIENCE
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class Service:
    """Answers what comes to TOPIC. `answer()` and `noise()` give topics and payloads: what it says
    to this request, and what else it says meanwhile."""

    TOPIC = None
    PROTOCOL = mqtt.MQTTv311
    REPEATS = True  # some answers come twice

    def __init__(self, broker, seed=None):
        self.random = random.Random(seed)
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.requests = queue.Queue()  # that it has heard, for the test
        self._answers = queue.Queue()
        self._peer = mqtt_peer.Peer(broker, self.TOPIC, self._hear, self.PROTOCOL)
        self._sender = threading.Thread(target=self._send, daemon=True)

    def __enter__(self):
        self._peer.__enter__()
        self._sender.start()
        return self

    def __exit__(self, *what):
        self.may_answer.set()
        self._answers.put(None)
        self._sender.join(PATIENCE)
        self._peer.__exit__(*what)

    def answer(self, topic, request):
        raise NotImplementedError

    def noise(self, topic, request):
        return []

    def _hear(self, _, message):
        self._answers.put(message)
        self.requests.put(message)

    def _send(self):
        while True:
            batch = [self._answers.get()]
            with contextlib.suppress(queue.Empty):
                while len(batch) < 50:
                    batch.append(self._answers.get(timeout=0.02))
            self.may_answer.wait()
            said = []
            for message in filter(None, batch):
                answers = self.messages(message)
                said += answers * (2 if self.REPEATS and self.random.random() < 0.3 else 1)
            self.random.shuffle(said)
            for topic, payload, properties in said:
                self._peer._client.publish(topic, payload, qos=1, properties=properties)
            if None in batch:
                return

    def messages(self, message):
        request = self.read(message.payload)
        return [(topic, self.write(payload), None)
                for topic, payload in (*self.answer(message.topic, request),
                                       *self.noise(message.topic, request))]

    def read(self, payload):
        return json.loads(payload)

    def write(self, payload):
        return json.dumps(payload)


class Tasmota(Service):
    """An answer has no id, so a repeated one could not be told from another: none is."""

    TOPIC = "cmnd/+/+"
    REPEATS = False
    STATUS = {"5": {"StatusNET": {"Hostname": "plug"}}}

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.dimmer = {}

    def read(self, payload):
        return payload.decode()

    def answer(self, topic, request):
        _, device, command = topic.split("/")
        if command == "Status":
            yield f"stat/{device}/STATUS{request}", self.STATUS[request]
        elif command != "Dimmer":
            yield f"stat/{device}/RESULT", {"Command": "Unknown", "Input": command.upper()}
        else:
            if request:
                self.dimmer[device] = int(request)
            yield f"stat/{device}/RESULT", {"Dimmer": self.dimmer.get(device, 0)}

    def noise(self, topic, request):
        yield f"stat/{topic.split('/')[1]}/POWER", "ON"


class Shelly(Service):
    """RPC over MQTT of Shelly Gen2 and of Mongoose OS: the answer goes to SRC/rpc."""

    TOPIC = "shellyplus1-a8032ab12345/rpc"

    def answer(self, topic, request):
        device = topic.partition("/")[0]
        if "src" not in request:
            return
        frame = {"id": request["id"], "src": device, "dst": request["src"]}
        if request["method"] == "Switch.Set":
            frame["result"] = {"was_on": False, "params": request["params"]}
        elif request["method"] == "Shelly.GetDeviceInfo":
            frame["result"] = {"id": device, "gen": 2}
        else:
            frame["error"] = {"code": 404, "message": f"No handler for {request['method']}"}
        yield f"{request['src']}/rpc", frame

    def noise(self, topic, request):
        device = topic.partition("/")[0]
        yield f"{device}/events/rpc", {"src": device, "dst": f"{device}/events",
                                       "method": "NotifyStatus", "params": {}}
        # A call of the device's own, as Mongoose OS makes them.
        yield f"{request['src']}/rpc", {"id": 1, "src": device, "method": "Sys.Hello"}
        yield f"{request['src']}/rpc", {"id": "not ours", "src": device, "result": {}}


class ThingsBoard(Service):
    """Client-side RPC, of which the id is an int of Java; errors come without it."""

    TOPIC = "v1/devices/me/rpc/request/+"

    def answer(self, topic, request):
        number = int(topic.rpartition("/")[2])
        if not 0 <= number < 2**31 or "method" not in request:
            yield "v1/devices/me/errors", {"error": "NumberFormatException"}
        else:
            yield f"v1/devices/me/rpc/response/{number}", {"result": request["params"]}

    def noise(self, topic, request):
        yield "v1/devices/me/rpc/response/4294967295", {"result": "not ours"}


class AwsShadow(Service):
    """Two topics for answers, on which those to other clients come as well."""

    TOPIC = "$aws/things/+/shadow/#"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.version = 0

    def answer(self, topic, request):
        operation = topic.rpartition("/")[2]
        if operation not in ("get", "update", "delete"):
            return
        token = request.get("clientToken", "")
        if len(token) > 64:
            yield f"{topic}/rejected", {"code": 400, "message": "clientToken is too long"}
        elif operation != "update":
            yield f"{topic}/rejected", {"code": 404, "clientToken": token,
                                        "message": f"No shadow exists with name: '{topic}'"}
        elif "version" in request:
            yield f"{topic}/rejected", {"code": 409, "message": "Version conflict",
                                        "clientToken": token}
        else:
            self.version += 1
            yield f"{topic}/accepted", {"state": request["state"], "version": self.version,
                                        "clientToken": token}

    def noise(self, topic, request):
        if topic.rpartition("/")[2] == "update":
            yield f"{topic}/accepted", {"state": {"desired": "not ours"}, "clientToken": "another"}
            yield f"{topic}/rejected", {"code": 400, "message": "not ours"}
            yield f"{topic}/delta", {"state": {}, "version": self.version}


class ZwaveJsUi(Service):
    """The whole request comes back in `origin`."""

    TOPIC = "zwave/_CLIENTS/ZWAVE_GATEWAY-home/api/+/set"

    def answer(self, topic, request):
        name = topic.split("/")[-2]
        known = name in ("getNodes", "writeValue")
        yield topic.removesuffix("/set"), {
            "success": known, "message": "Success zwave api call" if known else "Unknown API",
            **({"result": request["args"]} if known else {}), "args": request["args"],
            "origin": request}

    def noise(self, topic, request):
        yield topic.removesuffix("/set"), {"success": True, "result": "not ours",
                                           "origin": {"args": []}}


class WirenBoard(Service):
    TOPIC = "/rpc/v1/db_logger/history/+/+"

    def answer(self, topic, request):
        frame = {"id": request["id"], "result": request["params"], "error": None}
        if "get_values" not in topic:
            frame.update(result=None, error={"message": "no such method", "code": -32601})
        yield f"{topic}/reply", frame

    def noise(self, topic, request):
        yield f"{topic}/reply", {"id": "7", "result": "not ours", "error": None}


class Moonraker(Service):
    TOPIC = "printer/moonraker/api/request"

    def answer(self, topic, request):
        frame = {"jsonrpc": request["jsonrpc"], "id": request["id"]}
        if request["method"] == "printer.objects.query":
            frame["result"] = request["params"]
        else:
            frame["error"] = {"code": -32601, "message": "Method not found"}
        yield "printer/moonraker/api/response", frame

    def noise(self, topic, request):
        yield "printer/moonraker/api/response", {"jsonrpc": "2.0", "id": 1, "result": "not ours"}


class AzureIotOperations(Service):
    """Refuses what the reference says that it refuses; all else is in properties."""

    TOPIC = "rpc/thermostat/+"
    PROTOCOL = mqtt.MQTTv5

    def messages(self, message):
        said = dict(getattr(message.properties, "UserProperty", ()))
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = message.properties.CorrelationData
        properties.ContentType = "application/json"
        status, payload = "200", message.payload
        if (not getattr(message.properties, "MessageExpiryInterval", 0) or "__srcId" not in said
                or len(message.properties.CorrelationData) != 16):
            status, payload = "400", b""
        elif message.topic != "rpc/thermostat/setpoint":
            status, payload = "422", b""
        properties.UserProperty = [("__stat", status), ("__stMsg", f"status {status}"),
                                   ("__protVer", "2.0")]
        other = Properties(PacketTypes.PUBLISH)
        other.CorrelationData = b"another's answer"
        other.UserProperty = [("__stat", "200")]
        return [(message.properties.ResponseTopic, payload, properties),
                (message.properties.ResponseTopic, b"not ours", other)]


class Victron(Service):
    """A message a value, on a topic that only the request's tells; unknown ones say nothing, and
    what is written is not answered."""

    TOPIC = "+/portal/#"
    REPEATS = False

    def read(self, payload):
        return None

    def answer(self, topic, request):
        kind, _, service, *rest = topic.split("/", 4)
        if (kind, service) == ("R", "vebus"):
            number, name = rest
            yield f"N/portal/vebus/{number}/{name}", {"value": f"{name} of {number}"}

    def noise(self, topic, request):
        if topic.startswith("R/"):  # it hears its own as well
            yield "N/portal/heartbeat", {"value": 1764000000}


class Ditto(Service):
    """The headers come back, and the reply goes where they say."""

    TOPIC = "ditto/commands"

    def answer(self, topic, request):
        headers = {**request["headers"], "content-type": "application/json"}
        namespace, name = request["topic"].split("/")[:2]
        frame = {"topic": request["topic"], "headers": headers, "path": request["path"]}
        if name == "none":
            frame.update(topic=f"{namespace}/none/things/twin/errors", status=404,
                         value={"status": 404, "error": "things:thing.notfound",
                                "message": f"The Thing with ID '{namespace}:none' was not found"})
        else:
            frame.update(status=200, value={"thingId": f"{namespace}:{name}"})
        yield headers["reply-to"], frame

    def noise(self, topic, request):
        yield request["headers"]["reply-to"], {
            "topic": "org.acme/lamp/things/twin/events/modified", "path": "/", "value": "not ours",
            "headers": {"correlation-id": "another"}}


class EdgeX(Service):
    TOPIC = "command/my-device/+/+/+"

    def read(self, payload):
        return json.loads(payload or "{}")

    def answer(self, topic, request):
        _, _, resource, operation, uuid = topic.split("/")
        yield f"command/response/{uuid}", {resource: 7} if operation == "get" else request

    def noise(self, topic, request):
        yield "command/response/8d1f9e0c-1f3a-4b5e-9d1c-000000000000", {"level": "not ours"}


class Neuron(Service):
    TOPIC = "/neuron/mqtt/+/req"

    def answer(self, topic, request):
        frame = {"uuid": request["uuid"], "error": 0}
        if request["group"] != "all":
            frame["error"] = 2106
        elif "read" in topic:
            frame.update(values={"tag": request["node"]}, errors={"other": 3003})
            del frame["error"]
        yield topic.removesuffix("/req") + "/resp", frame

    def noise(self, topic, request):
        yield topic.removesuffix("/req") + "/resp", {"uuid": "another", "values": "not ours"}


class Ovms(Service):
    TOPIC = "ovms/me/car/client/+/command/+"

    def read(self, payload):
        return payload.decode()

    def write(self, payload):
        return payload

    def answer(self, topic, request):
        yield topic.replace("/command/", "/response/"), f"{request}: done\n"

    def noise(self, topic, request):
        yield topic.replace("/command/", "/response/") + "1234567890", "not ours"
