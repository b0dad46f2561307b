"""Callers that close their side of the connection while they wait. Most have gone; some only have
nothing more to send (`nc -N`)."""

import socket
import unittest

from harness import PATIENCE, Caller, SystemTest, eventually, read_answer
from mqtt_peer import Peer


class HangUps(SystemTest):
    def setUp(self):
        super().setUp()
        self.broker = self.world.broker()
        self.daemon = self.world.daemon(self.broker)

    def connect(self, where):
        if isinstance(where, int):
            return socket.create_connection(("127.0.0.1", where), PATIENCE)
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(PATIENCE)
        connected.connect(str(where))
        return connected

    def ask(self, where, text):
        connected = self.connect(where)
        connected.sendall(b"POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\n"
                          b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        return connected

    def without_a_broker(self):
        """The link is down; what is called now waits for it, for 2 s at most."""
        self.broker.stop()
        with Caller(self.daemon.port) as caller:
            eventually(lambda: caller.get("/readyz").status == 503,
                       "the daemon knows that the broker is gone")

    def test_what_was_not_published_yet_is_not_published_for_a_caller_that_has_gone(self):
        for where in (self.daemon.port, self.daemon.socket_path):
            with self.subTest(where=where):
                self.without_a_broker()
                before = sum("broker-unavailable" in line for line in list(self.daemon.lines))
                self.ask(where, b"gone").close()
                eventually(lambda: sum("broker-unavailable" in line
                                       for line in list(self.daemon.lines)) > before,
                           "the call of the caller that has gone has ended")
                self.broker = self.world.broker(self.broker.port)
                with Peer(self.broker, "alice/uppercase/request", lambda client, request:
                          client.publish("alice/uppercase/response", request.payload.upper(), 1)
                          ) as peer:
                    eventually(lambda: self.is_answered(b"there"), "the link is back")
                    texts = {peer.messages.get_nowait().payload
                             for _ in range(peer.messages.qsize())}
                self.assertEqual(texts, {b"there"})

    def is_answered(self, text):
        with Caller(self.daemon.port) as caller:
            answer = caller.transform("uppercase", text)
        self.assertIn(answer.status, (200, 503))
        return answer.status == 200

    def test_a_caller_that_has_nothing_more_to_send_gets_its_answer(self):
        with Peer(self.broker, "alice/uppercase/request", lambda client, request:
                  client.publish("alice/uppercase/response", request.payload.upper(), 1)):
            for where in (self.daemon.port, self.daemon.socket_path):
                with self.subTest(where=where), self.ask(where, b"hello") as connected:
                    connected.shutdown(socket.SHUT_WR)
                    answer = read_answer(connected)
                    self.assertEqual((answer.status, answer.text), (200, "HELLO"))

    def test_it_is_told_at_once_where_its_request_was_not_published(self):
        self.without_a_broker()
        with self.ask(self.daemon.port, b"hello") as connected:
            connected.shutdown(socket.SHUT_WR)
            answer = read_answer(connected)
        self.assertEqual(answer.status, 503)
        self.assertIn("the caller closed the connection before", answer.text)


if __name__ == "__main__":
    unittest.main()
