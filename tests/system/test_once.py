"""`Idempotency-Key`: what is sent again is carried out once. `shuffle` gives it away: the same text is
hardly ever shuffled in the same way twice."""

import concurrent.futures
import json
import unittest
import uuid

from harness import Caller, SystemTest, World, eventually
from mqtt_peer import answer_with, responder, silent_service

TEXT = "".join(chr(ord("a") + i % 26) for i in range(200))


def keyed(key=None, **fields):
    return {"Idempotency-Key": key or f'"{uuid.uuid4()}"', **fields}


class Once(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.daemon = world.daemon(cls.broker, "--netids", "*", "--action", "translate")
        world.responder(cls.broker)

    def setUp(self):
        super().setUp()
        self.caller = self.world.enter_context(Caller(self.daemon.port))

    def shuffle(self, headers, text=TEXT, caller=None, **query):
        return (caller or self.caller).transform("shuffle", text, headers, **query)

    def published(self, text=TEXT):
        """How many requests of this test the broker got."""
        self.broker.settle()
        return sum("Received PUBLISH" in line and "/shuffle/request" in line
                   for line in self.broker.lines)

    def test_the_same_answer_comes_without_a_second_publish(self):
        headers = keyed()
        before = self.published()
        first = self.shuffle(headers)
        self.assertEqual(first.status, 200, first)
        self.assertEqual(sorted(first.text), sorted(TEXT))
        for _ in range(3):
            again = self.shuffle(headers)
            self.assertEqual((again.status, again.text), (200, first.text))
        self.assertEqual(self.published(), before + 1)
        self.assertNotEqual(self.shuffle(keyed()).text, first.text)
        self.assertNotEqual(self.shuffle({}).text, first.text)

    def test_also_as_json_or_later(self):
        headers = keyed()
        first = self.shuffle(headers)
        again = json.loads(self.shuffle({**headers, "Accept": "application/json"}).body)
        self.assertEqual(again["response"], first.text)
        self.assertEqual(again["request_id"], first.headers["Request-Id"])
        self.assertEqual(self.shuffle({**headers, "Prefer": "respond-async"}).text, first.text)

    def test_one_that_still_waits_is_waited_for(self):
        headers = keyed()
        with silent_service(self.broker), concurrent.futures.ThreadPoolExecutor(8) as pool:
            def call(_):
                with Caller(self.daemon.port) as caller:
                    return caller.transform("translate", "abc", headers, netid="slow",
                                            timeout="30s")
            calls = [pool.submit(call, n) for n in range(8)]
            self.broker.wait_for_line(r"Received PUBLISH from .*slow/translate/request")
            eventually(lambda: json.loads(self.caller.get("/status").body)["http_connections"] >= 9,
                       "all wait")
            accepted = self.caller.transform("translate", "abc", {
                **headers, "Prefer": "respond-async"}, netid="slow", timeout="30s")
            self.assertEqual(accepted.status, 202, accepted)
            self.caller.request("DELETE", accepted.headers["Location"])
            for each in calls:
                self.assertEqual(each.result().status, 410)
        self.broker.settle()
        self.assertEqual(sum("Received PUBLISH" in line and "slow/translate/request" in line
                             for line in self.broker.lines), 1)

    def test_many_at_one_time_are_one(self):
        headers = keyed()
        before = self.published()

        def call(_):
            with Caller(self.daemon.port) as caller:
                return caller.transform("shuffle", TEXT, headers).text
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual(len(set(pool.map(call, range(64)))), 1)
        self.assertEqual(self.published(), before + 1)

    def test_another_request_under_the_same_key_is_refused(self):
        headers = keyed()
        self.assertEqual(self.shuffle(headers).status, 200)
        before = self.published()
        for answer in (self.shuffle(headers, TEXT + "a"), self.shuffle(headers, netid="bob"),
                       self.caller.transform("reverse", TEXT, headers),
                       self.shuffle({**headers, "Content-Type": "text/plain"})):
            self.assertEqual(answer.status, 422)
            self.assertEqual(json.loads(answer.body)["type"], "/problems/idempotency-key-reused")
        self.assertEqual(self.published(), before)

    def test_quoted_or_not_it_is_the_same_key(self):
        key = str(uuid.uuid4())
        self.assertEqual(self.shuffle(keyed(f'"{key}"')).text, self.shuffle(keyed(key)).text)
        self.assertNotEqual(self.shuffle(keyed(f'"{key}%20"')).text,
                            self.shuffle(keyed(f'"{key} "')).text)

    def test_a_key_belongs_to_who_sent_it(self):
        headers = keyed()
        first = self.shuffle(headers)
        with Caller(self.daemon.socket_path) as over_socket:
            other = self.shuffle(headers, caller=over_socket)
            self.assertNotEqual(other.text, first.text)
            self.assertEqual(self.shuffle(headers, "other", over_socket).status, 422)
        self.assertEqual(self.shuffle(headers).text, first.text)

    def test_what_is_no_key_is_refused(self):
        before = self.published()
        for key in ("", '"', '""', '"a', "a b", "k" * 256, f'"{"k" * 256}"', "a,b", '"a"b"',
                    b"\xc3\xa9"):
            with self.subTest(key=key):
                answer = self.shuffle({"Idempotency-Key": key})
                self.assertEqual(answer.status, 400, answer)
                self.assertEqual(json.loads(answer.body)["type"],
                                 "/problems/invalid-idempotency-key")
        self.assertEqual(self.published(), before)
        self.assertEqual(self.shuffle(keyed(f'"{"k" * 255}"')).status, 200)

    def test_a_batch_has_none(self):
        answer = self.shuffle(keyed(**{"Content-Type": "application/x-ndjson"}), '"a"\n')
        self.assertEqual(answer.status, 400)
        self.assertIn("batch", json.loads(answer.body)["detail"])

    def test_an_error_of_the_service_is_the_answer_too(self):
        headers = keyed()
        with responder(self.broker, answer_with(b"", ("status", "409"), ("error", "taken"))):
            first = self.caller.transform("translate", "a", headers, netid="errors")
        self.assertEqual(first.status, 409)
        again = self.caller.transform("translate", "a", headers, netid="errors")
        self.assertEqual((again.status, again.body), (409, first.body))

    def test_what_was_never_published_can_be_sent_again(self):
        headers = keyed()
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        with Caller(daemon.port) as caller:
            self.assertEqual(caller.transform("shuffle", TEXT, headers).status, 503)
            self.world.responder(broker)
            self.assertEqual(caller.transform("shuffle", TEXT, headers).status, 200)

    def test_a_call_goes_on_when_its_caller_hangs_up(self):
        headers = keyed()
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        with silent_service(broker):
            with Caller(daemon.port) as caller:
                caller.connection.request("POST", "/transform/uppercase?timeout=30s", "abc", headers)
                broker.wait_for_line(r"Received PUBLISH from .*uppercase/request")
            with Caller(daemon.port) as caller:
                self.assertEqual(caller.transform("uppercase", "abc", {
                    **headers, "Prefer": "respond-async"}, timeout="30s").status, 202)
        self.assertEqual(sum("Received PUBLISH" in line for line in broker.lines), 1)


if __name__ == "__main__":
    unittest.main()
