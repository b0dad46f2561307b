"""Every problem that a caller can meet is met here, over HTTP, and has the shape that RFC 9457 and
docs/problems.md promise. A problem added to the table without a test here fails the first test."""

import concurrent.futures
import json
import os
import pathlib
import re
import unittest

from harness import (PATIENCE, REPOSITORY, Caller, SystemTest, World, eventually, send_raw,
                     unused_port)
from hostile import is_instrumented
from mqtt_peer import answer_with, responder, silent_service
from openapi import Document, validator

# What docs/problems.md says: the status of each problem, and whether the request may simply be sent again.
TABLE = {
    "invalid-netid": (400, False),
    "invalid-payload": (400, False),
    "invalid-parameter": (400, False),
    "invalid-idempotency-key": (400, False),
    "malformed-request": (400, False),
    "unauthorized": (401, False),
    "netid-not-served": (403, False),
    "value-not-allowed": (403, False),
    "forbidden-origin": (403, False),
    "forbidden-user": (403, False),
    "unknown-action": (404, False),
    "not-found": (404, False),
    "method-not-allowed": (405, False),
    "request-timeout": (408, True),
    "call-gone": (410, False),
    "payload-too-large": (413, False),
    "uri-too-long": (414, False),
    "unsupported-media-type": (415, False),
    "wrong-broker": (421, False),
    "idempotency-key-reused": (422, False),
    "headers-too-large": (431, False),
    "not-implemented": (501, False),
    "unmatched-response": (502, False),
    "bad-response": (502, False),
    "broker-refused": (502, False),
    "broker-unavailable": (503, True),
    "no-responder": (503, True),
    "turn-pending": (503, True),
    "turns-elsewhere": (503, True),
    "overloaded": (503, True),
    "state-unavailable": (503, True),
    "shutting-down": (503, True),
    "response-timeout": (504, False),
    "responder-error": (422, False),  # the responder of the test says 422
}

# What no caller can bring about, and why.
NOT_PRODUCIBLE = {
    "internal-error": "it is what a fault of the program itself would get",
}


def slugs_of_the_source():
    source = (pathlib.Path(REPOSITORY) / "src" / "base" / "problem.hpp").read_text()
    body = re.search(r"enum class Problem \{(.*?)\};", source, re.DOTALL).group(1)
    return {word.replace("_", "-") for word in re.findall(r"^\s*(\w+),", body, re.MULTILINE)}


class EveryProblem(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.daemon = world.daemon(cls.broker)
        cls.schema = validator(Document.of(cls.daemon).schema("Problem"))

    def assert_problem(self, answer, slug):
        status, retryable = TABLE[slug]
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        problem = json.loads(answer.body)
        self.assertEqual(problem["type"], f"/problems/{slug}")
        self.schema.validate(problem)
        self.assertEqual(problem["status"], status)
        for member in ("title", "detail", "request_id"):
            self.assertIsInstance(problem[member], str)
            self.assertTrue(problem[member], member)
        self.assertIs(problem["retryable"], retryable, problem)
        self.assertEqual(answer.headers["Request-Id"], problem["request_id"])
        return problem

    def transform(self, daemon, *arguments, **keywords):
        with Caller(daemon.port) as caller:
            return caller.transform(*arguments, **keywords)

    def get(self, target, method="GET", **keywords):
        with Caller(self.daemon.port) as caller:
            return caller.request(method, target, **keywords)

    def test_the_type_of_each_problem_leads_to_its_entry_in_the_runbook(self):
        page = (REPOSITORY / "docs/problems.md").read_text(encoding="utf-8")
        for slug in slugs_of_the_source():
            with self.subTest(slug):
                answer = self.get(f"/problems/{slug}")
                self.assertEqual((answer.status, answer.headers["Content-Type"]),
                                 (200, "text/plain; charset=utf-8"))
                self.assertIn(f"\n## {slug}\n\n{answer.text}", page)
                self.assertIn("\n- Do: ", answer.text)
        self.assert_problem(self.get("/problems/nothing"), "not-found")
        self.assert_problem(self.get("/problems/overloaded", "POST", body=b""), "method-not-allowed")

    def test_the_runbook_needs_no_token(self):
        token = self.world.folder / "token"
        token.write_text("secret")
        daemon = self.world.daemon(self.broker, "--token-file", str(token), ready=False)
        with Caller(daemon.port) as caller:
            self.assertEqual(caller.get("/problems/unauthorized").status, 200)
            self.assertEqual(caller.get("/status").status, 401)

    def test_each_problem_of_the_source_is_in_this_table_and_has_its_test(self):
        self.assertEqual(slugs_of_the_source(), set(TABLE) | set(NOT_PRODUCIBLE))
        for slug in TABLE:
            name = "test_" + slug.replace("-", "_")
            self.assertTrue(any(test.startswith(name) for test in dir(self)), name)

    def test_invalid_netid(self):
        self.assert_problem(self.transform(self.daemon, "uppercase", "abc", netid="a/b"),
                            "invalid-netid")

    def test_invalid_payload(self):
        for payload in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"abc\xe2\x82"):
            with self.subTest(payload=payload):
                self.assert_problem(self.transform(self.daemon, "uppercase", payload),
                                    "invalid-payload")

    def test_invalid_parameter(self):
        self.assert_problem(self.transform(self.daemon, "uppercase", "abc", timeout="soon"),
                            "invalid-parameter")

    def test_invalid_parameter_for_one_that_is_misspelt_or_given_twice(self):
        """It would be a call to another NetID, or one that waits for five seconds."""
        for query, words in (("netId=alice", "did you mean netid?"),
                             ("timout=100ms", "did you mean timeout?"),
                             ("%4eetid=alice", "did you mean netid?"),
                             ("text=abc", "netid, timeout and broker"),
                             ("netid=alice&netid=bob", "netid is given twice"),
                             ("netid=alice&n%65tid=alice", "netid is given twice")):
            with self.subTest(query=query):
                answer = self.get(f"/transform/uppercase?{query}", "POST", body=b"abc")
                self.assertIn(words, self.assert_problem(answer, "invalid-parameter")["detail"])

    def test_malformed_request(self):
        requests = [
            b"nonsense\r\n\r\n",
            b"POST /transform/uppercase HTTP/1.1\r\n\r\n",
            b"POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nabc",
            b"POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
            b"Content-Length: 4\r\n\r\nabcd",
            b"POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n",
            b"POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\nFolded: a\r\n b\r\n\r\n",
        ]
        for request in requests:
            with self.subTest(request=request):
                self.assert_problem(send_raw(self.daemon.port, request), "malformed-request")

    def test_unauthorized(self):
        token_file = self.world.folder / "token"
        token_file.write_text("correct-horse\n")
        broker = self.world.broker()
        daemon = self.world.daemon(broker, "--token-file", token_file, ready=False)
        daemon.wait_until_ready({"Authorization": "Bearer correct-horse"})
        self.world.responder(broker)
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "},
                        {"Authorization": "Basic Y29ycmVjdC1ob3JzZQ=="}):
            with self.subTest(headers=headers):
                answer = self.transform(daemon, "uppercase", "abc", headers)
                self.assert_problem(answer, "unauthorized")
                self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer"))
        right = self.transform(daemon, "uppercase", "abc", {"Authorization": "Bearer correct-horse"})
        self.assertEqual((right.status, right.text), (200, "ABC"))
        self.assertFalse([line for line in daemon.lines if "correct-horse" in line])

    def test_netid_not_served(self):
        self.assert_problem(self.transform(self.daemon, "uppercase", "abc", netid="carol"),
                            "netid-not-served")

    def test_value_not_allowed(self):
        routes = self.world.folder / "routes.toml"
        routes.write_text("""
            [[route]]
            path = "/lamp/{name}"
            topic = "lamp/{name}/set"
            one-way = true
            allow = ["desk", "shelf-*"]
            """)
        daemon = self.world.daemon(self.broker, "--routes", routes)
        with Caller(daemon.port) as caller:
            self.assert_problem(caller.request("POST", "/lamp/door", b"on"), "value-not-allowed")

    def test_forbidden_origin(self):
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"},
                        {"Origin": "null"}, {"Host": f"evil.example:{self.daemon.port}"}):
            with self.subTest(headers=headers):
                self.assert_problem(self.transform(self.daemon, "uppercase", "abc", headers),
                                    "forbidden-origin")

    def test_forbidden_user(self):
        daemon = self.world.daemon(self.broker, "--allow-user", str(os.getuid() + 1))
        with Caller(daemon.socket_path) as caller:
            self.assert_problem(caller.transform("uppercase", "abc"), "forbidden-user")
        with Caller(daemon.port) as caller:  # where nobody's user is known
            self.assertEqual(caller.get("/healthz").status, 200)

    def test_unknown_action(self):
        answer = self.transform(self.daemon, "rot13", "abc")
        self.assert_problem(answer, "unknown-action")

    def test_not_found(self):
        for target in ("/nowhere", "/transform", "/transform/uppercase/x", "/Transform/uppercase"):
            for method in ("GET", "POST"):
                with self.subTest(method=method, target=target):
                    self.assert_problem(self.get(target, method, body=b"abc"), "not-found")

    def test_method_not_allowed(self):
        for method, target, allowed in (("GET", "/transform/uppercase", "POST"),
                                        ("DELETE", "/transform/uppercase", "POST"),
                                        ("POST", "/healthz", "GET")):
            with self.subTest(method=method, target=target):
                answer = self.get(target, method)
                self.assert_problem(answer, "method-not-allowed")
                self.assertIn(allowed, answer.headers["Allow"])

    def test_invalid_idempotency_key(self):
        self.assert_problem(self.transform(self.daemon, "uppercase", "abc",
                                           {"Idempotency-Key": '"'}), "invalid-idempotency-key")

    def test_idempotency_key_reused(self):
        headers = {"Idempotency-Key": '"reused"', "Prefer": "respond-async"}
        self.assertEqual(self.transform(self.daemon, "uppercase", "abc", headers).status, 202)
        self.assert_problem(self.transform(self.daemon, "uppercase", "abcd", headers),
                            "idempotency-key-reused")

    def test_call_gone(self):
        accepted = self.transform(self.daemon, "uppercase", "abc", {"Prefer": "respond-async"})
        self.assertEqual(self.get(accepted.headers["Location"], "DELETE").status, 204)
        self.assert_problem(self.get(accepted.headers["Location"]), "call-gone")

    def test_request_timeout_once_a_head_does_not_arrive_in_time(self):
        self.assert_problem(send_raw(self.daemon.port, b"POST /transform/uppercase HTTP/1.1\r\nHo"),
                            "request-timeout")

    def test_payload_too_large(self):
        self.assert_problem(self.transform(self.daemon, "uppercase", b"a" * (1024 * 1024 + 1)),
                            "payload-too-large")

    def test_uri_too_long(self):
        self.assert_problem(self.get("/" + "a" * 9000), "uri-too-long")

    def test_unsupported_media_type(self):
        form = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'
        for body, headers in ((form, {"Content-Type": "multipart/form-data; boundary=x"}),
                              (b"abc", {"Content-Type": "multipart/form-data; boundary=x"}),
                              (b"abc", {"Content-Type": "Multipart/Form-Data"}),
                              ("\u00e9".encode("latin-1"),
                               {"Content-Type": "text/plain; charset=iso-8859-1"}),
                              ("ab\u0109".encode("utf-16le"),
                               {"Content-Type": "text/plain;charset=\"utf-16le\""}),
                              (b"abc", {"Content-Encoding": "gzip"})):
            with self.subTest(body=body, headers=headers):
                self.assert_problem(self.transform(self.daemon, "uppercase", body, headers),
                                    "unsupported-media-type")

    def test_wrong_broker(self):
        for broker in ("elsewhere.invalid:1883", f"elsewhere.invalid:{self.broker.port}",
                       f"127.0.0.1:{self.broker.port ^ 1}"):
            with self.subTest(broker=broker):
                self.assert_problem(self.transform(self.daemon, "uppercase", "abc", broker=broker),
                                    "wrong-broker")

    def test_headers_too_large(self):
        for headers in ({"X-Long": "a" * 20000}, {f"X-{n}": "a" for n in range(200)}):
            with self.subTest(count=len(headers)):
                self.assert_problem(self.transform(self.daemon, "uppercase", "abc", headers),
                                    "headers-too-large")

    def test_not_implemented(self):
        head = b"Host: localhost\r\nContent-Length: 0\r\n\r\n"
        for request in (b"CONNECT localhost:1883 HTTP/1.1\r\n" + head,
                        b"BREW /transform/uppercase HTTP/1.1\r\n" + head,
                        b"post /transform/uppercase HTTP/1.1\r\n" + head,
                        b"POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\n"
                        b"Transfer-Encoding: gzip, chunked\r\n\r\n"):
            with self.subTest(request=request):
                self.assert_problem(send_raw(self.daemon.port, request), "not-implemented")

    def test_unmatched_response(self):
        def answer_something_else(client, request):
            client.publish("alice/uppercase/response", "SOMETHING ELSE", qos=1)

        with responder(self.broker, answer_something_else):
            answer = self.transform(self.daemon, "uppercase", "abc", timeout="500ms")
        self.assert_problem(answer, "unmatched-response")

    def test_bad_response(self):
        with responder(self.broker, answer_with(b"\xff\xfe")):
            answer = self.transform(self.daemon, "uppercase", "abc", timeout="10s")
        self.assert_problem(answer, "bad-response")

    def test_responder_error_has_the_responders_status_and_text(self):
        with responder(self.broker, answer_with(b"", ("status", "422"), ("error", "no such word"))):
            answer = self.transform(self.daemon, "uppercase", "abc", timeout="10s")
        problem = self.assert_problem(answer, "responder-error")
        self.assertIn("no such word", problem["detail"])

    def test_responder_error_with_any_other_status_becomes_502(self):
        for status in ("200", "399", "600", "abc", "-1", "4000", "401", "405", "408", "421", "426"):
            with self.subTest(status=status):
                with responder(self.broker, answer_with(b"", ("status", status), ("error", "x"))):
                    answer = self.transform(self.daemon, "uppercase", "abc", timeout="10s")
                self.assertEqual(answer.status, 502, answer)

    def test_broker_unavailable(self):
        with unused_port() as port:
            daemon = self.world.daemon(f"mqtt://127.0.0.1:{port}", ready=False)
            answer = self.transform(daemon, "uppercase", "abc", timeout="200ms")
        self.assert_problem(answer, "broker-unavailable")
        self.assertTrue(answer.headers["Retry-After"])

    def test_no_responder(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        only_one = self.world.responder(broker)
        self.assertEqual(self.transform(daemon, "uppercase", "abc").text, "ABC")
        only_one.stop()
        answer = self.transform(daemon, "uppercase", "abc", timeout="10s")
        problem = self.assert_problem(answer, "no-responder")
        self.assertIn("alice/uppercase/request", problem["detail"])
        self.assertTrue(answer.headers["Retry-After"])

    def test_no_responder_in_mqtt_3_where_the_broker_does_not_say_it(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker, "--protocol", "3.1.1")
        only_one = self.world.responder(broker)
        self.assertEqual(self.transform(daemon, "uppercase", "abc").text, "ABC")
        only_one.stop()

        def ask(number):
            return self.transform(daemon, "uppercase", f"abc {number}", timeout="900ms")

        eventually(lambda: ask(0).status == 503, "the daemon knows that the responder is gone")
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            # One call in each second is published all the same, and waits.
            answers = list(pool.map(ask, range(3)))
        refused = [answer for answer in answers if answer.status == 503]
        self.assertGreaterEqual(len(refused), 2, answers)
        self.assert_problem(refused[0], "no-responder")

    def test_turn_pending(self):
        daemon = self.world.daemon(self.broker, "--action", "translate", "--turn-rest", "50s",
                                   "--protocol", "3.1.1")
        self.assertEqual(self.transform(daemon, "translate", "a", timeout="100ms").status, 504)
        answer = self.transform(daemon, "translate", "b", timeout="10s")
        problem = self.assert_problem(answer, "turn-pending")
        self.assertIn("alice/translate/response", problem["detail"])
        self.assertIn(answer.headers["Retry-After"], ("49", "50"))
        self.assertIn(f"{answer.headers['Retry-After']} s", problem["detail"])

    def test_turns_elsewhere(self):
        daemon = self.world.daemon(self.broker, "--action", "translate", "--group", "problems")
        problem = self.assert_problem(self.transform(daemon, "translate", "a"), "turns-elsewhere")
        self.assertIn("alice/translate/response", problem["detail"])
        self.assertIn("none of the daemons of the group 'problems'", problem["detail"])

    def test_broker_refused(self):
        acl = self.world.folder / "acl"
        acl.write_text("topic read #\n")
        broker = self.world.broker(config=f"acl_file {acl}\nuser root")
        daemon = self.world.daemon(broker)
        answer = self.transform(daemon, "uppercase", "abc", timeout="10s")
        problem = self.assert_problem(answer, "broker-refused")
        self.assertIn("alice/uppercase/request", problem["detail"])

    @unittest.skipIf(is_instrumented(), "64 MiB take a sanitizer longer than anybody waits")
    def test_overloaded(self):
        """64 MiB of payloads may wait for their answers: 64 of the largest, and not one more."""
        daemon = self.world.daemon(self.broker)
        largest = b"a" * (1024 * 1024)
        with silent_service(self.broker), concurrent.futures.ThreadPoolExecutor(64) as pool, \
                Caller(daemon.port) as caller:
            calls = []
            for count in range(1, 65):  # one by one: those still arriving are counted apart
                calls.append(pool.submit(self.transform, daemon, "uppercase", largest,
                                         timeout="60s"))
                eventually(lambda: json.loads(caller.get("/status").body)["calls"]["in_flight"]
                           == count, f"{count} calls are in flight")
            refused = self.transform(daemon, "uppercase", largest)
            self.assert_problem(refused, "overloaded")
            self.assertTrue(refused.headers["Retry-After"])
            self.assertFalse(any(call.done() for call in calls))
            self.assertEqual(daemon.stop(), 0)
            for call in calls:
                self.assertIn(call.result(PATIENCE).status, (503, 504))

    def test_state_unavailable(self):
        state = self.world.folder / "state"
        daemon = self.world.daemon(self.broker, "--state-dir", state)
        headers = {"Prefer": "respond-async"}
        self.assert_problem(self.transform(daemon, "uppercase", "abc", headers),
                            "state-unavailable")
        state.mkdir()
        self.assertEqual(self.transform(daemon, "uppercase", "abc", headers).status, 202)

    def test_shutting_down(self):
        """A call that was not published yet when the daemon was told to end now."""
        daemon = self.world.daemon(self.broker, "--max-in-flight", "1")
        with silent_service(self.broker), concurrent.futures.ThreadPoolExecutor(2) as pool:
            in_flight = pool.submit(self.transform, daemon, "reverse", "in flight", timeout="30s")
            self.broker.wait_for_line(r"Received PUBLISH from .*alice/reverse/request")
            queued = pool.submit(self.transform, daemon, "reverse", "queued", timeout="30s")
            with Caller(daemon.port) as caller:
                eventually(lambda: json.loads(caller.get("/status").body)["calls"]["queued"],
                           "a call is queued")
            daemon.ask_to_stop()
            daemon.wait_for_line("shutting down")
            daemon.ask_to_stop()
            self.assert_problem(queued.result(), "shutting-down")
            self.assert_problem(in_flight.result(), "response-timeout")
        self.assertEqual(daemon.wait(), 0)

    def test_response_timeout(self):
        with silent_service(self.broker):
            answer = self.transform(self.daemon, "uppercase", "abc", timeout="200ms")
        problem = self.assert_problem(answer, "response-timeout")
        for words in ("alice/uppercase/request", "alice/uppercase/response", "acknowledged", "200ms"):
            self.assertIn(words, problem["detail"])

    def test_a_problem_echoes_the_callers_request_id(self):
        answer = self.transform(self.daemon, "rot13", "abc", {"Request-Id": "mine-1"})
        self.assertEqual(self.assert_problem(answer, "unknown-action")["request_id"], "mine-1")

    def test_a_request_id_that_is_none_is_replaced(self):
        for bad in ("", "a b", "x" * 129, 'a"b', "\u00e4"):
            with self.subTest(request_id=bad):
                answer = self.transform(self.daemon, "rot13", "abc",
                                        {"Request-Id": bad.encode()})
                problem = self.assert_problem(answer, "unknown-action")
                self.assertNotEqual(problem["request_id"], bad)


if __name__ == "__main__":
    unittest.main()
