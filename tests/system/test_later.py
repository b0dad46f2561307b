"""Calls that are answered later: `Prefer`, and what is asked at /calls/{id}."""

import json
import os
import re
import signal
import threading
import unittest

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from harness import PATIENCE, Caller, SystemTest, World, eventually
from mqtt_peer import CALLBACKS, answer_with, responder, silent_service
from test_routes import Service, routes_file

ASYNC = {"Prefer": "respond-async"}
ROUTES = """
[[route]]
path = "/lamp/{name}"
topic = "lamp/{name}/set"
response-topic = "lamp/{name}/state"
set = { "/brightness" = 7 }

[[route]]
path = "/tell/{name}"
topic = "tell/{name}"
one-way = true
"""


class Sleeper:
    """A service that is mostly away: its session on the broker stays, and answers when it is back."""

    def __init__(self, broker, topic):
        self._broker = broker
        self._topic = topic

    def wake(self):
        subscribed = threading.Event()
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 600
        self._client = mqtt.Client(client_id="sleeper", protocol=mqtt.MQTTv5, **CALLBACKS)
        self._client.on_connect = lambda client, *_: client.subscribe(self._topic, qos=1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda client, _, request: answer_with(bytes.upper)(client, request)
        self._client.connect("127.0.0.1", self._broker.port, clean_start=False,
                             properties=properties)
        self._client.loop_start()
        subscribed.wait(PATIENCE)

    def sleep(self):
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self):
        self.wake()
        return self

    def __exit__(self, *_):
        self.sleep()


class Later(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.daemon = world.daemon(cls.broker, "--netids", "*", "--action", "translate", "--routes",
                                  routes_file(world.folder, ROUTES))

    def setUp(self):
        super().setUp()
        self.caller = self.world.enter_context(Caller(self.daemon.port))
        self.netid = f"netid-{self.id().rpartition('.')[2]}"[:100]

    def later(self, action="uppercase", text="abc", headers=ASYNC, caller=None, **query):
        answer = (caller or self.caller).transform(action, text, headers,
                                                   **{"netid": self.netid, **query})
        self.assertEqual(answer.status, 202, answer)
        self.assertRegex(answer.headers["Location"], r"^/calls/[0-9a-f]{32}$")
        self.assertEqual(json.loads(answer.body)["call"], answer.headers["Location"])
        return answer

    def answered(self, location, headers=None, caller=None):
        def ask():
            answer = (caller or self.caller).get(location, headers)
            return None if answer.status == 202 else answer
        return eventually(ask, f"{location} is answered")

    def status(self):
        return json.loads(self.caller.get("/status").body)["later_calls"]

    def test_an_answer_is_asked_for_later(self):
        accepted = self.later()
        self.assertEqual(accepted.headers["Preference-Applied"], "respond-async")
        location = accepted.headers["Location"]
        waiting = self.caller.get(location)
        self.assertEqual((waiting.status, waiting.headers["Retry-After"]), (202, "1"))
        self.assertEqual(json.loads(waiting.body).keys(), {"call", "waits_until"})
        self.world.responder(self.broker)
        answer = self.answered(location)
        self.assertEqual((answer.status, answer.text), (200, "ABC"))
        self.assertEqual(answer.headers["Content-Type"], "text/plain; charset=utf-8")
        self.assertRegex(answer.headers["Server-Timing"], r"^queue;dur=.*total;dur=")
        again = self.caller.get(location, {"Accept": "application/json"})
        answer = json.loads(again.body)
        self.assertEqual((answer["response"], answer["matched_by"]), ("ABC", "correlation"))
        self.assertEqual(answer["request_id"], accepted.headers["Request-Id"])
        head = self.caller.request("HEAD", location)
        self.assertEqual((head.status, head.body, head.headers["Content-Length"]), (200, b"", "3"))

    def test_a_call_that_is_answered_in_time_is_answered_at_once(self):
        self.world.responder(self.broker)
        for wait in ("wait=30", "respond-async, wait=30"):
            answer = self.caller.transform("uppercase", "abc", {"Prefer": wait}, netid=self.netid)
            self.assertEqual((answer.status, answer.text), (200, "ABC"))

    def test_a_call_that_is_not_is_accepted(self):
        with silent_service(self.broker):
            accepted = self.later(headers={"Prefer": "wait=1"})
        self.assertEqual(accepted.headers["Preference-Applied"], "wait=1")
        self.assertEqual(self.caller.get(accepted.headers["Location"]).status, 202)

    def test_who_asks_may_wait_for_the_answer(self):
        location = self.later().headers["Location"]
        answers = []

        def ask():
            with Caller(self.daemon.port) as caller:
                answers.append(caller.get(location, {"Prefer": "wait=30"}))
        asking = threading.Thread(target=ask)
        asking.start()
        self.world.responder(self.broker)
        asking.join()
        self.assertEqual((answers[0].status, answers[0].text), (200, "ABC"))
        late = self.later("translate", netid="nobody-at-all").headers["Location"]
        self.assertEqual(self.caller.get(late, {"Prefer": "wait=0"}).status, 202)

    def test_what_is_no_preference_of_ours_is_ignored(self):
        self.world.responder(self.broker)
        for value in ("return=minimal", "wait=soon", "respond-async-not", ""):
            answer = self.caller.transform("uppercase", "abc", {"Prefer": value},
                                           netid=self.netid)
            self.assertEqual((answer.status, answer.text), (200, "ABC"), value)

    def test_a_failed_call_is_told_as_what_it_was(self):
        with responder(self.broker, answer_with(b"", ("status", "423"), ("error", "locked"))):
            location = self.later(netid="alice").headers["Location"]
            answer = self.answered(location)
        problem = json.loads(answer.body)
        self.assertEqual((answer.status, problem["status"]), (423, 423))
        self.assertEqual(problem["type"], "/problems/responder-error")
        self.assertIn("locked", problem["detail"])

    def test_a_deadline_that_comes_is_a_problem(self):
        with silent_service(self.broker):
            answer = self.answered(self.later(timeout="100ms").headers["Location"])
        self.assertEqual(answer.status, 504)
        self.assertEqual(json.loads(answer.body)["type"], "/problems/response-timeout")

    def test_the_deadline_may_be_longer_than_that_of_other_calls(self):
        self.later(timeout="60m")
        for headers, timeout, most in ((ASYNC, "61m", "60m"), ({}, "61s", "1m")):
            answer = self.caller.transform("uppercase", "abc", headers, netid=self.netid,
                                           timeout=timeout)
            self.assertEqual(answer.status, 400)
            self.assertIn(f"from 1ms to {most}", json.loads(answer.body)["detail"])

    def test_it_waits_for_a_responder_that_comes_later(self):
        """mosquitto says that nobody is subscribed, and keeps nothing then."""
        location = self.later().headers["Location"]
        self.broker.settle()
        self.world.responder(self.broker)
        self.assertEqual(self.answered(location).text, "ABC")

    def test_it_waits_in_the_session_of_a_service_that_is_away(self):
        topic = f"{self.netid}/uppercase/request"
        with Sleeper(self.broker, topic):
            pass  # its session stays
        location = self.later().headers["Location"]
        self.broker.wait_for_line(rf"Received PUBLISH from .*{topic}")
        self.assertEqual(self.caller.get(location).status, 202)
        with Sleeper(self.broker, topic):
            self.assertEqual(self.answered(location).text, "ABC")
        published = [line for line in self.broker.lines
                     if "Received PUBLISH from" in line and topic in line]
        self.assertEqual(len(published), 1, published)

    def test_delete_gives_it_up(self):
        with silent_service(self.broker):
            location = self.later().headers["Location"]
            before = self.status()["waiting"]
            self.assertEqual(self.caller.request("DELETE", location).status, 204)
            self.assertEqual(self.status()["waiting"], before - 1)
        for method in ("GET", "HEAD", "DELETE"):
            answer = self.caller.request(method, location)
            self.assertEqual(answer.status, 410)
        self.assertEqual(json.loads(self.caller.get(location).body)["type"], "/problems/call-gone")

    def test_delete_gives_an_answer_up(self):
        self.world.responder(self.broker)
        location = self.later().headers["Location"]
        self.answered(location)
        self.assertEqual(self.caller.request("DELETE", location).status, 204)
        self.assertEqual(self.caller.get(location).status, 410)

    def test_what_there_is_not_is_not_found(self):
        for path in ("/calls/", "/calls/1", f"/calls/{32 * 'g'}", f"/calls/{32 * '0'}",
                     f"/calls/{31 * '0'}"):
            answer = self.caller.get(path)
            self.assertEqual(answer.status, 404, path)
        self.assertIn("--state-dir", json.loads(answer.body)["detail"])

    def test_it_belongs_to_who_asked(self):
        with Caller(self.daemon.socket_path) as over_socket:
            location = self.later(caller=over_socket).headers["Location"]
            self.assertEqual(over_socket.get(location).status, 202)
            for method in ("GET", "DELETE"):
                stranger = self.caller.request(method, location)
                self.assertEqual(stranger.status, 404)
                nothing = self.caller.request(method, f"/calls/{32 * '0'}")
                self.assertEqual(re.sub(r'"request_id":"[^"]*"', "", stranger.text),
                                 re.sub(r'"request_id":"[^"]*"', "", nothing.text))
            self.assertEqual(over_socket.get(location).status, 202)

    def test_a_route_is_called_later(self):
        def answer(request):
            assert json.loads(request.payload) == {"brightness": 7}
            return [("lamp/desk/state", b'{"on":true}')]
        accepted = self.caller.request("POST", "/lamp/desk?timeout=60s", b"{}", ASYNC)
        self.assertEqual(accepted.status, 202, accepted)
        with Service(self.broker, "lamp/desk/set", answer):
            found = self.answered(accepted.headers["Location"])
        self.assertEqual((found.status, found.headers["Content-Type"], found.text),
                         (200, "application/json", '{"on":true}'))

    def test_what_asks_for_no_answer_has_none(self):
        with Service(self.broker, "tell/#", lambda request: None):
            accepted = self.caller.request("POST", "/tell/x", b"hello", ASYNC)
            self.assertEqual(accepted.status, 202)
            found = self.answered(accepted.headers["Location"])
        self.assertEqual((found.status, found.body), (204, b""))

    def test_what_cannot_be_called_is_refused_at_once(self):
        for action, query, status in (("upercase", {}, 404), ("uppercase", {"netid": "a/b"}, 400)):
            self.assertEqual(
                self.caller.transform(action, "abc", ASYNC, **query).status, status)
        self.assertEqual(self.caller.request("POST", "/lamp/desk", b"[]", ASYNC).status, 400)

    def test_a_batch_is_answered_as_ever(self):
        self.world.responder(self.broker)
        answer = self.caller.request(
            "POST", f"/transform/uppercase?netid={self.netid}", b'"a"\n',
            {**ASYNC, "Content-Type": "application/x-ndjson"})
        self.assertEqual((answer.status, json.loads(answer.body)["answer"]), (200, "A"))

    def test_status_and_metrics_count_them(self):
        before = self.status()
        with silent_service(self.broker):
            self.later()
            self.assertEqual(self.status()["waiting"], before["waiting"] + 1)
            text = self.caller.get("/metrics").text
        self.assertIn(f"mqtt_bridge_later_calls {before['waiting'] + 1}\n", text)
        self.assertIn("mqtt_bridge_later_calls_limit 131072\n", text)
        kept = self.status()["kept_bytes"]
        self.world.responder(self.broker)
        self.answered(self.later(text="x" * 1000).headers["Location"])
        self.assertGreaterEqual(self.status()["kept_bytes"], kept + 1000)

    def test_the_log_has_one_line_for_it(self):
        self.world.responder(self.broker)
        accepted = self.later(headers={**ASYNC, "Request-Id": "later-in-the-log"})
        self.answered(accepted.headers["Location"])
        line = self.daemon.wait_for_line("request later-in-the-log ok").string
        self.assertIn("action=uppercase", line)
        self.assertEqual(sum("later-in-the-log" in each for each in self.daemon.lines), 1)

    def test_pages_of_guests_may_use_it(self):
        daemon = self.world.daemon(self.broker, "--allow-origin", "https://guest.example")
        with Caller(daemon.port) as caller:
            answer = caller.request("OPTIONS", "/transform/uppercase", headers={
                "Origin": "https://guest.example", "Access-Control-Request-Method": "POST"})
            self.assertIn("Prefer", answer.headers["Access-Control-Allow-Headers"])
            self.assertIn("Idempotency-Key", answer.headers["Access-Control-Allow-Headers"])
            self.assertIn("DELETE", answer.headers["Access-Control-Allow-Methods"])
            answer = caller.transform("uppercase", "a", {
                **ASYNC, "Origin": "https://guest.example"})
            self.assertIn("Location", answer.headers["Access-Control-Expose-Headers"])


class LaterInOtherDaemons(SystemTest):
    def test_it_stays_over_a_reload(self):
        broker = self.world.broker()
        config = self.world.folder / "config.toml"
        config.write_text('max-async-timeout = "30m"\n')
        daemon = self.world.daemon(broker, "--config", config)
        with Caller(daemon.port) as caller:
            location = caller.transform("uppercase", "abc", ASYNC).headers["Location"]
            config.write_text('max-async-timeout = "2m"\n')
            os.kill(daemon.pid, signal.SIGHUP)
            daemon.wait_for_line("configuration reloaded")
            self.assertEqual(caller.transform("uppercase", "abc", ASYNC, timeout="3m").status, 400)
            self.assertEqual(caller.get(location).status, 202)
            self.world.responder(broker)
            answer = eventually(lambda: (lambda a: a if a.status == 200 else None)(
                caller.get(location)), "it is answered")
            self.assertEqual(answer.text, "ABC")

    def test_it_waits_for_a_broker_that_is_away(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        broker.kill()
        daemon.wait_for_line("lost|broke|closed")
        with Caller(daemon.port) as caller:
            eventually(lambda: caller.transform("uppercase", "now").status == 503, "it is away")
            location = caller.transform("uppercase", "abc", ASYNC).headers["Location"]
            broker.start_again()
            self.world.responder(broker)
            answer = eventually(lambda: (lambda a: a if a.status == 200 else None)(
                caller.get(location)), "it is answered")
            self.assertEqual(answer.text, "ABC")

    def test_a_token_owns_it(self):
        broker = self.world.broker()
        paths = {}
        for name in ("bridge", "route"):
            paths[name] = self.world.folder / name
            paths[name].write_text(f"token-of-{name}\n")
            paths[name].chmod(0o600)
        routes = routes_file(self.world.folder, f"""
            [[route]]
            path = "/lamp/{{name}}"
            topic = "lamp/{{name}}"
            token-file = "{paths["route"]}"
            """)
        daemon = self.world.daemon(broker, "--token-file", paths["bridge"], "--routes", routes,
                                   ready=False)
        bridge, route = ({"Authorization": f"Bearer token-of-{name}"} for name in paths)
        daemon.wait_until_ready(bridge)
        with Caller(daemon.port) as caller:
            of_bridge = caller.transform("uppercase", "abc", {**ASYNC, **bridge})
            of_route = caller.request("POST", "/lamp/x", b"abc", {**ASYNC, **route})
            for accepted, owner, other in ((of_bridge, bridge, route), (of_route, route, bridge)):
                location = accepted.headers["Location"]
                self.assertEqual(caller.get(location, owner).status, 202)
                self.assertEqual(caller.get(location, other).status, 404)
                self.assertEqual(caller.get(location).status, 401)
                self.assertEqual(caller.get(location, {"Authorization": "Bearer x"}).status, 401)

    def test_without_a_state_directory_it_is_gone_after_a_restart(self):
        broker = self.world.broker()
        first = self.world.daemon(broker)
        with Caller(first.port) as caller:
            location = caller.transform("uppercase", "abc", ASYNC).headers["Location"]
        self.assertEqual(first.stop(), 0)
        with Caller(self.world.daemon(broker).port) as caller:
            answer = caller.get(location)
        self.assertEqual(answer.status, 404)
        self.assertIn("without a state directory", json.loads(answer.body)["detail"])


if __name__ == "__main__":
    unittest.main()
