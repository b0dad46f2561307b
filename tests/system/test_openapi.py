"""/openapi.json: every operation is called, and every answer is as it says; what it does not
describe is not served; a linter that is not ours finds nothing."""

import json
import os
import re
import signal
import unittest

import npm_packages
from harness import REPOSITORY, Caller, Process, SystemTest, World, environment, eventually
from openapi import METHODS, Document
from test_routes import Service, by_id, by_topic, routes_file, to_inbox

ROUTES = """
[[route]]
path = "/topic/{dev}"
topic = "by-topic/{dev}/request/{id}"
response-topic = "by-topic/{dev}/response/{id}"
timeout = "2s"

[[route]]
path = "/id/{r...}"
topic = "by-id/request/{r}"
response-topic = "by-id/response/{r}"
id = "/id"

[[route]]
path = "/turns/{dev}"
methods = ["POST", "GET"]
topic = "by-turns/{dev}/get"
response-topic = "by-turns/{dev}"

[[route]]
path = "/inbox/{what}"
topic = "inbox/{what}"
status = "property:__stat"

[[route]]
path = "/one-way/{dev}"
topic = "one-way/{dev}"
one-way = true

[[route]]
path = "/limited/{dev}"
topic = "limited/{dev}"
allow = ["lamp", "plug-*"]

[[route]]
path = "/few/{dev}"
topic = "few/{dev}"
allow = ["lamp", "plug"]

[[route]]
path = "/few/{other}"
methods = ["GET"]
topic = "few/{other}"

[[route]]
path = "/few/{all...}"
topic = "few/{all}"
"""
LINT = REPOSITORY / "tests/system/openapi_lint"
WORDS = r"^(\S.*\S|\S)$"


def linter():
    return npm_packages.install("openapi-lint", LINT) / "node_modules/.bin/redocly"


class OpenApi(SystemTest):
    OPTIONS = ()
    HEADERS = {}

    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.routes = routes_file(world.folder, ROUTES)
        cls.daemon = world.daemon(cls.broker, "--routes", cls.routes, "--action", "translate",
                                  "--netids", "bob", *cls.options(world), ready=False)
        cls.daemon.wait_until_ready(cls.HEADERS)
        world.responder(cls.broker)
        for topic, answer in (("by-topic/+/request/+", by_topic), ("by-id/request/#", by_id),
                              ("by-turns/+/get", lambda request: [
                                  (request.topic.removesuffix("/get"), b'{"on":true}')]),
                              ("inbox/+", to_inbox()), ("one-way/+", lambda request: None), ("limited/+", to_inbox()),
                              ("few/+", to_inbox(lambda payload: b"\xff" + payload))):
            world.enter_context(Service(cls.broker, topic, answer))
        cls.document = Document.of(cls.daemon, cls.HEADERS)
        # It never ends; its own test is in test_page.py.
        cls.document.operations.remove(cls.document.operation("GET", "/events"))

    @classmethod
    def options(cls, world):
        return ()

    def setUp(self):
        super().setUp()
        self.caller = self.world.enter_context(Caller(self.daemon.port))

    def call(self, operation, query="", body=None, headers=None, **values):
        """Calls it and compares the answer with what it says."""
        if body is None and "requestBody" in operation.operation:
            body = "{}"
        target = operation.target(**values) + (f"?{query}" if query else "")
        answer = self.caller.request(operation.method, target, body,
                                     {**self.HEADERS, **(headers or {})})
        operation.check(answer)
        return answer

    def test_every_operation_answers_as_it_says(self):
        for operation in self.document.operations:
            with self.subTest(operation):
                answer = self.call(operation)
                status = (404 if operation.path == "/calls/{id}" else
                          202 if "one-way" in operation.path else 200)
                self.assertEqual(answer.status, status, answer)
        self.assertGreater(len(self.document.operations), 15)

    def test_every_action_and_every_value_that_is_listed_is_served(self):
        transform = self.document.operation("POST", "/transform/{action}")
        actions = transform.named("path")["action"]["schema"]["enum"]
        self.assertEqual(len(actions), 6)
        for action in actions[:-1]:
            self.assertEqual(self.call(transform, action=action, body="abc").status, 200)
        nobody = self.call(transform, action="translate", query="timeout=1ms")
        self.assertIn(nobody.status, (503, 504))
        few = self.document.operation("POST", "/few/{dev}")
        self.assertEqual(few.named("path")["dev"]["schema"]["enum"], ["lamp", "plug"])
        limited = self.document.operation("POST", "/limited/{dev}")
        pattern = limited.named("path")["dev"]["schema"]["pattern"]
        for value, status in (("lamp", 200), ("plug-1", 200), ("plug-", 200), ("lamps", 403),
                              ("plug", 403)):
            self.assertEqual(self.call(limited, dev=value).status, status)
            self.assertEqual(bool(re.search(pattern, value)), status == 200)

    def test_every_call_can_be_answered_later(self):
        of_calls = self.document.operation("GET", "/calls/{id}")
        give_up = self.document.operation("DELETE", "/calls/{id}")
        for operation in self.document.operations:
            if not operation.named("query"):
                continue
            with self.subTest(operation):
                accepted = self.call(operation, headers={"Prefer": "respond-async"})
                self.assertEqual(accepted.status, 202)
                value = accepted.headers["Location"].rpartition("/")[2]
                answer = self.call(of_calls, id=value, headers={"Prefer": "wait=20"})
                self.assertEqual(answer.status, 204 if "one-way" in operation.path else 200)
                self.assertEqual(self.call(give_up, id=value).status, 204)
                self.assertEqual(self.call(of_calls, id=value).status, 410)
                for body, status in (("{}", 202), ('{"a":1}', 422)):
                    if operation.method == "POST":
                        answer = self.call(operation, body=body, headers={
                            "Prefer": "respond-async", "Idempotency-Key": operation.path})
                        self.assertEqual(answer.status, status)

    def test_json_is_described_where_it_is_asked_for(self):
        transform = self.document.operation("POST", "/transform/{action}")
        answer = self.call(transform, body="abc", headers={"Accept": "application/json"})
        self.assertEqual(json.loads(answer.body)["response"], "ABC")

    def test_every_parameter_is_read_and_no_other(self):
        values = {"netid": "bob", "timeout": "1500ms", "broker": self.broker.address}
        for operation in self.document.operations:
            names = operation.named("query")
            for name, parameter in names.items():
                with self.subTest(operation, name=name):
                    self.assertLess(self.call(operation, f"{name}={values[name]}").status, 300)
                    self.assertGreaterEqual(self.call(operation, f"{name}=").status, 400)
                    schema = parameter["schema"]
                    self.assertTrue(re.search(schema.get("pattern", ""), values[name]))
                    self.assertIn(values[name], schema.get("enum", [values[name]]))
            if names:
                self.assertEqual(self.call(operation, "nothing=1").status, 400, operation)

    def test_the_fields_that_it_names_are_read(self):
        for operation in self.document.operations:
            fields = {"Request-Id", "traceparent", "tracestate"}
            if operation.named("query"):
                fields |= {"Prefer", "Idempotency-Key"}
            elif (operation.method, operation.path) == ("GET", "/calls/{id}"):
                fields |= {"Prefer"}
            self.assertEqual(set(operation.named("header")), fields)
            answer = self.call(operation, headers={"Request-Id": "my-own"})
            self.assertEqual(answer.headers["Request-Id"], "my-own")

    def test_a_timeout_that_is_left_out_is_the_one_that_it_names(self):
        for method, path, timeout in (("POST", "/transform/{action}", "5s"),
                                      ("POST", "/topic/{dev}", "2s")):
            schema = self.document.operation(method, path).named("query")["timeout"]["schema"]
            self.assertEqual(schema["default"], timeout)

    def test_every_problem_is_described(self):
        for operation in self.document.operations:
            if (operation.method, operation.path) == ("OPTIONS", "/"):
                continue  # of the server as a whole: whatever comes with it
            body = "{}" if operation.method == "POST" else None
            for headers, status in (({"Origin": "https://example.com"}, 403),
                                    ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
                                    ({"Content-Encoding": "gzip"}, 415)):
                with self.subTest(operation, headers=headers):
                    self.assertEqual(self.call(operation, body=body, headers=headers).status, status)
        transform = self.document.operation("POST", "/transform/{action}")
        for values, status in (({"action": "upercase"}, 404), ({"query": "netid=eve"}, 403),
                               ({"query": "netid=%2B"}, 400), ({"body": b"\xff"}, 400),
                               ({"query": "broker=example.com"}, 421), ({"action": "a%2Fb"}, 404),
                               ({"query": "x=" + 9000 * "x"}, 414),
                               ({"headers": {"Field": 20_000 * "x"}}, 431)):
            with self.subTest(values=str(values)[:40]):
                self.caller.connection.close()
                self.assertEqual(self.call(transform, **values).status, status)

    def test_what_it_does_not_describe_is_not_served(self):
        paths = {operation.path for operation in self.document.operations}
        described = {(operation.method, operation.path) for operation in self.document.operations}
        for path in paths:
            target = next(each for each in self.document.operations if each.path == path).target()
            for method in METHODS:
                if ((method.upper(), path) not in described and method != "trace" and
                        (method, path) != ("get", "/events")):
                    answer = self.caller.request(method.upper(), target, headers=self.HEADERS)
                    self.assertEqual(answer.status, 405, f"{method} {path}")

    def test_every_name_of_an_operation_is_another_one(self):
        names = [operation.operation["operationId"] for operation in self.document.operations]
        self.assertEqual(len(names), len(set(names)))

    def test_every_text_says_something(self):
        for operation in self.document.operations:
            self.assertRegex(operation.operation["summary"], WORDS)
            for response in operation.responses.values():
                self.assertRegex(response["description"], WORDS)

    def test_a_linter_finds_nothing(self):
        path = self.world.folder / "openapi.json"
        path.write_text(self.document.text)
        (self.world.folder / "redocly.yaml").write_text("extends: [recommended-strict]\n")
        lint = self.world.add(Process(
            "redocly", [linter(), "lint", "--config", self.world.folder / "redocly.yaml", path],
            environment(REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true")))
        self.assertEqual(lint.wait(), 0, lint.log())


class OpenApiWithToken(OpenApi):
    """The same where callers need a token, and health is open."""

    HEADERS = {"Authorization": "Bearer secret"}

    @classmethod
    def options(cls, world):
        path = world.folder / "token"
        path.write_text("secret\n")
        path.chmod(0o600)
        return ("--token-file", path, "--open-health")

    def test_it_says_where_a_token_is_asked_for(self):
        for operation in self.document.operations:
            body = "{}" if "requestBody" in operation.operation else None
            answer = self.caller.request(operation.method, operation.target(), body)
            operation.check(answer)
            wanted = operation.operation["security"]
            self.assertEqual(wanted, [{"bearer": []}] if answer.status == 401 else [], operation)
        self.assertEqual(self.document.raw["components"]["securitySchemes"]["bearer"]["scheme"],
                         "bearer")


class OpenApiOfABareDaemon(SystemTest):
    def test_it_follows_a_reload(self):
        broker = self.world.broker()
        routes = routes_file(self.world.folder, "")
        daemon = self.world.daemon(broker, "--routes", routes)
        before = {operation.path for operation in Document.of(daemon).operations}
        routes.write_text('[[route]]\npath = "/new/{x}"\ntopic = "new/{x}"\n')
        os.kill(daemon.pid, signal.SIGHUP)
        eventually(lambda: {operation.path for operation in Document.of(daemon).operations} ==
                   before | {"/new/{x}"}, "the new route is in it")

    def test_a_daemon_that_is_not_ready_answers_as_it_says(self):
        daemon = self.world.daemon("mqtt://127.0.0.1:1", ready=False)
        document = Document.of(daemon)
        for path, status in (("/readyz", 503), ("/status", 200)):
            operation = document.operation("GET", path)
            with Caller(daemon.port) as caller:
                answer = caller.get(path)
            self.assertEqual(answer.status, status)
            operation.check(answer)


if __name__ == "__main__":
    unittest.main()
