"""The page at `/`, as programs see it. tests/browser/ looks at it with a real browser."""

import base64
import contextlib
import hashlib
import json
import re
import unittest

from harness import Caller, SystemTest, eventually, run

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
TOKEN = "0123456789abcdef"


class Events:
    """What a reader of /events is told; `where` is a port."""

    def __init__(self, where, headers=None):
        self._caller = Caller(where)
        self._caller.connection.request("GET", "/events", headers=headers or {})
        self.response = self._caller.connection.getresponse()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.response.close()
        self._caller.connection.close()

    def next(self, wanted):
        """The data of the next event with this name."""
        name = None
        while line := self.response.readline().decode():
            field, _, value = line.rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data" and name == wanted:
                return json.loads(value)
        raise EOFError

    def rest(self):
        return self.response.read().decode()


class Page(SystemTest):
    @classmethod
    def share(cls, world):
        cls.broker = world.broker()
        cls.daemon = world.daemon(cls.broker)
        world.responder(cls.broker)

    def get(self, headers=None):
        with Caller(self.daemon.port) as caller:
            return caller.get("/", headers)

    def test_curl_gets_a_text_whose_example_works_as_it_stands(self):
        text = run(["curl", "-s", self.daemon.url]).stdout
        self.assertIn("mqtt-bridge", text)
        self.assertLess(len(text.splitlines()), 20)
        self.assertTrue(all(len(line) <= 80 for line in text.splitlines()), text)
        example = re.search(r"^ +(curl .*)$", text, re.M).group(1)
        self.assertEqual(run(["sh", "-c", f"{example} -s"]).stdout, "HELLO")
        for path in re.findall(r"^  (/\S*) ", text, re.M):
            with Caller(self.daemon.port) as caller:
                self.assertEqual(caller.request("HEAD", path).status, 200, path)

    def test_a_browser_gets_a_page_that_may_load_nothing_else(self):
        answer = self.get(BROWSER)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "text/html; charset=utf-8")
        policy = dict(part.strip().partition(" ")[::2]
                      for part in answer.headers["Content-Security-Policy"].split(";"))
        self.assertEqual(policy["default-src"], "'none'")
        self.assertEqual(policy["connect-src"], "'self'")
        self.assertEqual(policy["frame-ancestors"], "'none'")
        self.assertNotIn("unsafe", answer.headers["Content-Security-Policy"])
        for element in ("script", "style"):
            texts = re.findall(f"<{element}>(.*?)</{element}>", answer.text, re.S)
            self.assertEqual(len(texts), 1)
            digest = base64.b64encode(hashlib.sha256(texts[0].encode()).digest()).decode()
            self.assertEqual(policy[f"{element}-src"], f"'sha256-{digest}'")
        self.assertEqual(re.findall(r"(?:src|href)=\"(?!data:|/)[^\"]*", answer.text), [])

    def test_it_has_words_for_each_reason_of_a_drop(self):
        with Caller(self.daemon.port) as caller:
            reasons = json.loads(caller.get("/status").body)["dropped_responses"]
        page = self.get(BROWSER).text
        self.assertEqual([each for each in reasons if f'"{each}": "' not in page], [])

    def test_the_page_is_small(self):
        self.assertLess(len(self.get(BROWSER).body), 150 * 1024)

    def test_the_page_itself_needs_no_token_and_tells_nothing_that_does(self):
        daemon = self.world.daemon(self.broker, "--token-file", self.token_file(), "--netids",
                                   "secret-netid", ready=False)
        with Caller(daemon.port) as caller:
            for headers in ({}, BROWSER):
                answer = caller.get("/", headers)
                self.assertEqual(answer.status, 200)
                for secret in ("secret-netid", TOKEN, str(self.broker.port)):
                    self.assertNotIn(secret, answer.text)
            self.assertEqual(caller.get("/", BROWSER).text, self.get(BROWSER).text)
            self.assertIn("Authorization: Bearer", caller.get("/").text)
            self.assertEqual(caller.get("/status").status, 401)

    # /events --------------------------------------------------------------------------------------

    def test_events_tell_of_the_state_each_second(self):
        with Events(self.daemon.port) as events:
            self.assertEqual(events.response.headers["Content-Type"], "text/event-stream")
            for _ in range(3):
                state = events.next("status")
                self.assertTrue(state["ready"])
                self.assertEqual(state["broker"], self.broker.url)
                responder, = state["responders"]
                self.assertIn("shuffle", responder["actions"])
            with Caller(self.daemon.port) as caller:
                asked = json.loads(caller.get("/status").text)
            self.assertEqual(asked.keys(), state.keys())

    def test_events_tell_of_calls_and_drops_without_their_texts(self):
        with Caller(self.daemon.port) as caller, Events(self.daemon.port) as events:
            events.next("dropped")  # what was before
            caller.transform("reverse", "the text", {"Request-Id": "told"})
            caller.transform("reverse", "the text", {"Request-Id": "refused"}, netid="stranger")
            run(["mosquitto_pub", "-p", str(self.broker.port), "-t", "alice/reverse/response",
                 "-m", "the text"])
            calls = {}
            while len(calls) < 2:
                calls |= {call["request_id"]: call for call in events.next("calls")}
            for call in calls.values():
                self.assertGreaterEqual(call.pop("ago_ms"), 0)
            self.assertGreater(calls["told"].pop("milliseconds"), 0)
            self.assertEqual(calls["told"], {
                "request_id": "told", "netid": "alice", "action": "reverse", "route": "",
                "outcome": "ok", "matched_by": "correlation"})
            self.assertEqual(calls["refused"], {
                "request_id": "refused", "netid": "stranger", "action": "reverse", "route": "",
                "outcome": "netid-not-served", "matched_by": "", "milliseconds": None})
        with Events(self.daemon.port) as events:
            drop = events.next("dropped")[-1]
            self.assertGreaterEqual(drop.pop("ago_ms"), 0)
            self.assertEqual(drop, {"topic": "alice/reverse/response", "reason": "unmatched",
                                    "bytes": 8})

    def test_events_tell_how_many_calls_a_second_there_were(self):
        with Caller(self.daemon.port) as caller, Events(self.daemon.port) as events:
            self.assertLessEqual(len(events.next("seconds")), 120)
            for _ in range(20):
                caller.transform("reverse", "x")
            caller.transform("reverse", "x", netid="stranger")
            counted = []
            while sum(second["calls"] for second in counted) < 21:
                counted += events.next("seconds")
            self.assertGreater(max(second["p99_ms"] or 0 for second in counted), 0)
            self.assertEqual(sum(second["errors"] for second in counted), 1)

    def test_there_is_a_bound_to_those_who_read_events(self):
        daemon = self.world.daemon(self.broker)
        with contextlib.ExitStack() as open_ones:
            readers = [open_ones.enter_context(Events(daemon.port)) for _ in range(16)]
            self.assertEqual({each.response.status for each in readers}, {200})
            with Events(daemon.port) as one_more:
                self.assertEqual(one_more.response.status, 503)
                self.assertEqual(one_more.response.headers["Retry-After"], "1")
                self.assertIn("overloaded", one_more.rest())
            readers[0].__exit__()

            def has_room():
                with Events(daemon.port) as again:
                    return again.response.status == 200
            eventually(has_room, "one that left made room")

    def test_events_end_when_the_daemon_does(self):
        daemon = self.world.daemon(self.broker)
        with Events(daemon.port) as events, Caller(daemon.port) as caller:
            events.next("status")
            caller.get("/healthz")
            daemon.ask_to_stop()
            self.assertIn("event: ", "event: " + events.rest())  # whole: its last chunk came
        self.assertEqual(daemon.wait(), 0)

    def test_events_take_the_token_and_no_other_site(self):
        daemon = self.world.daemon(self.broker, "--token-file", self.token_file(), ready=False)
        with Events(daemon.port) as events:
            self.assertEqual(events.response.status, 401)
        with Events(daemon.port, {"Authorization": f"Bearer {TOKEN}"}) as events:
            self.assertIn("broker", events.next("status"))
        with Events(self.daemon.port, {"Origin": "http://evil.example"}) as events:
            self.assertEqual(events.response.status, 403)

    def test_the_head_of_events_has_no_content(self):
        with Caller(self.daemon.port) as caller:
            answer = caller.request("HEAD", "/events")
            self.assertEqual((answer.status, answer.body), (200, b""))
            self.assertEqual(caller.request("POST", "/events", "x").status, 405)

    def token_file(self):
        path = self.world.folder / "token"
        path.write_text(TOKEN)
        path.chmod(0o600)
        return path

    def test_pages_of_other_sites_get_nothing_of_it(self):
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"},
                        {"Sec-Fetch-Site": "cross-site"}):
            self.assertEqual(self.get(BROWSER | headers).status, 403, headers)


if __name__ == "__main__":
    unittest.main()
