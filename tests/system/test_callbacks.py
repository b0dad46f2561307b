"""Answers that are sent to where their callers want them: signed, to allowed places only, and again
until they are taken."""

import hashlib
import hmac
import http.server
import json
import queue
import threading
import time
import unittest

from harness import BUILD, PATIENCE, Caller, SystemTest, environment, eventually, run
from mqtt_peer import answer_with, responder

SECRET = "a secret of some length"


class Receiver:
    """Takes what is sent to it, with the statuses that it is told, and then with 204."""

    def __init__(self, *statuses):
        self.heard = queue.Queue()
        left = list(statuses)
        heard = self.heard

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = left.pop(0) if left else 204
                heard.put((self.path, self.headers, body))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def next(self):
        return self.heard.get(timeout=PATIENCE)


class Callbacks(SystemTest):
    def setUp(self):
        super().setUp()
        self.broker = self.world.broker()
        self.secret = self.world.folder / "secret"
        self.secret.write_text(SECRET + "\n")
        self.secret.chmod(0o600)

    def start(self, receiver, *options):
        return self.world.daemon(self.broker, "--callback", f"{receiver.url}/hooks",
                                 "--callback-secret-file", self.secret, *options)

    def later(self, daemon, url, text="abc"):
        with Caller(daemon.port) as caller:
            return caller.transform("uppercase", text, {
                "Prefer": f'respond-async; callback="{url}"'})

    def assert_signed(self, headers, body):
        signed = b".".join([headers["Callback-Time"].encode(), headers["Callback-Call"].encode(),
                            headers["Callback-Status"].encode(), body])
        right = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        self.assertEqual(headers["Callback-Signature"], f"sha256={right}")
        self.assertLess(abs(int(headers["Callback-Time"]) - time.time()), PATIENCE)

    def test_an_answer_is_sent_and_signed(self):
        self.world.responder(self.broker)
        with Receiver() as receiver:
            daemon = self.start(receiver)
            accepted = self.later(daemon, f"{receiver.url}/hooks/7?a=%20b")
            self.assertEqual(accepted.status, 202, accepted)
            path, headers, body = receiver.next()
        self.assertEqual((path, body), ("/hooks/7?a=%20b", b"ABC"))
        self.assertEqual(headers["Content-Type"], "text/plain; charset=utf-8")
        self.assertEqual(headers["Callback-Call"], accepted.headers["Location"])
        self.assertEqual(headers["Callback-Status"], "200")
        self.assert_signed(headers, body)

    def test_a_problem_is_sent_too(self):
        with Receiver() as receiver, \
                responder(self.broker, answer_with(b"", ("status", "409"), ("error", "taken"))):
            self.later(self.start(receiver), f"{receiver.url}/hooks")
            _, headers, body = receiver.next()
        self.assertEqual((headers["Callback-Status"], headers["Content-Type"]),
                         ("409", "application/problem+json"))
        self.assertEqual(json.loads(body)["type"], "/problems/responder-error")
        self.assert_signed(headers, body)

    def test_it_is_sent_again_until_it_is_taken(self):
        self.world.responder(self.broker)
        with Receiver(500, 302) as receiver:
            daemon = self.start(receiver)
            self.later(daemon, f"{receiver.url}/hooks/")
            heard = [receiver.next() for _ in range(3)]
            self.assertEqual({(path, body) for path, _, body in heard}, {("/hooks/", b"ABC")},
                             "and no redirect is followed")
            with Caller(daemon.port) as caller:
                eventually(lambda: 'mqtt_bridge_callbacks_total{result="taken"} 1' in
                           caller.get("/metrics").text, "it is counted")

    def test_it_is_sent_after_a_restart(self):
        state = self.world.folder / "state"
        state.mkdir()
        with Receiver() as receiver:
            first = self.start(receiver, "--state-dir", state)
            self.assertEqual(self.later(first, f"{receiver.url}/hooks").status, 202)
            first.kill()
            self.start(receiver, "--state-dir", state)
            self.world.responder(self.broker)
            self.assertEqual(receiver.next()[2], b"ABC")

    def test_no_other_place_is_called(self):
        with Receiver() as receiver:
            daemon = self.start(receiver)
            for url in (f"{receiver.url}/hook", f"{receiver.url}/hooks2", f"{receiver.url}/",
                        f"{receiver.url}0/hooks", "http://127.0.0.1/hooks",
                        f"{receiver.url}/hooks/../admin", f"{receiver.url}/hooks/%2E%2e/admin",
                        f"{receiver.url}@evil.example/hooks", "file:///hooks", "hooks"):
                with self.subTest(url):
                    refused = self.later(daemon, url)
                    self.assertEqual(refused.status, 403, refused)
                    self.assertEqual(json.loads(refused.body)["type"],
                                     "/problems/value-not-allowed")
        self.assertTrue(receiver.heard.empty())

    def test_it_needs_a_secret_and_a_url(self):
        for options, words in ((("--callback", "https://a.example/"), "--callback-secret-file"),
                               (("--callback", "a.example"), "no URL"),
                               (("--callback", "https://u@a.example/"), "no URL")):
            done = run([BUILD / "mqtt_bridged", "--check-config", *options], environment())
            self.assertEqual(done.code, 2, options)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
