"""The daemon has one loop, so that what takes long for one caller keeps all others waiting. Here
its loop is watched (loop_watch.cpp) while everything comes that could hold it: no turn of it may
take longer than 20 ms of CPU time. What came and what it cost is printed."""

import contextlib
import functools
import json
import mmap
import os
import pathlib
import signal
import socket
import struct
import tempfile
import unittest

import paho.mqtt.client as mqtt

from faults import say
from harness import BUILD, Caller, SystemTest, environment, eventually
from hostile import Memory, allow_descriptors, percentile
from load import Load
from mqtt_peer import CALLBACKS, Peer, silent_service
from scripted_broker import ScriptedBroker, correlation_data, publish, user_property

MIB = 1024 * 1024
AT_ONCE = "max_queued_messages 0\nmax_inflight_messages 0"  # mosquitto: without a limit
LONGEST = 20.0  # milliseconds of CPU time in one turn of the loop
GROWTH = 16 * 1024  # KiB, above what the daemon holds when it has nothing to do


class LoopWatch:
    """What loop_watch.cpp tells of one daemon."""

    def __init__(self, folder):
        path = pathlib.Path(tempfile.mkdtemp(dir=folder)) / "loop-watch"
        path.write_bytes(bytes(8))
        with open(path, "r+b") as file:
            self._number = mmap.mmap(file.fileno(), 8)
        self.environment = environment(LD_PRELOAD=os.fspath(BUILD / "tests" / "libloop_watch.so"),
                                       LOOP_WATCH=os.fspath(path))

    def longest(self):
        """The longest turn since it was last asked, in milliseconds."""
        nanoseconds = struct.unpack("q", self._number[:8])[0]
        self._number[:8] = bytes(8)
        return nanoseconds / 1e6


def best_of_three(test):
    """CPU time grows when other programs share the core and its caches. What is really long is so
    each time."""
    @functools.wraps(test)
    def repeated(self):
        for _ in range(2):
            try:
                return test(self)
            except TooLong as too_long:
                print(f"once more: {too_long}")
        return test(self)
    return repeated


class TooLong(AssertionError):
    pass


class LoopTest(SystemTest):
    def watched_daemon(self, broker, *options, **keywords):
        self.watch = LoopWatch(self.world.folder)
        daemon = self.world.daemon(broker, *options, env=self.watch.environment, **keywords)
        with Caller(daemon.port) as caller:
            caller.transform("uppercase", "warm", timeout="100ms")
        self.assertGreater(self.watch.longest(), 0, "loop_watch is not in the daemon")
        self.idle = Memory.of(daemon)
        return daemon

    def assert_loop_is_free(self, daemon, what):
        with Caller(daemon.port) as caller:  # when this is answered all before it has come
            self.assertEqual(caller.get("/healthz").status, 200)
        longest = self.watch.longest()
        grown = Memory.of(daemon) - self.idle
        say(what, f"at most {longest:.1f} ms of the loop at once, memory {grown.peak:+} KiB")
        if longest > LONGEST:
            raise TooLong(f"{what}: {longest:.1f} ms of the loop at once")


def ready(daemon):
    with Caller(daemon.port) as caller:
        return caller.get("/readyz").status == 200


@contextlib.contextmanager
def waiting_calls(daemon, action, texts, in_flight=True):
    """The callers of calls whose answers are not read; once they are in flight, or were sent."""
    with contextlib.ExitStack() as stack:
        callers = [stack.enter_context(Caller(daemon.port)) for _ in texts]
        for caller, text in zip(callers, texts):
            caller.connection.request("POST", f"/transform/{action}?timeout=8s",
                                      text.encode())
        if in_flight:
            with Caller(daemon.port) as other:
                eventually(lambda: f"mqtt_bridge_calls_in_flight {len(texts)}\n" in
                           other.get("/metrics").text, "the calls wait")
        yield callers


class WhatTheBrokerSends(LoopTest):
    def huge_answer(self, protocol, text):
        """A service answers with 60 MB."""
        with ScriptedBroker() as broker:
            daemon = self.watched_daemon(broker.url, "--protocol", protocol)
            huge = text.encode() * (60_000_000 // len(text.encode()))
            broker.play("answer", lambda request, good: broker.answer(request, payload=huge))
            with Caller(daemon.port) as caller:
                answer = caller.transform("title-case", "x", timeout="3s")
            self.assertEqual(answer.status, 504)
            self.assert_loop_is_free(daemon, f"an answer of 60 MB of {text!r} in MQTT {protocol}")
            self.assertLess((Memory.of(daemon) - self.idle).peak, GROWTH)
            with Caller(daemon.port) as caller:
                self.assertEqual(caller.transform("uppercase", "abc").text, "ABC")
                self.assertIn('mqtt_bridge_dropped_responses_total{reason="too-large"} 1',
                              caller.get("/metrics").text)

    @best_of_three
    def test_an_answer_of_60_mb_harms_nobody_in_mqtt_5(self):
        self.huge_answer("5", "é")

    @best_of_three
    def test_an_answer_of_60_mb_harms_nobody_in_mqtt_3(self):
        self.huge_answer("3.1.1", "é")

    @best_of_three
    def test_a_message_of_properties_harms_nobody(self):
        """One of 4.8 MB held 854 MiB, and the library for 5 s."""
        with ScriptedBroker() as broker:
            daemon = self.watched_daemon(broker.url)
            smallest = user_property("", "")  # the worst of each byte
            broker.play("answer", lambda request, good: 20 * publish(
                request.topic.removesuffix("/request") + "/response", b"ABC",
                correlation_data(b"no call's") + 13_500 * smallest) + broker.answer(
                    request, smallest * (4_800_000 // len(smallest))))
            with Caller(daemon.port) as caller:
                self.assertEqual(caller.transform("uppercase", "x", timeout="3s").status, 504)
                self.assertEqual(caller.transform("uppercase", "abc").text, "ABC")
                self.assertIn('mqtt_bridge_dropped_responses_total{reason="too-large"} 1',
                              caller.get("/metrics").text)
            self.assert_loop_is_free(daemon, "a message of 4.8 MB of properties")
            self.assertLess((Memory.of(daemon) - self.idle).peak, GROWTH)

    @best_of_three
    def test_many_messages_as_large_as_can_be_harm_nobody(self):
        with ScriptedBroker() as broker:
            daemon = self.watched_daemon(broker.url)
            large = "é".encode() * 2_450_000
            broker.play("answer", lambda request, good: 20 * publish(
                request.topic.removesuffix("/request") + "/response", large,
                correlation_data(b"no call's")))
            with Caller(daemon.port) as caller:
                self.assertEqual(caller.transform("uppercase", "x", timeout="3s").status, 504)
                self.assertEqual(caller.transform("uppercase", "abc").text, "ABC")
            self.assert_loop_is_free(daemon, "20 messages of 4.9 MB")
            self.assertLess((Memory.of(daemon) - self.idle).peak, GROWTH)

    def answers_near_a_large_call(self, protocol):
        """They might all be the answer, and none is; each would be folded to see that."""
        broker = self.world.broker(config="max_packet_size 8388608")
        daemon = self.watched_daemon(broker, "--protocol", protocol)
        text = "Éa ß " * (MIB // 8)
        with silent_service(broker), Peer(broker, "none") as stranger, \
                waiting_calls(daemon, "title-case", [text]):
            for number in range(40):
                stranger.publish("alice/title-case/response", text[:-7] + f"{number:07}")
            for number in range(40):
                stranger.publish("alice/title-case/response",
                                 text.title().replace("Ss", "SS") + str(number))
            self.assert_loop_is_free(
                daemon, f"80 responses of 1 MB near a call as large in MQTT {protocol}")

    @best_of_three
    def test_responses_that_are_nearly_right_harm_nobody_in_mqtt_5(self):
        self.answers_near_a_large_call("5")

    @best_of_three
    def test_responses_that_are_nearly_right_harm_nobody_in_mqtt_3(self):
        self.answers_near_a_large_call("3.1.1")

    @best_of_three
    def test_many_small_responses_that_nobody_waits_for_harm_nobody(self):
        broker = self.world.broker(config=AT_ONCE)
        daemon = self.watched_daemon(broker)
        with Peer(broker, "none") as stranger:
            for action in ("uppercase", "shuffle", "title-case"):
                for number in range(10_000):
                    stranger._client.publish(f"alice/{action}/response", f"nothing {number}", qos=0)
                stranger.publish(f"alice/{action}/response", "the last one")
        self.assert_loop_is_free(daemon, "30,000 responses that nobody waits for")

    @best_of_three
    def test_many_calls_that_end_at_the_same_instant_harm_nobody(self):
        allow_descriptors(self, 6_000)
        broker = self.world.broker()
        daemon = self.watched_daemon(broker)
        broker.kill()  # all get 503 when the link has been down for 2 s
        with waiting_calls(daemon, "uppercase", ["abc"] * 2_000, False) as callers:
            for caller in callers:
                self.assertEqual(caller.connection.getresponse().status, 503)
            self.assert_loop_is_free(daemon, "2,000 calls that end at the same instant")

    @best_of_three
    def test_many_calls_that_wait_harm_nobody(self):
        """A response is looked for among all that wait."""
        broker = self.world.broker(config=AT_ONCE)
        daemon = self.watched_daemon(broker, "--protocol", "3.1.1")
        texts = ["abcdefghij" * 100 + str(number) for number in range(500)]
        with silent_service(broker), Peer(broker, "none") as stranger, \
                waiting_calls(daemon, "shuffle", texts):
            for number in range(300):
                stranger.publish("alice/shuffle/response", "jihgfedcba" * 100 + f"x{number}")
            self.assert_loop_is_free(daemon, "300 responses to none of 500 calls that wait")


class WhatCallersSend(LoopTest):
    def large_answers(self, headers):
        with ScriptedBroker() as broker:
            daemon = self.watched_daemon(broker.url)
            for text in ("\x01", "é", '"\\', "a"):
                answer = text.encode() * (4 * MIB // len(text.encode()))
                broker.play("answer",
                            lambda request, _, answer=answer: broker.answer(request, payload=answer))
                with Caller(daemon.port) as caller:
                    got = caller.transform("reverse", "a" * MIB, headers)
                self.assertEqual(got.status, 200)
                if headers:
                    self.assertEqual(json.loads(got.body)["response"].encode(), answer)
                else:
                    self.assertEqual(got.body, answer)
            self.assert_loop_is_free(daemon, f"calls of 1 MiB, answers of 4 MiB {headers}")

    @best_of_three
    def test_answers_as_large_as_can_be_harm_nobody(self):
        self.large_answers({})

    @best_of_three
    def test_answers_as_large_as_can_be_harm_nobody_in_json(self):
        self.large_answers({"Accept": "application/json"})

    @best_of_three
    def test_one_who_breaks_the_connection_again_and_again_harms_nobody(self):
        broker = self.world.broker(config="max_packet_size 2000")
        self.world.responder(broker)
        daemon = self.watched_daemon(broker, "--protocol", "3.1.1")
        with Caller(daemon.port) as poisoner, Load(daemon.port, rate=100) as load:
            for _ in range(5):
                self.assertIn(poisoner.transform("reverse", "x" * 3000).status, (502, 503))
            load.wait_for_calls(50)
        self.assertEqual(load.failed, [])
        self.assert_loop_is_free(daemon, "a caller who breaks the connection")

    @best_of_three
    def test_netids_that_come_and_go_harm_nobody(self):
        many, none = ("netids = " + json.dumps(netids)
                      for netids in ([f"class-{n}" for n in range(10_000)], []))
        broker = self.world.broker()
        self.world.responder(broker)
        config = self.world.folder / "netids.toml"
        config.write_text(many)
        daemon = self.watched_daemon(broker, "--config", config, ready=False)
        eventually(lambda: ready(daemon), "all is subscribed to")
        self.assert_loop_is_free(daemon, "10,000 NetIDs at the start")
        for number, (netids, what) in enumerate(((none, "go"), (many, "come"), (none, "go again"))):
            config.write_text(netids)
            os.kill(daemon.pid, signal.SIGHUP)
            daemon.wait_for_line("configuration reloaded", number + 1)
            self.assert_loop_is_free(daemon, f"10,000 NetIDs that {what} by a reload")
            with Load(daemon.port, rate=200) as load:
                load.wait_for_calls(200)
            self.assertEqual(load.failed, [])
            self.assert_loop_is_free(daemon, f"calls after 10,000 NetIDs {what} by a reload")

    @best_of_three
    def test_a_document_of_thousands_of_routes_harms_nobody(self):
        config = self.world.folder / "routes.toml"
        config.write_text("\n".join(f'[[route]]\npath = "/lamp-{n}/{{device}}"\n'
                                    f'topic = "cmnd-{n}/{{device}}/POWER"\n'
                                    f'response-topic = "stat-{n}/{{device}}/RESULT"\n'
                                    for n in range(4_000)))
        daemon = self.watched_daemon(self.world.broker(), "--routes", config, ready=False)
        eventually(lambda: ready(daemon), "all is subscribed to")
        self.assert_loop_is_free(daemon, "4,000 routes at the start")
        with Caller(daemon.port) as caller:
            document = json.loads(caller.get("/openapi.json").body)
            self.assertGreater(len(document["paths"]), 4_000)
            self.assert_loop_is_free(daemon, "the OpenAPI document of 4,000 routes")
            self.assertLess(len(json.loads(caller.get("/status").body)["routes"]["first"]), 4_000)
            self.assert_loop_is_free(daemon, "/status with 4,000 routes")

    @best_of_three
    def test_idle_connections_harm_nobody(self):
        allow_descriptors(self, 5_000)
        broker = self.world.broker()
        self.world.responder(broker)
        daemon = self.watched_daemon(broker)
        with contextlib.ExitStack() as idle:
            for _ in range(3_000):
                idle.enter_context(socket.create_connection(("127.0.0.1", daemon.port)))
            with Load(daemon.port, rate=200) as load:
                load.wait_for_calls(200)
        self.assertEqual(load.failed, [])
        self.assert_loop_is_free(daemon, "3,000 idle connections, and then none of them")
