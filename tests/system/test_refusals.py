"""What is sent, what is logged and what is counted of a request that is refused: one problem, the
same in all three, whatever its path is and whoever refuses it."""

import itertools
import re
import socket
import unittest

from harness import PATIENCE, SystemTest, World, eventually, read_answer, send_raw
from hostile import slug_of
from mqtt_peer import answer_with, responder, silent_service
from test_observability import BEARER, OUTCOMES, TOKEN, metrics_of

CALL = "/transform/uppercase"
# Those of an action are counted as calls, the others as refused requests. "%2F" is no separator
# (RFC 3986 2.2), so the last three are paths at which there is nothing.
PATHS = {CALL: True, "/transform/none": True, "/healthz": False, "/nowhere": False,
         "/transform%2Fuppercase": False, "/transform/upper%2fcase": False, "/healthz%2F": False}
HOME = "Host: localhost"
TEXT = "Content-Length: 3\r\n\r\nabc"

# What comes after "METHOD PATH"; the problem is that of the path where none is given here.
REFUSALS = {
    "a stranger": (f" HTTP/1.1\r\nHost: evil.example\r\n{TEXT}", "forbidden-origin"),
    "no host": (f" HTTP/1.1\r\n{TEXT}", "malformed-request"),
    "two lengths": (f" HTTP/1.1\r\n{HOME}\r\nContent-Length: 1\r\n{TEXT}", "malformed-request"),
    "too much": (f" HTTP/1.1\r\n{HOME}\r\nContent-Length: 1048577\r\n\r\n", "payload-too-large"),
    "too many fields": (" HTTP/1.1\r\n" + "X: y\r\n" * 200 + "\r\n", "headers-too-large"),
    "too long": ("/" + "a" * 9000 + f" HTTP/1.1\r\n{HOME}\r\n\r\n", "uri-too-long"),
    "bad chunks": (f" HTTP/1.1\r\n{HOME}\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", None),
    "an encoding": (f" HTTP/1.1\r\n{HOME}\r\nContent-Encoding: gzip\r\n{TEXT}", None),
    "a form": (f" HTTP/1.1\r\n{HOME}\r\nContent-Type: multipart/x\r\n{TEXT}", None),
    "no text": (f" HTTP/1.1\r\n{HOME}\r\nContent-Length: 1\r\n\r\n\xff", None),
    "a bad parameter": (f"?netId=x HTTP/1.1\r\n{HOME}\r\n{TEXT}", None),
    "a bad timeout": (f"?timeout=soon HTTP/1.1\r\n{HOME}\r\n{TEXT}", None),
}


class Refusals(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.daemon = world.daemon(cls.broker)

    def assert_agreed(self, ask, slug=None, is_call=None, daemon=None, headers=None):
        """The answer that `ask()` returns is logged and counted, once, as what it is."""
        daemon = daemon or self.daemon
        before = metrics_of(daemon, headers)
        answer = ask()
        after = metrics_of(daemon, headers)
        sent = slug_of(answer)
        if slug:
            self.assertEqual(sent, slug, answer)
        request_id = answer.headers["Request-Id"]
        line = daemon.wait_for_line(rf"request {request_id} (\S+) status=(\d+) (?:netid=(\S+))?")
        self.assertEqual((line.group(1), int(line.group(2))), (sent or "ok", answer.status))
        moved = {(name, *dict(labels).values()): count - before.samples.get((name, labels), 0)
                 for (name, labels), count in after.samples.items()
                 if name in ("mqtt_bridge_calls_total", "mqtt_bridge_refused_requests_total")
                 and before.samples.get((name, labels), 0) != count}
        self.assertEqual([(slug, by) for (_, slug), by in moved.items()], [(sent or "ok", 1)])
        if is_call is not None:
            self.assertEqual("mqtt_bridge_calls_total" in next(iter(moved)),
                             (sent or "ok") in OUTCOMES, moved)
            self.assertEqual(line.group(3) is not None, is_call and slug is not None, line.string)
        return answer

    def test_the_wire_the_log_and_the_metrics_agree_on_every_refusal_of_every_path(self):
        for (path, is_call), (name, (rest, slug)) in itertools.product(
                PATHS.items(), REFUSALS.items()):
            with self.subTest(path=path, refusal=name):
                request = f"POST {path}{rest}".encode("latin-1")
                self.assert_agreed(lambda: send_raw(self.daemon.port, request), slug)  # noqa: B023

    def test_a_slash_percent_encoded_hides_no_refusal(self):
        """A caller who may not call was told that nothing is there."""
        for path in ("/transform%2Fuppercase", "/healthz%2F"):
            for name, (rest, slug) in REFUSALS.items():
                if slug:
                    with self.subTest(path=path, refusal=name):
                        answer = send_raw(self.daemon.port, f"POST {path}{rest}".encode("latin-1"))
                        self.assertEqual(slug_of(answer), slug)

    def test_what_is_refused_of_an_action_is_no_call_and_logged_with_it(self):
        for name in ("a stranger", "too much", "bad chunks", "an encoding", "a bad timeout"):
            rest, _ = REFUSALS[name]
            for path, is_call in PATHS.items():
                if path == "/healthz" and name == "a bad timeout":
                    continue  # it has no parameters
                with self.subTest(path=path, refusal=name):
                    request = f"POST {path}{rest}".encode("latin-1")
                    slug = slug_of(send_raw(self.daemon.port, request))
                    self.assert_agreed(
                        lambda: send_raw(self.daemon.port, request),  # noqa: B023
                        slug, is_call)

    def test_a_token_that_is_missing_is_told_before_what_is_there(self):
        token_file = self.world.folder / "token"
        token_file.write_text(TOKEN)
        daemon = self.world.daemon(self.broker, "--token-file", token_file, ready=False)
        for path in PATHS:
            with self.subTest(path=path):
                request = f"POST {path} HTTP/1.1\r\n{HOME}\r\n{TEXT}".encode()
                answer = self.assert_agreed(
                    lambda: send_raw(daemon.port, request),  # noqa: B023
                    "unauthorized", daemon=daemon, headers=BEARER)
                self.assertEqual(answer.headers.get_all("WWW-Authenticate"), ["Bearer"])

    def test_requests_that_do_not_arrive_are_told_logged_and_counted_alike(self):
        for path in (CALL, "/transform%2Fuppercase"):
            for rest in (" HTTP/1.1\r\nHo", f" HTTP/1.1\r\n{HOME}\r\nContent-Length: 3\r\n\r\na"):
                with self.subTest(path=path, rest=rest):
                    request = f"POST {path}{rest}".encode()
                    self.assert_agreed(lambda: self.send_a_part(request))  # noqa: B023

    def send_a_part(self, request):
        with socket.create_connection(("127.0.0.1", self.daemon.port), PATIENCE) as caller:
            caller.sendall(request)
            caller.shutdown(socket.SHUT_WR)
            return read_answer(caller)

    def test_calls_that_fail_are_told_logged_and_counted_alike(self):
        def ask(query=""):
            request = f"POST {CALL}{query} HTTP/1.1\r\n{HOME}\r\n{TEXT}".encode()
            return send_raw(self.daemon.port, request)

        self.assert_agreed(ask, "no-responder", True)
        with silent_service(self.broker):
            self.assert_agreed(lambda: ask("?timeout=50ms"), "response-timeout", True)
        for status in ("401", "405", "407", "422", "426"):
            with self.subTest(status=status), responder(
                    self.broker, answer_with(b"", ("status", status), ("error", "x"))):
                answer = self.assert_agreed(ask, "responder-error", True)
                self.assert_mandatory_fields(answer)

    def assert_mandatory_fields(self, answer):
        """RFC 9110 15.5.2, 15.5.6, 15.5.8 and 15.5.22."""
        wanted = {401: "WWW-Authenticate", 405: "Allow", 407: "Proxy-Authenticate", 426: "Upgrade"}
        if answer.status in wanted:
            self.assertTrue(answer.headers[wanted[answer.status]], answer)

    def test_a_refusal_that_could_not_be_sent_is_logged(self):
        """Its client has gone."""
        for rest in (" HTTP/1.1\r\nRequest-Id: gone-1\r\nHo",
                     f" HTTP/1.1\r\n{HOME}\r\nRequest-Id: gone-2\r\nContent-Length: 3\r\n\r\na"):
            count = sum(bool(re.search("malformed-request", line)) for line in self.daemon.lines)
            with socket.create_connection(("127.0.0.1", self.daemon.port), PATIENCE) as caller:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                caller.sendall(f"POST {CALL}{rest}".encode())
            eventually(lambda: sum(bool(re.search("malformed-request", line))
                                   for line in self.daemon.lines) > count, "it is logged")


if __name__ == "__main__":
    unittest.main()
