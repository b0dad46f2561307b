"""Whatever a broker says, however wrong: the daemon lives, says what it met, connects again, and
the next call is answered. A broker of our own, scripted_broker.py, plays what no broker may
say."""

import concurrent.futures
import json
import time
import unittest

from faulty_broker import RESPONSE_TOPIC, Bridge, FaultTest, status_and_error
from harness import PATIENCE, Caller
from scripted_broker import (
    AUTH, CONNACK, CONNECT, DISCONNECT, END, PINGREQ, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC,
    PUBREL, SILENCE, SUBACK, SUBSCRIBE, UNSUBACK, UNSUBSCRIBE, connack, correlation_data,
    disconnect, number, packet, prefixed, puback, publish, suback, user_property, variable)


def header(kind, length, flags=0):
    """A fixed header alone, that announces any length, encoded already or not."""
    encoded = variable(length) if isinstance(length, int) else length
    return bytes([kind << 4 | flags]) + encoded


def raw_publish(body, flags=0):
    return packet(PUBLISH, body, flags)


def response(*encoded, **keywords):
    """A PUBLISH to the daemon's response topic that answers no request."""
    return publish(RESPONSE_TOPIC, "ABC", *encoded, **keywords)


TOPIC = prefixed(RESPONSE_TOPIC)

# What a broker may not say to a client that is linked and has asked nothing, in MQTT 5.
UNASKED = {
    "CONNACK": connack(),
    "CONNACK, refusing": connack(0x87),
    "CONNECT": packet(CONNECT, prefixed("MQTT") + b"\x05\x02\x00\x3c\x00" + prefixed("a")),
    "CONNECT without a body": packet(CONNECT),
    "SUBSCRIBE": packet(SUBSCRIBE, b"\x00\x01\x00" + TOPIC + b"\x01", flags=2),
    "UNSUBSCRIBE": packet(UNSUBSCRIBE, b"\x00\x01\x00" + TOPIC, flags=2),
    "SUBACK for what was not asked": suback(0x7777, [1]),
    "SUBACK for packet 0": suback(0, [1]),
    "SUBACK without a body": packet(SUBACK),
    "SUBACK, only its id": packet(SUBACK, b"\x00\x01"),
    "SUBACK of one byte": packet(SUBACK, b"\x00"),
    "SUBACK, properties beyond its end": packet(SUBACK, b"\x00\x01\x7f\x01"),
    "SUBACK with a thousand codes": suback(0x7777, [1] * 1000),
    "UNSUBACK": packet(UNSUBACK, b"\x00\x01\x00\x00"),
    "UNSUBACK without a body": packet(UNSUBACK),
    "UNSUBACK, only its id": packet(UNSUBACK, b"\x77\x77"),
    "PUBACK": puback(0x7777),
    "PUBACK for packet 0": puback(0),
    "PUBACK without a body": packet(PUBACK),
    "PUBACK of one byte": packet(PUBACK, b"\x77"),
    "PUBACK with an undefined code": packet(PUBACK, b"\x77\x77\x55\x00"),
    "PUBACK, properties beyond its end": packet(PUBACK, b"\x77\x77\x00\x7f"),
    "PUBACK, property of another kind": packet(PUBACK, b"\x77\x77\x00\x03\x23\x00\x01"),
    "PUBREC": packet(PUBREC, b"\x77\x77"),
    "PUBREC without a body": packet(PUBREC),
    "PUBREL": packet(PUBREL, b"\x77\x77", flags=2),
    "PUBREL without a body": packet(PUBREL, flags=2),
    "PUBREL with wrong flags": packet(PUBREL, b"\x77\x77"),
    "PUBCOMP": packet(PUBCOMP, b"\x77\x77"),
    "PUBCOMP without a body": packet(PUBCOMP),
    "PUBCOMP, properties beyond its end": packet(PUBCOMP, b"\x77\x77\x00\x7f"),
    "PINGREQ": packet(PINGREQ),
    "PINGRESP": packet(PINGRESP),
    "PINGRESP with a body": packet(PINGRESP, b"abc"),
    "AUTH": packet(AUTH, b"\x18\x00"),
    "AUTH without a body": packet(AUTH),
    "packet type 0": packet(0, b"\x00\x01"),
    "packet type 0 without a body": packet(0),
    "PUBLISH of QoS 3": response(qos=3, packet_id=7),
    "PUBLISH of QoS 2": response(qos=2, packet_id=7),
    "PUBLISH of QoS 1 with packet id 0": response(qos=1, packet_id=0),
    "PUBLISH of QoS 0 that is a duplicate": raw_publish(TOPIC + b"\x00ABC", flags=8),
    "PUBLISH without a body": packet(PUBLISH),
    "PUBLISH of one byte": packet(PUBLISH, b"\x00"),
    "PUBLISH with a topic alone": raw_publish(TOPIC),
    "PUBLISH, topic beyond its end": raw_publish(b"\xff\xff" + RESPONSE_TOPIC.encode()),
    "PUBLISH of QoS 1 without a packet id": raw_publish(TOPIC, flags=2),
    "PUBLISH of QoS 1 with half a packet id": raw_publish(TOPIC + b"\x07", flags=2),
    "PUBLISH of QoS 1 without properties": raw_publish(TOPIC + b"\x00\x07", flags=2),
    "PUBLISH to no topic": publish("", "ABC"),
    "PUBLISH to a wildcard": publish("alice/+/response", "ABC"),
    "PUBLISH to everything": publish("#", "ABC"),
    "PUBLISH to a topic that is not UTF-8": publish(b"alice/\xff\xfe/response", "ABC"),
    "PUBLISH to a topic with a surrogate": publish(b"alice/\xed\xa0\x80/response", "ABC"),
    "PUBLISH to a topic with U+0000": publish("alice/upper\0case/response", "ABC"),
    "PUBLISH to a topic that begins so": publish("\0", "ABC"),
    "PUBLISH to a topic of 65535 bytes": publish("a" * 65535, "ABC"),
    "PUBLISH to a topic that nobody asked for": publish("bob/uppercase/response", "ABC"),
    "PUBLISH to a shared subscription": publish("$share/a/b", "ABC"),
    "PUBLISH to an alias that is not set": publish("", "ABC", b"\x23\x00\x01"),
    "PUBLISH that sets an alias": response(b"\x23\x00\x01"),
    "PUBLISH that sets the alias 0": response(b"\x23\x00\x00"),
    "unknown property": response(b"\x7f\x00"),
    "unknown property 0": response(b"\x00\x00"),
    "property with an id of two bytes": response(b"\x80\x01\x00"),
    "property with an id of five bytes": response(b"\xff\xff\xff\xff\x7f"),
    "property twice": response(b"\x01\x00", b"\x01\x00"),
    "correlation twice": response(correlation_data("a"), correlation_data("b")),
    "property of a CONNACK in a PUBLISH": response(b"\x21\x00\x01"),
    "property of a SUBSCRIBE, zero": response(b"\x0b\x00"),
    "property of five bytes": response(b"\x0b\xff\xff\xff\xff\x7f"),
    "property cut short, 1 byte": response(b"\x01"),
    "property cut short, 2 bytes": response(b"\x23\x00"),
    "property cut short, 4 bytes": response(b"\x02\x00\x00"),
    "property cut short, number": response(b"\x0b\x80"),
    "property cut short, no length": response(b"\x09"),
    "property cut short, half a length": response(b"\x09\x00"),
    "property cut short, data": response(b"\x09\xff\xffabc"),
    "property cut short, no value": response(b"\x26" + prefixed("name")),
    "property cut short, half a value": response(b"\x26" + prefixed("name") + b"\x00\x05ab"),
    "property length that is wrong": response(b"\x09\x00\x01"),
    "properties beyond the end": raw_publish(TOPIC + b"\x7f" + b"\x01\x00"),
    "properties far beyond the end": raw_publish(TOPIC + b"\xff\xff\xff\x7f" + b"\x01\x00"),
    "properties of a length of five bytes": raw_publish(TOPIC + b"\xff\xff\xff\xff\x7f\x01\x00"),
    "properties of a length that does not end": raw_publish(TOPIC + b"\x80"),
    "user property that is not UTF-8": response(user_property(b"\xff", b"\xfe\x00")),
    "user property without name and value": response(user_property("", "")),
    "user property of 65535 bytes": response(user_property("n" * 65535, "v" * 65535)),
    "a thousand user properties": response(*[user_property("n", "v")] * 1000),
    "content type that is not UTF-8": response(b"\x03" + prefixed(b"\xff")),
    "response topic with a wildcard": response(b"\x08" + prefixed("#")),
    "subscription identifier": response(b"\x0b\x01"),
    "correlation, empty": response(correlation_data("")),
    "correlation of 65535 bytes": response(correlation_data("c" * 65535)),
    "retained": response(retained=True),
    "an answer to nothing": response(),
    "birth that is no list": publish("mqtt-responder/x/status", b"\xff\0{[\"", retained=True),
    "DISCONNECT without a body": packet(DISCONNECT),
}

# Beginnings of packets; what they announce does not come.
CUT_SHORT = {
    "PUBLISH of 256 MB": header(PUBLISH, 0x0FFFFFFF),
    "PUBLISH of 256 MB, and its topic": header(PUBLISH, 0x0FFFFFFF) + TOPIC,
    "SUBACK of 256 MB": header(SUBACK, 0x0FFFFFFF) + b"\x00\x01",
    "PUBACK of 256 MB": header(PUBACK, 0x0FFFFFFF) + b"\x00\x01",
    "a length of five bytes": header(PUBLISH, b"\xff\xff\xff\xff\x01") + TOPIC,
    "a length of many bytes": header(PUBLISH, b"\xff" * 64),
    "half a length": header(PUBLISH, b"\xff"),
    "a packet type alone": b"\x30",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x46",
    "zeros": b"\0" * 4096,
    "ones": b"\xff" * 4096,
}


# What stands in the place of the CONNACK, in MQTT 5; the connection stays as it is.
BAD_CONNACKS = {
    "a code and a session": connack(0x87, flags=1),
    "without a body": packet(CONNACK),
    "of one byte": packet(CONNACK, b"\x00"),
    "as it was in MQTT 3.1.1, refusing": packet(CONNACK, b"\x00\x05"),
    "properties beyond its end": packet(CONNACK, b"\x00\x00\x7f\x21\x00\x01"),
    "unknown property": connack(0, b"\x7f\x00"),
    "property cut short": connack(0, b"\x12\xff\xffabc"),
    "property without a value": connack(0, b"\x21"),
}

# Odd, and yet a CONNACK: the daemon may take it or leave it.
ODD_CONNACKS = {
    "session that cannot be": connack(flags=1),
    "reserved flags": connack(flags=0xfe),
    "properties of a length that does not end": packet(CONNACK, b"\x00\x00\x80"),
    "as it was in MQTT 3.1.1": packet(CONNACK, b"\x00\x00"),
    "property twice": connack(0, b"\x21\x00\x01", b"\x21\x00\x02"),
    "property of a PUBLISH": connack(0, correlation_data("abc")),
    "Receive Maximum of 1": connack(0, b"\x21\x00\x01"),
    "Maximum QoS of 7": connack(0, b"\x24\x07"),
    "Maximum Packet Size of all": connack(0, b"\x27\xff\xff\xff\xff"),
    "Server Keep Alive of 0": connack(0, b"\x13\x00\x00"),
    "Server Keep Alive of 1": connack(0, b"\x13\x00\x01"),
    "Server Keep Alive of all": connack(0, b"\x13\xff\xff"),
    "Assigned Client Identifier that is not UTF-8": connack(0, b"\x12" + prefixed(b"\xff\0")),
    "Reason String of 65535 bytes": connack(0, b"\x1f" + prefixed("r" * 65535)),
    "a thousand user properties": connack(0, *[user_property("n", "v")] * 1000),
    "Server Reference to nowhere": connack(0, b"\x1c" + prefixed("\0")),
    "twice": connack() * 2,
    "after a SUBACK": suback(1, [1]) + connack(),
    "after a PUBLISH": publish(RESPONSE_TOPIC, "ABC") + connack(),
    "after a PUBACK": puback(1) + connack(),
    "after a PINGRESP": packet(PINGRESP) + connack(),
    "after a DISCONNECT": disconnect(0) + connack(),
    "before a SUBACK that nobody asked for": connack() + suback(1, []),
}

# CONNACK codes above 0 (MQTT 5.0 3.2.2.2), those of no meaning included. 0x84 is told apart: it is
# about the version.
REFUSALS = (*range(0x80, 0x84), *range(0x85, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C,
            0x9D, 0x9F, 6, 0x7F, 0x8B, 0x8D, 0x98, 0xA0, 0xFE, 0xFF)

# DISCONNECT codes (MQTT 5.0 3.14.2.1) likewise. 0x8E, the session taken over, has its own test.
DISCONNECTS = (0x00, 0x04, *range(0x80, 0x8E), *range(0x8F, 0xA3), 0x01, 0x7F, 0xA3, 0xFE, 0xFF)

# SUBACK codes that refuse (MQTT 5.0 3.9.3), that grant less or more, and undefined ones.
SUBSCRIPTION_REFUSALS = (0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2, 0xFF, 0x02,
                         0x03, 0x7F)

# What a PUBACK may refuse with (MQTT 5.0 3.4.2.1), and undefined ones.
PUBLISH_REFUSALS = (0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99, 0xA5, 0xFF)


class Answers:
    """What the responder says to the request of one call, by the name of what is odd about it."""

    def __init__(self, broker):
        self._broker = broker

    def __call__(self, *encoded, **keywords):
        return lambda request, _: self._broker.answer(request, *encoded, **keywords)

    def uncorrelated(self, *encoded, topic=RESPONSE_TOPIC, payload="ABC", **keywords):
        return lambda request, _: publish(topic, payload, *encoded, v5=request.v5, **keywords)

    def that_answer_the_call(self):
        mebibyte = b"A" * (1024 * 1024)
        return {
            "empty": (self(payload=""), b""),
            "of one mebibyte": (self(payload=mebibyte), mebibyte),
            "of four mebibytes": (self(payload=4 * mebibyte), 4 * mebibyte),
            "with U+0000 in it": (self(payload=b"A\0B"), b"A\0B"),
            "of QoS 0": (self(qos=0, packet_id=None), b"ABC"),
            "of QoS 2": (self(qos=2, packet_id=7), b"ABC"),
            "without correlation": (self.uncorrelated(), b"ABC"),
            "twice": (lambda request, good: good * 2, b"ABC"),
            "and another one": (
                lambda request, good: good + self._broker.answer(request, payload="other"), b"ABC"),
            "after one to another lane": (
                lambda request, good:
                    self._broker.answer(request, topic="alice/lowercase/response") + good, b"ABC"),
            "after one that is retained": (
                lambda request, good: self._broker.answer(request, retained=True) + good, b"ABC"),
            "after one with an unknown correlation": (
                lambda request, good: response(correlation_data("c" * 16)) + good, b"ABC"),
            "with an alias": (self(b"\x23\x00\x01"), b"ABC"),
            "with a content type that is not UTF-8": (self(b"\x03" + prefixed(b"\xff")), b"ABC"),
            "that lies about its format": (self(b"\x01\x07"), b"ABC"),
            "that has expired": (self(b"\x02\x00\x00\x00\x00"), b"ABC"),
            "with a user property that is not UTF-8": (self(user_property(b"\xff", b"\xfe")),
                                                       b"ABC"),
            "with a responder that is not UTF-8": (self(user_property("responder", b"\xff\xfe")),
                                                   b"ABC"),
            "with a responder that ends the line": (
                self(user_property("responder", "a\r\nb: c\r\n")), b"ABC"),
            "with a responder of 65535 bytes": (self(user_property("responder", "r" * 65535)),
                                                b"ABC"),
        }

    def that_are_problems(self):
        ours_cut_short = lambda request, _: response(correlation_data(request.correlation[:-1]))
        return {
            "too large to be looked at": (self(payload="A" * (5 * 1024 * 1024)), 504,
                                          "response-timeout"),
            "one byte too long": (self(payload="A" * (4 * 1024 * 1024 + 1)), 502, "bad-response"),
            "not UTF-8": (self(payload=b"AB\xff"), 502, "bad-response"),
            "half a character": (self(payload=b"AB\xc3"), 502, "bad-response"),
            "a surrogate": (self(payload=b"\xed\xa0\x80"), 502, "bad-response"),
            "status 422": (self(*status_and_error("422")), 422, "responder-error"),
            "status and no error": (self(user_property("status", "400")), 400, "responder-error"),
            "error that is not UTF-8": (self(*status_and_error("422", b"\xff")), 422,
                                        "responder-error"),
            "error of 65535 bytes": (self(*status_and_error("422", "e" * 65535)), 422,
                                     "responder-error"),
            "error with U+0000": (self(*status_and_error("422", "a\0b")), 422, "responder-error"),
            "status twice": (self(*status_and_error("422"), *status_and_error("423")), 423,
                             "responder-error"),
        } | {
            f"status {status!r}": (self(*status_and_error(status)), 502, "responder-error")
            for status in ("", "0", "-1", "+422", " 422", "422 ", "4220", "042", "42", "200", "399",
                           "600", "abc", "4e2", "٤٢٢", "4\x002", b"\xff\xfe\xff",
                           "9" * 20, "9" * 65535)
        } | {
            "nothing": (b"", 504, "response-timeout"),
            "retained": (self(retained=True), 504, "response-timeout"),
            "ours, to another lane": (self(topic="alice/lowercase/response"), 504,
                                      "response-timeout"),
            "ours, to another NetID": (self(topic="bob/uppercase/response"), 504,
                                       "response-timeout"),
            "ours, to its own request": (self(topic="alice/uppercase/request"), 504,
                                         "response-timeout"),
            "ours, cut short": (ours_cut_short, 504, "response-timeout"),
            "correlation, empty": (self.uncorrelated(correlation_data("")), 504,
                                   "response-timeout"),
            "correlation of 65535 bytes": (self.uncorrelated(correlation_data("c" * 65535)), 504,
                                           "response-timeout"),
            "of something else": (self.uncorrelated(payload="SOMETHING ELSE"), 502,
                                  "unmatched-response"),
            "error without correlation": (self.uncorrelated(*status_and_error("422")), 502,
                                          "unmatched-response"),
        }


class WhileConnecting(FaultTest):
    """Each of these daemons is new, and meets its fault first of all."""

    def play(self, stage, data, then=None, words="no link to"):
        self.bridge.renew(ready=False, play=[(stage, data, then)])
        self.bridge.wait_for_link()
        self.assertTrue(self.bridge.broker.is_played())
        if words:
            self.assertIn(words, self.bridge.wait_for_loss(), self.bridge.daemon.log())

    def test_a_connection_that_is_closed_at_once(self):
        with self.fault():
            self.play("accept", b"", then=END, words="closed the connection")

    def test_a_connack_that_is_cut_short(self):
        for size in range(len(connack())):
            with self.fault(size=size):
                self.play("connack", connack()[:size], then=END, words="closed the connection")

    def test_a_suback_that_is_cut_short(self):
        def cut(size):
            return lambda _, good: good[:size]
        for size in range(12):
            with self.fault(size=size):
                self.play("suback", cut(size), then=END, words="the connection broke")

    def test_a_packet_that_is_cut_short_in_place_of_the_connack(self):
        for name, data in CUT_SHORT.items():
            with self.fault(name=name):
                self.play("connack", data, then=END)

    def test_a_packet_that_is_cut_short_in_place_of_the_suback(self):
        for name, data in CUT_SHORT.items():
            with self.fault(name=name):
                self.play("suback", data, then=END)

    def test_a_packet_that_comes_before_the_client_said_a_word(self):
        for data in (connack(), suback(1, [1]), response(), disconnect(0), b"\0" * 64):
            with self.fault(data=data):
                self.play("accept", data, then=END)

    def test_each_refusal(self):
        for code in REFUSALS:
            with self.fault(code=hex(code)):
                self.play("connack", connack(code), words="the broker refused the connection: ")

    def test_each_refusal_in_version_3(self):
        self.bridge = Bridge(self.world, "3.1.1")
        for code in (1, 2, 3, 4, 5, 6, 0x7F, 0x80, 0xFF):  # MQTT 3.1.1 3.2.2.3, and undefined ones
            with self.fault(code=hex(code)):
                self.play("connack", connack(code, v5=False),
                          words="the broker refused the connection: ")

    def test_a_handshake_that_is_cut_short_in_version_3(self):
        def cut(size):
            return lambda _, good: good[:size]
        self.bridge = Bridge(self.world, "3.1.1")
        for stage, whole in (("connack", 4), ("suback", 10)):
            for size in range(whole):
                with self.fault(stage=stage, size=size):
                    self.play(stage, cut(size), END)

    def test_a_refusal_of_the_version_alone(self):
        with self.fault():
            self.play("connack", connack(0x84), words="the broker refused the connection: ")

    def test_a_bad_connack(self):
        for name, data in BAD_CONNACKS.items():
            with self.fault(name=name):
                self.play("connack", data)

    def test_something_else_in_place_of_the_connack(self):
        for name, data in UNASKED.items():
            if not name.startswith(("CONNACK", "propert", "PUBLISH to")):  # alike, where it waits
                with self.fault(name=name):
                    self.play("connack", data, then=END)

    def test_an_odd_connack(self):
        for name, data in ODD_CONNACKS.items():
            with self.fault(name=name):
                self.play("connack", data, words="")

    def test_something_unasked_in_place_of_the_suback(self):
        for name, data in UNASKED.items():
            with self.fault(name=name):
                self.play("suback", data, then=END)


class Linked(FaultTest):
    def tell(self, data, then=None):
        """Says this on the link; the daemon either keeps that link, or says that it is gone."""
        connection = self.link()
        bridge, broker = self.bridge, self.bridge.broker
        links = len(broker.links)
        marker = broker.next_packet_id()
        connection.send(data)
        if then:
            then(connection)
        else:
            connection.send(publish(RESPONSE_TOPIC, "", correlation_data("marker"), qos=1,
                                    packet_id=marker, v5=self.protocol == "5"))
        if not connection.wait_for_acknowledgement(marker, PATIENCE):
            # A text that comes again and again is left out for a while.
            bridge.wait_until(bridge.losses, "it says that it is gone")
            bridge.wait_for_link(links)


class WhileLinked(Linked):
    def test_something_unasked(self):
        for name, data in UNASKED.items():
            with self.fault(name=name):
                self.tell(data)

    def test_a_packet_that_is_cut_short(self):
        for name, data in (UNASKED | CUT_SHORT).items():
            with self.fault(name=name):
                self.tell(data if name in CUT_SHORT else data[:-1], then=END)


class WhileLinkedInVersion3(WhileLinked):
    """The same bytes, which mean something else there, or nothing."""

    protocol = "3.1.1"


class Disconnects(Linked):
    def test_each_disconnect(self):
        for code in DISCONNECTS:
            with self.fault(code=hex(code)):
                self.tell(disconnect(code), then=END)
                self.assertIn("the broker disconnected us: ", self.bridge.losses()[-1])

    def test_a_bad_disconnect(self):
        for data in (packet(DISCONNECT), packet(DISCONNECT, b"\x81"),
                     packet(DISCONNECT, b"\x81\x7f"), packet(DISCONNECT, b"\x81\x80"),
                     packet(DISCONNECT, b"\x00\x03\x21\x00\x01"), packet(DISCONNECT, b"\xff" * 999),
                     packet(DISCONNECT, b"\x00\x00", flags=15), disconnect(0) + response(),
                     disconnect(0x81, b"\x1f" + prefixed(b"\xff" * 65535)), disconnect(0) * 3):
            with self.fault(data=data[:40]):
                self.tell(data, then=END)


class DuringACall(FaultTest):
    """The broker forgets the daemon with each connection, and so the daemon asks again at once."""

    def setUp(self):
        super().setUp()
        self.bridge = Bridge(self.world, self.protocol)

    def call_while(self, *plays, then_call=None, **keywords):
        """The answer to a call for which the broker plays this."""
        self.link()
        for arguments in plays:
            self.bridge.broker.play(*arguments)
        return self.bridge.call(**keywords)

    def assert_answered(self, answer, body=b"ABC"):
        self.assertEqual((answer.status, answer.body[:100]), (200, body[:100]),
                         self.bridge.daemon.log())
        self.assertEqual(len(answer.body), len(body))

    def test_an_odd_answer_that_answers_the_call(self):
        for name in Answers(None).that_answer_the_call():
            for headers in ({}, {"Accept": "application/json"}):
                with self.fault(name=name, headers=headers):
                    self.link()
                    data, body = Answers(self.bridge.broker).that_answer_the_call()[name]
                    answer = self.call_while(("answer", data), headers=headers)
                    if headers:
                        self.assertEqual(answer.status, 200, answer)
                        self.assertIn(body.decode(), json.loads(answer.body).values())
                    else:
                        self.assert_answered(answer, body)

    def test_an_answer_that_is_a_problem(self):
        for name in Answers(None).that_are_problems():
            with self.fault(name=name):
                self.link()
                data, status, slug = Answers(self.bridge.broker).that_are_problems()[name]
                waits = slug in ("response-timeout", "unmatched-response")
                plays = [("answer", data)] * (5 if waits else 1)  # it may ask again
                answer = self.call_while(*plays, timeout="200ms" if waits else "20s")
                self.bridge.broker.forget()
                self.assert_problem(answer, status, slug)

    def test_an_answer_that_is_cut_short_comes_whole_on_the_next_connection(self):
        def cut(size):
            return lambda _, good: good[:size]
        for size in range(0, 60, 3):
            with self.fault(size=size):
                self.assert_answered(self.call_while(("answer", cut(size), END)))

    def test_a_puback_that_is_cut_short_is_repeated_on_the_next_connection(self):
        for size in range(4):
            with self.fault(size=size):
                self.assert_answered(
                    self.call_while(("puback", lambda _, good, size=size: good[:size], END)))

    def test_something_unasked_before_the_puback_and_before_the_answer(self):
        def before(data):
            return lambda _, good: data + good
        for stage in ("puback", "answer"):
            for name, data in UNASKED.items():
                with self.fault(stage=stage, name=name):
                    self.assert_answered(self.call_while((stage, before(data))))

    def test_a_packet_that_is_cut_short_in_place_of_the_answer(self):
        for name, data in CUT_SHORT.items():
            with self.fault(name=name):
                self.assert_answered(self.call_while(("answer", data, END)))

    def test_what_follows_a_malformed_packet_is_never_read(self):
        """Not on the next connection either, though it came in one piece with that packet."""
        def malformed(request, _):
            wrong = self.bridge.broker.answer(request, payload="WRONG")
            return UNASKED["properties far beyond the end"] + wrong * 20
        for number_of_call in range(10):
            with self.fault(number_of_call=number_of_call):
                self.assert_answered(self.call_while(("answer", malformed)))

    def test_each_disconnect_in_place_of_the_answer(self):
        for code in DISCONNECTS:
            with self.fault(code=hex(code)):
                self.assert_answered(self.call_while(("answer", disconnect(code), END)))

    def test_acknowledgements_in_the_wrong_order_or_number(self):
        def packet_of(kind, flags=0):
            return lambda request, _: packet(kind, number(request.packet_id, 2), flags)
        plays = {
            "PUBACK twice": [("puback", lambda _, good: good * 2)],
            "PUBACK after the answer": [("puback", b""), (
                "answer", lambda request, good: good + puback(request.packet_id))],
            "PUBACK for another id before it": [
                ("puback", lambda request, good: puback(request.packet_id ^ 0x4000) + good)],
            "PUBCOMP in its place": [("puback", packet_of(PUBCOMP))],
            "PUBCOMP before it": [
                ("puback", lambda request, good: packet_of(PUBCOMP)(request, good) + good)],
            "PUBREC before it": [
                ("puback", lambda request, good: packet_of(PUBREC)(request, good) + good)],
            "PUBREC after it": [
                ("puback", lambda request, good: good + packet_of(PUBREC)(request, good))],
            "PUBREL after it": [
                ("puback", lambda request, good: good + packet_of(PUBREL, 2)(request, good))],
            "SUBACK with its id": [
                ("puback", lambda request, good: good + suback(request.packet_id, [0x80]))],
        }
        for name, played in plays.items():
            with self.fault(name=name):
                self.assert_answered(self.call_while(*played))

    def test_each_refusal_of_the_request(self):
        def refuse(code):
            return lambda request, _: packet(
                PUBACK, number(request.packet_id, 2) + bytes([code, 0]))
        for code in PUBLISH_REFUSALS:
            with self.fault(code=hex(code)):
                answer = self.call_while(("puback", refuse(code)), ("answer", b""))
                is_quota = code == 0x97
                self.assert_problem(answer, 503 if is_quota else 502,
                                    "overloaded" if is_quota else "broker-refused",
                                    "refused the request")

    def test_a_broker_that_falsely_claims_to_remember(self):
        with self.fault():
            self.assert_answered(self.call_while(("answer", b"", END),
                                                 ("connack", connack(flags=1))))


class Refusals(FaultTest):
    def test_a_refused_subscription_leaves_the_link_up_and_is_named(self):
        self.assert_a_refused_subscription_is_named("5", SUBSCRIPTION_REFUSALS)

    def test_a_refused_subscription_leaves_the_link_up_and_is_named_in_version_3(self):
        self.assert_a_refused_subscription_is_named("3.1.1", (0x80, 0x02, 0x03, 0x7F, 0xFF))

    def assert_a_refused_subscription_is_named(self, protocol, codes):
        """The other actions are served; this one gets 503 at once."""
        def refuse(code):
            def answer(request, good):
                self.assertEqual(request.filters, [RESPONSE_TOPIC])  # the first it asks for
                return suback(request.packet_id, [code], v5=request.v5)
            return answer
        self.bridge = Bridge(self.world, protocol)
        for code in codes:
            with self.fault(code=hex(code)):
                self.bridge.renew(ready=False, play=[("suback", refuse(code))])
                self.assert_linked_without("uppercase")
                answer = self.bridge.call("lowercase", "1")
                self.assertEqual((answer.status, answer.body), (200, b"1"))
                self.bridge.broker.connections[-1].cut()  # the next one grants it
                self.bridge.wait_for_link()

    def assert_linked_without(self, action):
        topic = f"alice/{action}/response"
        self.bridge.wait_until(
            lambda: any("linked to" in line for line in self.bridge.daemon.lines), "a link")
        with Caller(self.bridge.daemon.port) as caller:
            ready = caller.get("/readyz")
        self.assertEqual(ready.status, 503)
        self.assertIn("the broker refused the subscription to", ready.text)
        self.bridge.daemon.wait_for_line(f"refused the subscription to {topic}")
        self.assert_problem(self.bridge.call(action), 503, "broker-unavailable", topic)

    def test_a_suback_without_codes_is_no_suback(self):
        with self.fault():
            self.bridge.renew(ready=False, play=[
                ("suback", lambda request, _: suback(request.packet_id, []))])
            self.bridge.wait_for_link()
            self.bridge.wait_for_loss()

    def test_a_suback_with_too_few_or_too_many_codes_is_survived(self):
        for protocol in ("5", "3.1.1"):
            self.bridge = Bridge(self.world, protocol)
            for count in (0, 2, 6, 100, 5000):
                with self.fault(protocol=protocol, count=count):
                    codes = [1] * count
                    self.bridge.renew(ready=False, play=[
                        ("suback", lambda request, _: suback(request.packet_id, codes,
                                                             v5=request.v5))])
                    self.bridge.wait_until(self.bridge.broker.is_played, "it has asked")
                    self.bridge.wait_until(
                        lambda: any(" link" in line for line in self.bridge.daemon.lines),
                        "it says what came of it")
                    self.bridge.broker.connections[-1].cut()
                    self.bridge.wait_for_link()

    def test_a_broker_that_refuses_version_5_or_closes_on_it_is_linked_to_with_version_3(self):
        for plays in ([("connack", connack(0x84))], [("connack", packet(CONNACK, b"\x00\x01"))],
                      [("connack", b"", END)] * 3, [("accept", b"", END)] * 3):
            with self.subTest(plays=plays):
                self.bridge = Bridge(self.world, "auto")
                self.bridge.renew(ready=False, play=plays)
                version = self.bridge.daemon.wait_for_line("linked to .* with MQTT (.*)").group(1)
                # On a machine under load the one attempt in 3.1.1 has been seen to break, too; then
                # it is back to 5, and this broker takes that by now.
                tried = any(line.endswith("does it want TLS (mqtts://)?")
                            for line in self.bridge.daemon.lines)
                self.assertEqual(version, "5" if tried else "3.1.1")
                self.assert_next_call_succeeds(self.bridge)
                self.bridge.retire()

    def test_a_broker_that_refuses_both_versions_is_asked_again_with_each(self):
        self.bridge = Bridge(self.world, "auto")
        self.bridge.renew(ready=False, play=[("connack", connack(0x84)),
                                             ("connack", connack(1, v5=False))] * 2)
        self.bridge.wait_for_link()
        self.assert_next_call_succeeds(self.bridge)
        self.bridge.retire()

    def test_a_maximum_packet_size_of_zero_is_none(self):
        """It is a protocol error (MQTT 5.0 3.2.2.3.6), and no reason to refuse every call."""
        with self.fault():
            self.bridge.renew(play=[("connack", connack(0, b"\x27\x00\x00\x00\x00"))])

    def test_a_receive_maximum_of_zero_is_no_connection(self):
        with self.fault():
            self.bridge.renew(play=[("connack", connack(0, b"\x21\x00\x00"))])
            self.assertIn("Receive Maximum", self.bridge.wait_for_loss())

    def test_a_session_taken_over_is_not_taken_back_at_once(self):
        self.bridge.renew()
        connection = self.bridge.wait_for_link()
        connection.send(disconnect(0x8E))
        self.assertTrue(connection.has_ended.wait(PATIENCE))
        ended = time.monotonic()
        self.bridge.daemon.wait_for_line("another client uses our client id")
        self.bridge.wait_for_link(after=1)
        self.assertGreater(time.monotonic() - ended, 4.9)
        self.assert_next_call_succeeds(self.bridge)
        self.bridge.retire()


# Ways to stop saying what is owed, or anything, by when it happens.
SILENT_WHILE_CONNECTING = {
    "no CONNACK": [("connack", b"", SILENCE)],
    "half a CONNACK": [("connack", connack()[:3], SILENCE)],
    "another packet in place of the CONNACK": [("connack", puback(1), SILENCE)],
    "no SUBACK": [("suback", b"", SILENCE)],
    "half a SUBACK": [("suback", lambda _, good: good[:4], SILENCE)],
    "a SUBACK with another id": [("suback", suback(0x7777, [1] * 6))],
}
SILENT_DURING_A_CALL = {
    "no word": [("puback", b"", SILENCE)],
    "no word after the PUBACK": [("answer", b"", SILENCE)],
    "half a PUBACK": [("puback", lambda _, good: good[:2], SILENCE)],
    "half an answer": [("answer", lambda _, good: good[:30], SILENCE)],
    "the beginning of 256 MB": [("answer", header(PUBLISH, 0x0FFFFFFF) + TOPIC, SILENCE)],
    "no PUBACK, and no answer": [("puback", b""), ("answer", b"")],
    "a PUBACK with another id": [
        ("puback", lambda request, _: puback(request.packet_id ^ 0x4000)), ("answer", b"")],
    "PUBREC in place of PUBACK": [
        ("puback", lambda request, _: packet(PUBREC, number(request.packet_id, 2))),
        ("answer", b"")],
}


class Silence(FaultTest):
    """The brokers that stop talking do so side by side, since each takes its time to be noticed."""

    def side_by_side(self, table, ready, check):
        bridges = {name: Bridge(self.world, self.protocol) for name in table}
        for name, plays in table.items():
            bridges[name].renew(ready, () if ready else plays)
        with concurrent.futures.ThreadPoolExecutor(len(table)) as pool:
            checks = {name: pool.submit(check, bridges[name], table[name]) for name in table}
        for name, checked in checks.items():
            with self.subTest(name=name):
                checked.result()
                self.assert_next_call_succeeds(bridges[name])
                bridges[name].retire()

    def test_a_broker_that_says_nothing_while_connecting_is_left_for_a_new_connection(self):
        def check(bridge, _):
            bridge.wait_for_link()
            self.assertIn("does not answer", bridge.wait_for_loss())
        self.side_by_side(SILENT_WHILE_CONNECTING, False, check)

    def test_a_broker_that_says_nothing_during_a_call_is_left_and_the_call_answered(self):
        def check(bridge, plays):
            bridge.wait_for_link()
            for arguments in plays:
                bridge.broker.play(*arguments)
            began = time.monotonic()
            answer = bridge.call()
            self.assertEqual((answer.status, answer.body), (200, b"ABC"), bridge.daemon.log())
            self.assertLess(time.monotonic() - began, 8)
            self.assertIn("does not answer", bridge.wait_for_loss())
        self.side_by_side(SILENT_DURING_A_CALL, True, check)

    def test_an_answer_without_a_puback_is_an_answer(self):
        self.bridge.renew()
        self.bridge.broker.play("puback", b"")
        answer = self.bridge.call()
        self.assertEqual((answer.status, answer.body), (200, b"ABC"))
        self.bridge.wait_for_link(after=1)  # what it owes is missed nevertheless
        self.assert_next_call_succeeds(self.bridge)
        self.bridge.retire()


if __name__ == "__main__":
    unittest.main()
