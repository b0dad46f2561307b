"""The routes in config/routes, as they stand there, against the programs that they are for, or
against a peer in peers.py: a right call, an error that the service tells, and a hundred calls at
once, each of which gets the answer to its own request. What is measured is said on stdout in lines
that begin with "fact: "."""

import asyncio
import concurrent.futures
import contextlib
import json
import re
import time
import unittest

import aiohttp
import jinja2
import yaml

import peers
import services
from harness import BUILD, REPOSITORY, Caller, SystemTest, eventually, run

ROUTES = REPOSITORY / "config" / "routes"
AT_ONCE = 100


def fact(name, value):
    print(f"fact: {name}: {value}", flush=True)


class ServiceTest(SystemTest):
    """A broker and the daemon with the routes of NAME.toml, for all tests of the class; and what
    start() starts."""

    NAME = None

    @classmethod
    def share(cls, world):
        cls.broker = cls.start_broker(world)
        cls.start(world)
        cls.daemon = world.daemon(cls.broker, *cls.options(),
                                  "--routes", ROUTES / f"{cls.NAME}.toml")

    @classmethod
    def start_broker(cls, world):
        return world.broker()

    @classmethod
    def start(cls, world):
        """The service, beside cls.broker."""

    @classmethod
    def options(cls):
        return ()

    def call(self, path, request=None, method="POST", headers=None, timeout="30s"):
        """`request` is sent as JSON, unless it is text."""
        body = json.dumps(request) if isinstance(request, (dict, list)) else request
        with Caller(self.daemon.port) as caller:
            return caller.request(method, f"{path}?timeout={timeout}", body, headers)

    def answer(self, path, request=None, **how):
        """The JSON that the service answers."""
        answer = self.call(path, request, **how)
        self.assertEqual(answer.status, 200, answer)
        return json.loads(answer.body)

    def assert_error(self, answer, status, words):
        """An error of the service is told with its own words, and with all that it said."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        problem = json.loads(answer.body)
        self.assertEqual((problem["type"], problem["status"]),
                         ("/problems/responder-error", status))
        self.assertIn(words, problem["detail"])
        return problem["response"]

    def assert_problem(self, answer, status, slug):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(json.loads(answer.body)["type"], f"/problems/{slug}")

    def assert_silence(self, path, request=None, timeout="300ms", **how):
        self.assert_problem(self.call(path, request, timeout=timeout, **how), 504,
                            "response-timeout")

    def assert_nobody_listens(self, path, request=None):
        """Which brokers of MQTT 5 say, so that there is no waiting."""
        self.assert_problem(self.call(path, request), 503, "no-responder")

    def assert_all_right(self, calls, what="100 at once", method="POST"):
        """`calls`: each a path, a request, and what is true of the answer to that alone."""
        calls = list(calls)

        def one(path, request, is_its_answer):
            answer = self.call(path, request, method=method, timeout="60s")
            self.assertEqual(answer.status, 200, (request, answer))
            self.assertTrue(is_its_answer(answer), (request, answer.body))

        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
            outcomes = [pool.submit(one, *call) for call in calls]
        wrong = [error for error in (outcome.exception() for outcome in outcomes) if error]
        fact(f"{type(self).__name__}, {what}", f"{time.monotonic() - begun:.2f} s")
        self.assertFalse(wrong, f"{len(wrong)} of {len(calls)} are wrong; the first: {wrong[:1]}")


def has(**members):
    """Whether an answer has these."""
    return lambda answer: json.loads(answer.body).items() >= members.items()


# The programs themselves -----------------------------------------------------------------------


class MosquittoDynsec(ServiceTest):
    NAME = "mosquitto-dynsec"

    @classmethod
    def start_broker(cls, world):
        cls.dynsec = services.Dynsec(world)
        return cls.dynsec.broker

    @classmethod
    def options(cls):
        return cls.dynsec.options()

    def command(self, command, **arguments):
        return {"commands": [{"command": command, **arguments}]}

    def test_a_command_is_answered(self):
        (response,) = self.answer("/dynsec", self.command("listClients"))["responses"]
        self.assertEqual((response["command"], response["data"]["clients"]),
                         ("listClients", [self.dynsec.USER]))

    def test_an_error_is_told(self):
        response = self.assert_error(self.call("/dynsec", self.command("getRole", rolename="none")),
                                     502, "Role not found")
        self.assertEqual(response["responses"][0]["command"], "getRole")

    def test_what_is_no_command_is_refused_before_it_is_sent(self):
        for request in ("listClients", [1], {"commands": "listClients"}):
            with self.subTest(request=request):
                self.assert_problem(self.call("/dynsec", request), 400, "invalid-payload")

    def test_a_hundred_at_once(self):
        def is_about(name):
            return lambda answer: json.loads(
                answer.body)["responses"][0]["data"]["role"]["rolename"] == name

        names = [f"role-{n}" for n in range(AT_ONCE)]
        self.assert_all_right(
            (("/dynsec", self.command("createRole", rolename=name), lambda answer: True)
             for name in names), "100 at once that change something")
        self.assert_all_right(
            ("/dynsec", self.command("getRole", rolename=name), is_about(name)) for name in names)


class Zigbee2Mqtt(ServiceTest):
    NAME = "zigbee2mqtt"

    @classmethod
    def start(cls, world):
        services.Zigbee2Mqtt(world, cls.broker)

    def test_a_request_to_the_bridge_is_answered(self):
        answer = self.answer("/z2m/bridge/device/options",
                             {"id": "lamp", "options": {"transition": 3}})
        self.assertEqual((answer["status"], answer["data"]["id"]), ("ok", "lamp"))
        self.assertEqual(answer["data"]["to"]["transition"], 3)

    def test_no_body_is_an_empty_request(self):
        self.assertEqual(self.answer("/z2m/bridge/health_check")["data"], {"healthy": True})

    def test_an_error_is_told(self):
        response = self.assert_error(
            self.call("/z2m/bridge/device/rename", {"from": "none", "to": "other"}),
            502, "Device 'none' does not exist")
        self.assertEqual(response["status"], "error")

    def test_an_unknown_request_is_met_with_silence(self):
        self.assert_silence("/z2m/bridge/no/such/thing")

    def test_a_hundred_at_once(self):
        def is_about(name):
            return lambda answer: json.loads(answer.body)["data"]["friendly_name"] == name

        self.assert_all_right(
            ("/z2m/bridge/group/add", {"friendly_name": f"group-{n}"}, is_about(f"group-{n}"))
            for n in range(AT_ONCE))

    def get(self, device):
        return self.answer(f"/z2m/get/{device}", {"state": ""})["state"]

    def test_what_is_set_is_got(self):
        for state, other in (("ON", "OFF"), ("OFF", "ON")):
            for device, to in (("lamp", state), ("plug", other)):
                answer = self.call(f"/z2m/set/{device}", {"state": to})
                self.assertEqual((answer.status, answer.body), (202, b""))
            eventually(lambda: self.get("lamp") == state, f"the lamp is {state}")
            eventually(lambda: self.get("plug") == other, f"the plug is {other}")

    def test_a_hundred_at_once_take_turns(self):
        self.call("/z2m/set/lamp", {"state": "ON"})
        self.call("/z2m/set/plug", {"state": "OFF"})
        eventually(lambda: (self.get("lamp"), self.get("plug")) == ("ON", "OFF"), "they are so")
        states = (("lamp", "ON"), ("plug", "OFF"))
        self.assert_all_right(
            ((f"/z2m/get/{device}", {"state": ""}, has(state=state))
             for device, state in states * (AT_ONCE // 2)), "100 at once by turns")

    def test_a_device_that_does_not_answer_stops_no_other(self):
        self.assert_silence("/z2m/get/stranger", {"state": ""})
        self.assertIn(self.get("lamp"), ("ON", "OFF"))


class Janus(ServiceTest):
    NAME = "janus"

    @classmethod
    def start(cls, world):
        services.Janus(world, cls.broker)

    def session(self):
        return self.answer("/janus", {"janus": "create"})["data"]["id"]

    def handle(self, session):
        return self.answer("/janus", self.attach(session))["data"]["id"]

    @staticmethod
    def attach(session):
        return {"janus": "attach", "session_id": session, "plugin": services.Janus.PLUGIN}

    @staticmethod
    def message(session, handle):
        return {"janus": "message", "session_id": session, "handle_id": handle,
                "body": {"audio": True}}

    def test_a_request_is_answered(self):
        self.assertEqual(self.answer("/janus", {"janus": "info"})["name"], "Janus WebRTC Server")

    def test_a_plugins_answer_is_its_event_and_not_its_ack(self):
        session = self.session()
        answer = self.answer("/janus", self.message(session, self.handle(session)))
        self.assertEqual((answer["janus"], answer["plugindata"]["data"]["result"]), ("event", "ok"))

    def test_an_ack_is_an_answer_where_it_is_asked_for(self):
        answer = self.answer("/janus/ack", {"janus": "keepalive", "session_id": self.session()})
        self.assertEqual(answer["janus"], "ack")

    def test_an_error_is_told(self):
        response = self.assert_error(self.call("/janus", {"janus": "bogus"}), 502, "bogus")
        self.assertEqual(response["error"]["code"], 457)

    def test_an_error_of_a_plugin_is_its_answer(self):
        session = self.session()
        request = {**self.message(session, self.handle(session)), "body": {}}
        answer = self.answer("/janus", request)
        self.assertIn("error", answer["plugindata"]["data"])

    def test_a_hundred_at_once(self):
        """Ten at a time, as the route says: more would get no answer."""
        sessions = [self.session() for _ in range(AT_ONCE)]
        self.assert_all_right(
            (("/janus", self.attach(session), has(janus="success", session_id=session))
             for session in sessions), "100 at once")
        handles = [(session, self.handle(session)) for session in sessions]
        self.assert_all_right(
            (("/janus", self.message(*each), has(janus="event", session_id=each[0], sender=each[1]))
             for each in handles), "100 at once with an ack each")


class NestJs(ServiceTest):
    NAME = "nestjs"

    @classmethod
    def start(cls, world):
        services.Nest(world, cls.broker)

    def test_a_pattern_is_answered(self):
        self.assertEqual(self.answer("/nest/math/sum", {"data": [1, 2, 3]})["response"], 6)

    def test_of_several_messages_the_last_is_the_answer(self):
        answer = self.answer("/nest/math/count", {"data": 3})
        self.assertTrue(answer["isDisposed"])

    def test_an_error_is_told(self):
        self.assert_error(self.call("/nest/math/sum", {"data": ["x"]}), 502, "these are no numbers")

    def test_an_unknown_pattern_is_told(self):
        self.assert_nobody_listens("/nest/math/none", {"data": 1})

    def test_a_hundred_at_once(self):
        self.assert_all_right(
            ("/nest/math/sum", {"data": [n, n]}, has(response=2 * n)) for n in range(AT_ONCE))


class JsonRpc(ServiceTest):
    NAME = "json-rpc"

    @classmethod
    def start(cls, world):
        services.JsonRpc(world, cls.broker)

    def test_a_method_is_answered(self):
        answer = self.answer("/jsonrpc/example/hello", {"params": ["world", 42]})
        self.assertEqual(answer["result"], "world:42")

    def test_an_error_is_told(self):
        self.assert_error(self.call("/jsonrpc/example/fail", {"params": []}), 502,
                          "it never works")

    def test_an_unknown_method_is_told(self):
        self.assert_nobody_listens("/jsonrpc/example/none", {"params": []})

    def test_a_method_that_is_not_allowed_is_not_asked(self):
        self.assert_problem(self.call("/jsonrpc/other/hello", {}), 403, "value-not-allowed")

    def test_a_hundred_at_once(self):
        self.assert_all_right(("/jsonrpc/example/hello", {"params": [n, "x"]}, has(result=f"{n}:x"))
                              for n in range(AT_ONCE))


class NodeRed(ServiceTest):
    NAME = "node-red"

    @classmethod
    def start(cls, world):
        services.NodeRed(world, cls.broker)

    def test_a_flow_is_answered_byte_for_byte(self):
        for text in ("hello", "", "größer\x00 ", "x" * 50_000):
            with self.subTest(text=text[:10]):
                answer = self.call("/flow/upper", text.encode())
                self.assertEqual((answer.status, answer.text), (200, text.upper()))

    def test_bytes_pass_as_they_are_with_their_type(self):
        picture = bytes(range(256)) * 100
        for sent, said in ((None, "application/octet-stream"), ("image/jpeg", "image/jpeg")):
            with self.subTest(content_type=sent):
                answer = self.call("/flow/echo", picture,
                                   headers={"Content-Type": sent} if sent else None)
                self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, said))
                self.assertEqual(answer.body, picture)

    def test_an_error_is_told(self):
        self.assert_error(self.call("/flow/none", "hello"), 404, "there is no such flow")

    def test_an_unknown_flow_is_told(self):
        self.assert_nobody_listens("/flow/unknown", "hello")

    def test_a_hundred_at_once(self):
        def is_answer(text):
            return lambda answer: answer.text == text

        self.assert_all_right(
            ("/flow/upper", f"text {n}", is_answer(f"TEXT {n}")) for n in range(AT_ONCE))


class Nats(ServiceTest):
    """The broker is no mosquitto, and speaks MQTT 3.1.1 alone."""

    NAME = "nats"

    @classmethod
    def start_broker(cls, world):
        return services.Nats(world)

    @classmethod
    def start(cls, world):
        services.NatsService(world, cls.broker)

    def test_a_subject_is_answered(self):
        self.assertEqual(self.answer("/nats/math/sum", {"data": [1, 2, 3]})["sum"], 6)

    def test_an_error_is_told(self):
        self.assert_error(self.call("/nats/math/sum", {"data": ["x"]}), 502, "these are no numbers")

    def test_an_unknown_subject_is_met_with_silence(self):
        self.assert_silence("/nats/math/none", {"data": []})

    def test_a_hundred_at_once(self):
        self.assert_all_right(
            ("/nats/math/sum", {"data": [n, n]}, has(sum=2 * n)) for n in range(AT_ONCE))


# Peers -----------------------------------------------------------------------------------------


class PeerTest(ServiceTest):
    """`PEER` is one of peers.py."""

    PEER = None

    @classmethod
    def start(cls, world):
        cls.peer = world.enter_context(cls.PEER(cls.broker))

    @contextlib.contextmanager
    def while_it_says_nothing(self):
        self.peer.may_answer.clear()
        try:
            yield
        finally:
            self.peer.may_answer.set()

    def assert_late_answers_go_to_nobody(self, calls):
        """After a call that came to nothing each gets the answer to its own request."""
        (path, request, _), *others = calls
        with self.while_it_says_nothing():
            self.assert_silence(path, request)
        for path, request, is_its_answer in others:
            answer = self.call(path, request)
            self.assertEqual(answer.status, 200, (request, answer))
            self.assertTrue(is_its_answer(answer), (request, answer.body))


class Tasmota(PeerTest):
    NAME = "tasmota"
    PEER = peers.Tasmota

    def test_a_command_is_answered(self):
        self.assertEqual(self.answer("/tasmota/plug/Dimmer", "40"), {"Dimmer": 40})
        self.assertEqual(self.answer("/tasmota/plug/Dimmer", method="GET"), {"Dimmer": 40})
        self.assertEqual(self.answer("/tasmota/plug/Dimmer"), {"Dimmer": 40})

    def test_a_status_is_answered_on_its_own_topic(self):
        self.assertEqual(self.answer("/tasmota/plug/status/5", "5"),
                         {"StatusNET": {"Hostname": "plug"}})

    def test_an_unknown_command_is_told(self):
        self.assert_error(self.call("/tasmota/plug/Dimer", "40"), 502, "Unknown")

    def test_a_hundred_at_once(self):
        self.assert_all_right((f"/tasmota/dimmer-{n % 10}/Dimmer", str(n), has(Dimmer=n))
                              for n in range(AT_ONCE))

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        self.assert_late_answers_go_to_nobody(
            ("/tasmota/late/Dimmer", str(n), has(Dimmer=n)) for n in range(5))


class Shelly(PeerTest):
    NAME = "shelly"
    PEER = peers.Shelly
    DEVICE = "/shelly/shellyplus1-a8032ab12345"

    @classmethod
    def switches(cls):
        for n in range(AT_ONCE):
            params = {"id": n, "on": True}
            yield (f"{cls.DEVICE}/Switch.Set", {"params": params},
                   has(result={"was_on": False, "params": params}))

    def test_a_method_is_answered(self):
        for method in ("GET", "POST"):
            answer = self.answer(f"{self.DEVICE}/Shelly.GetDeviceInfo", method=method)
            self.assertEqual(answer["result"]["gen"], 2)

    def test_what_does_something_cannot_be_had_by_a_link(self):
        self.assert_problem(self.call(f"{self.DEVICE}/Switch.Toggle", method="GET"), 403,
                            "value-not-allowed")

    def test_an_error_is_told(self):
        response = self.assert_error(self.call(f"{self.DEVICE}/Switch.Toggel"), 502,
                                     "No handler for Switch.Toggel")
        self.assertEqual(response["error"]["code"], 404)

    def test_a_hundred_at_once(self):
        self.assert_all_right(self.switches())

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        self.assert_late_answers_go_to_nobody(list(self.switches())[:5])

    def test_all_are_right_again_after_the_broker_was_killed(self):
        self.answer(f"{self.DEVICE}/Shelly.GetDeviceInfo")
        self.broker.kill()
        self.broker.start_again()
        eventually(lambda: self.call(f"{self.DEVICE}/Shelly.GetDeviceInfo", method="GET",
                                     timeout="1s").status == 200, "an answer")
        self.assert_all_right(self.switches(), "100 at once after a restart of the broker")

    def test_a_device_that_is_not_allowed_is_not_asked(self):
        self.assert_problem(self.call("/shelly/other/Sys.Reboot"), 403, "value-not-allowed")


class HomeAssistant(PeerTest):
    """What the rest_command of examples/ makes Home Assistant send: its templates are Jinja's, and its
    HTTP client is aiohttp."""

    NAME = "shelly"
    PEER = peers.Shelly

    @classmethod
    def command(cls):
        example = REPOSITORY / "examples/home-assistant/configuration.yaml"
        return yaml.safe_load(example.read_text())["rest_command"]["shelly"]

    async def send(self, **variables):
        """As components/rest_command of Home Assistant does: the status, and what it makes of the
        body."""
        command = self.command()
        url = jinja2.Template(command["url"]).render(variables)
        payload = jinja2.Template(command["payload"]).render(variables)
        async with aiohttp.ClientSession() as session, session.request(
                command["method"], url.replace(":8426", f":{self.daemon.port}"),
                data=payload.encode(), headers={"Content-Type": command["content_type"]}) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if is_json else answer.text())

    def script(self):
        return yaml.safe_load((REPOSITORY / "examples/home-assistant/script.yaml").read_text())

    @staticmethod
    def rendered(template, status, content):
        """With the filter that Home Assistant has, and Jinja has not."""
        environment = jinja2.Environment()
        environment.filters["from_json"] = json.loads
        return environment.from_string(template).render(
            answer={"status": status, "content": content})

    def test_the_answer_is_an_object(self):
        call, then = self.script()
        self.assertEqual(call["action"], "rest_command.shelly")
        status, content = asyncio.run(self.send(**call["data"]))
        self.assertEqual((status, content["result"]["was_on"]), (200, False))
        self.assertEqual(self.rendered(then["if"], status, content), "False")
        was_on = then["else"][0]["variables"]["was_on"]
        self.assertEqual(self.rendered(was_on, status, content), "False")

    def test_a_problem_is_a_text_with_the_reason(self):
        call, then = self.script()
        status, content = asyncio.run(self.send(**call["data"] | {"method": "Switch.Toggel"}))
        self.assertEqual(status, 502)
        self.assertEqual(self.rendered(then["if"], status, content), "True")
        message = then["then"][0]["data"]["message"]
        self.assertIn("No handler for Switch.Toggel", self.rendered(message, status, content))


class ThingsBoard(PeerTest):
    NAME = "thingsboard"
    PEER = peers.ThingsBoard

    @staticmethod
    def requests(count=AT_ONCE):
        for n in range(count):
            yield "/tb", {"method": "echo", "params": n}, has(result=n)

    def test_a_call_is_answered(self):
        self.assertEqual(self.answer("/tb", {"method": "echo", "params": "x"}), {"result": "x"})

    def test_an_error_is_not_seen(self):
        self.assert_silence("/tb", {"params": 1})

    def test_a_hundred_at_once(self):
        self.assert_all_right(self.requests())

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        self.assert_late_answers_go_to_nobody(self.requests(5))

    def test_all_answers_come_by_one_subscription(self):
        """ThingsBoard grants no other."""
        self.answer("/tb", {"method": "echo", "params": 1})
        self.broker.settle()
        lines = (re.search(r"\t(v1/devices/me/rpc/response\S*) \(QoS", line)
                 for line in self.broker.lines)
        filters = {line.group(1) for line in lines if line}
        self.assertEqual(filters, {"v1/devices/me/rpc/response/+"})


class AwsIotShadow(PeerTest):
    NAME = "aws-iot-shadow"
    PEER = peers.AwsShadow

    @staticmethod
    def updates(count=AT_ONCE):
        for n in range(count):
            yield ("/shadow/lamp/update", {"state": {"desired": n}}, has(state={"desired": n}))

    def test_an_update_is_accepted(self):
        for path in ("/shadow/lamp/update", "/shadow/lamp/name/config/update"):
            answer = self.answer(path, {"state": {"desired": {"on": True}}})
            self.assertEqual(answer["state"], {"desired": {"on": True}})

    def test_what_is_rejected_gets_the_status_that_it_names(self):
        response = self.assert_error(self.call("/shadow/none/get"), 404, "No shadow exists")
        self.assertEqual(response["code"], 404)
        self.assert_error(self.call("/shadow/lamp/update", {"state": {}, "version": 1}), 409,
                          "Version conflict")

    def test_a_hundred_at_once(self):
        self.assert_all_right(self.updates())

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        self.assert_late_answers_go_to_nobody(self.updates(5))

    def test_what_is_no_operation_is_not_asked(self):
        self.assert_problem(self.call("/shadow/lamp/accepted"), 403, "value-not-allowed")


class ZwaveJsUi(PeerTest):
    NAME = "zwave-js-ui"
    PEER = peers.ZwaveJsUi

    @staticmethod
    def writes(count=AT_ONCE):
        for n in range(count):
            yield "/zwave/home/writeValue", {"args": [{"nodeId": n}, True]}, has(
                result=[{"nodeId": n}, True])

    def test_a_call_is_answered(self):
        self.assertTrue(self.answer("/zwave/home/getNodes", {"args": []})["success"])

    def test_an_error_is_told(self):
        response = self.assert_error(self.call("/zwave/home/getNode", {"args": []}), 502,
                                     "Unknown API")
        self.assertFalse(response["success"])

    def test_a_hundred_at_once(self):
        self.assert_all_right(self.writes())

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        self.assert_late_answers_go_to_nobody(self.writes(5))


class WirenBoard(PeerTest):
    NAME = "wiren-board"
    PEER = peers.WirenBoard

    @staticmethod
    def reads(count=AT_ONCE):
        for n in range(count):
            yield "/wb/db_logger/history/get_values", {"params": {"n": n}}, has(result={"n": n})

    def test_an_error_is_told(self):
        self.assert_error(self.call("/wb/db_logger/history/none", {"params": {}}), 502,
                          "no such method")

    def test_a_hundred_at_once(self):
        self.assert_all_right(self.reads())

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        self.assert_late_answers_go_to_nobody(self.reads(5))


class Moonraker(PeerTest):
    NAME = "moonraker"
    PEER = peers.Moonraker

    @staticmethod
    def queries(count=AT_ONCE):
        for n in range(count):
            yield ("/moonraker/printer", {"method": "printer.objects.query", "params": {"n": n}},
                   has(result={"n": n}))

    def test_an_error_is_told(self):
        self.assert_error(self.call("/moonraker/printer", {"method": "none"}), 502,
                          "Method not found")

    def test_a_hundred_at_once(self):
        self.assert_all_right(self.queries())

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        self.assert_late_answers_go_to_nobody(self.queries(5))


class AzureIotOperations(PeerTest):
    NAME = "azure-iot-operations"
    PEER = peers.AzureIotOperations

    @staticmethod
    def setpoints(count=AT_ONCE):
        for n in range(count):
            yield "/mrpc/thermostat/setpoint", {"level": n}, has(level=n)

    def test_a_command_is_answered(self):
        answer = self.call("/mrpc/thermostat/setpoint", {"level": 3},
                           headers={"Content-Type": "application/json"})
        self.assertEqual((answer.status, answer.headers["Content-Type"], answer.body),
                         (200, "application/json", b'{"level": 3}'))

    def test_an_error_gets_the_status_that_it_names(self):
        answer = self.call("/mrpc/thermostat/none", {"level": 3})
        self.assertEqual(answer.status, 422, answer)
        self.assert_problem(answer, 422, "responder-error")

    def test_a_hundred_at_once(self):
        self.assert_all_right(self.setpoints())

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        self.assert_late_answers_go_to_nobody(self.setpoints(5))


class Victron(PeerTest):
    NAME = "victron"
    PEER = peers.Victron

    def test_a_value_is_answered(self):
        self.assertEqual(self.answer("/victron/portal/vebus/257/Ac/Out/L1/V", method="GET"),
                         {"value": "Ac/Out/L1/V of 257"})

    def test_what_is_written_is_not_answered(self):
        answer = self.call("/victron/portal/write/settings/0/Settings/Relay/Function", {"value": 1})
        self.assertEqual((answer.status, answer.body), (202, b""))

    def test_a_path_that_is_not_there_is_met_with_silence(self):
        self.assert_silence("/victron/portal/none/0/V", method="GET")

    def test_a_hundred_at_once(self):
        self.assert_all_right(
            ((f"/victron/portal/vebus/{n // 2}/V", None, has(value=f"V of {n // 2}"))
             for n in range(AT_ONCE)), method="GET")


class Ditto(PeerTest):
    NAME = "ditto"
    PEER = peers.Ditto

    @staticmethod
    def retrieve(name):
        return {"topic": f"org.acme/{name}/things/twin/commands/retrieve", "path": "/"}

    @classmethod
    def retrievals(cls, count=AT_ONCE):
        for n in range(count):
            yield "/ditto", cls.retrieve(f"lamp-{n}"), has(value={"thingId": f"org.acme:lamp-{n}"})

    def test_an_error_gets_the_status_that_it_names(self):
        response = self.assert_error(self.call("/ditto", self.retrieve("none")), 404, "not found")
        self.assertEqual(response["value"]["error"], "things:thing.notfound")

    def test_a_hundred_at_once(self):
        self.assert_all_right(self.retrievals())

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        self.assert_late_answers_go_to_nobody(self.retrievals(5))


class EdgeX(PeerTest):
    NAME = "edgex"
    PEER = peers.EdgeX

    @staticmethod
    def commands(count=AT_ONCE):
        for n in range(count):
            yield "/edgex/my-device/level/set", {"level": n}, has(level=n)

    def test_a_value_is_got(self):
        self.assertEqual(self.answer("/edgex/my-device/level/get", method="GET"), {"level": 7})

    def test_a_hundred_at_once(self):
        self.assert_all_right(self.commands())

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        self.assert_late_answers_go_to_nobody(self.commands(5))


class Neuron(PeerTest):
    NAME = "neuron"
    PEER = peers.Neuron

    @staticmethod
    def reads(count=AT_ONCE):
        for n in range(count):
            yield ("/neuron/mqtt/read", {"node": f"modbus-{n}", "group": "all"},
                   has(values={"tag": f"modbus-{n}"}))

    def test_a_write_is_answered(self):
        self.assertEqual(self.answer("/neuron/mqtt/write", {"node": "modbus", "group": "all",
                                                            "tag": "t1", "value": 3})["error"], 0)

    def test_an_error_is_told(self):
        response = self.assert_error(
            self.call("/neuron/mqtt/read", {"node": "modbus", "group": "none"}), 502, "2106")
        self.assertEqual(response["error"], 2106)

    def test_a_hundred_at_once(self):
        self.assert_all_right(self.reads())

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        self.assert_late_answers_go_to_nobody(self.reads(5))


class Ovms(PeerTest):
    NAME = "ovms"
    PEER = peers.Ovms

    @staticmethod
    def commands(count=AT_ONCE):
        def is_answer(text):
            return lambda answer: answer.text == text

        for n in range(count):
            yield "/ovms/me/car", f"stat {n}", is_answer(f"stat {n}: done\n")

    def test_a_hundred_at_once(self):
        self.assert_all_right(self.commands())

    def test_a_late_answer_is_not_taken_for_the_next_one(self):
        self.assert_late_answers_go_to_nobody(self.commands(5))


# The version before ----------------------------------------------------------------------------


class OfVersion311:
    """Where answers are not linked by MQTT's own means, its older version is as good."""

    @classmethod
    def options(cls):
        return ("--protocol", "3.1.1")


class ShellyOfVersion311(OfVersion311, Shelly):
    pass


class ThingsBoardOfVersion311(OfVersion311, ThingsBoard):
    pass


class TasmotaOfVersion311(OfVersion311, Tasmota):
    pass


class NodeRedOfVersion311(OfVersion311, ServiceTest):
    NAME = "node-red"

    def test_what_needs_the_newer_version_says_so(self):
        answer = self.call("/flow/upper", "hello")
        self.assert_problem(answer, 502, "broker-refused")
        self.assertIn("MQTT 5", json.loads(answer.body)["detail"])


class Recipes(unittest.TestCase):
    def check(self, *files):
        options = [option for file in files for option in ("--routes", file)]
        return run([BUILD / "mqtt_bridged", *options, "--check-config"])

    def test_each_is_right(self):
        for file in sorted(ROUTES.glob("*.toml")):
            with self.subTest(file=file.name):
                outcome = self.check(file)
                self.assert_good(outcome)

    def test_all_can_be_had_at_once(self):
        self.assert_good(self.check(*sorted(ROUTES.glob("*.toml"))))

    def assert_good(self, outcome):
        """And there is no warning."""
        self.assertEqual((outcome.code, outcome.stdout, outcome.stderr),
                         (0, "the configuration is good\n", ""), outcome)

    def test_each_has_a_test(self):
        def names(kind):
            for each in kind.__subclasses__():
                yield from names(each)
                yield each.NAME

        self.assertEqual({file.stem for file in ROUTES.glob("*.toml")},
                         set(filter(None, names(ServiceTest))))


if __name__ == "__main__":
    unittest.main()
