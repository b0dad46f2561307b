"""What there is to know of a running daemon: /metrics, /status and the log; and what must never be
there to read."""

import concurrent.futures
import contextlib
import datetime
import functools
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import typing
import unittest
import urllib.parse

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from harness import (ACTIONS, BUILD, PATIENCE, Caller, SystemTest, World, environment, eventually,
                     send_raw)
from mqtt_peer import Peer, answer_with, responder, silent_service

TOKEN = "correct-horse"
PASSWORD = "battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
OUTCOMES = {"ok", "unmatched-response", "bad-response", "broker-refused", "broker-unavailable",
            "no-responder", "turn-pending", "turns-elsewhere", "overloaded", "shutting-down",
            "response-timeout", "responder-error"}
PHASES = ("queue", "puback", "response")
DROPPED = {"retained", "foreign-topic", "unknown-correlation", "wrong-topic", "late", "unmatched",
           "unchecked", "interim", "own", "too-large", "inbox-full"}
BUCKETS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5,
           10, 20, 60]


# Prometheus's text format 0.0.4 ----------------------------------------------------------------

NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|Inf)|NaN")


class Metrics:
    """The text read strictly: what the format leaves open is an error too where we never do it."""

    def __init__(self, text):
        self.types = {}
        self.helps = {}
        self.samples = {}  # by name and set of labels
        assert text.endswith("\n"), "the last line has no end"
        family = None
        for line in text[:-1].split("\n"):
            if line.startswith("# "):
                family = self._describe(line)
            else:
                self._sample(line, family)
        for name, kind in self.types.items():
            assert name in self.helps, name
            assert any(self._family(sample) == name for sample, _ in self.samples), name
            if kind == "histogram":
                self._check_histogram(name)

    def _describe(self, line):
        kind, name, text = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.*)", line).groups()
        to = self.helps if kind == "HELP" else self.types
        assert name not in to, f"twice: {line}"
        assert not any(self._family(sample) == name for sample, _ in self.samples), line
        to[name] = text
        if kind == "TYPE":
            assert text in ("counter", "gauge", "histogram"), line
        return name

    def _sample(self, line, family):
        parsed = SAMPLE.fullmatch(line)
        assert parsed, line
        name, inside, number = parsed.groups()
        labels = self._labels(inside or "")
        assert NUMBER.fullmatch(number), line
        assert self._family(name) == family and family in self.types, f"not in its family: {line}"
        key = (name, frozenset(labels.items()))
        assert key not in self.samples, f"twice: {line}"
        self.samples[key] = float(number)
        if self.types[family] != "gauge":
            assert self.samples[key] >= 0, line

    @staticmethod
    def _labels(inside):
        labels = {}
        at = 0
        while at < len(inside):
            label = LABEL.match(inside, at)
            assert label and label.group(1) not in labels, inside
            labels[label.group(1)] = re.sub(
                r"\\(.)", lambda escaped: escaped.group(1).replace("n", "\n"), label.group(2))
            at = label.end()
        return labels

    def _family(self, name):
        for end in ("_bucket", "_sum", "_count"):
            if self.types.get(name.removesuffix(end)) == "histogram":
                return name.removesuffix(end)
        return name

    def _check_histogram(self, name):
        for sample, labels in list(self.samples):
            if sample != f"{name}_count":
                continue
            bounds = self.buckets(name, labels)
            assert list(bounds) == sorted(bounds), name
            assert list(bounds.values()) == sorted(bounds.values()), f"{name} is not cumulative"
            assert bounds[float("inf")] == self.samples[sample, labels], name
            assert (f"{name}_sum", labels) in self.samples, name

    def buckets(self, name, labels=frozenset()):
        return {float(dict(of)["le"]): value for (sample, of), value in self.samples.items()
                if sample == f"{name}_bucket" and labels == {pair for pair in of if pair[0] != "le"}}

    def __getitem__(self, name):
        """The one sample of this name, or that with these labels: metrics["name", "k", "v"], which
        is not there before its first event."""
        name, *labels = (name,) if isinstance(name, str) else name
        key = name, frozenset(zip(labels[::2], labels[1::2]))
        return self.samples.get(key, 0) if labels else self.samples[key]

    def values(self, name, label):
        return {dict(labels)[label] for sample, labels in self.samples if sample == name}


def metrics_of(daemon, headers=None):
    with Caller(daemon.port) as caller:
        answer = caller.get("/metrics", headers)
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", answer
    return Metrics(answer.text)


def status_of(daemon, headers=None):
    with Caller(daemon.port) as caller:
        answer = caller.get("/status", headers)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json"), answer
    return json.loads(answer.body)


def now():
    """As /status writes it."""
    text = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


class Knowing(SystemTest):
    def call(self, daemon, action="uppercase", text="abc", headers=None, **query):
        with Caller(daemon.port) as caller:
            return caller.transform(action, text, headers, **query)


class Talker(Peer):
    def publish(self, topic, payload, correlation=None, retain=False):
        properties = None
        if correlation is not None:
            properties = Properties(PacketTypes.PUBLISH)
            properties.CorrelationData = correlation
        self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)


# /metrics and /status --------------------------------------------------------------------------

class Numbers(Knowing):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.daemon = world.daemon(cls.broker)

    def assert_moves(self, changes, act, daemon=None):
        """`act()` adds to these samples, and to no other counter but of HTTP."""
        daemon = daemon or self.daemon
        before = metrics_of(daemon)
        act()
        after = metrics_of(daemon)
        moved = {key: count - before.samples.get(key, 0) for key, count in after.samples.items()
                 if count != before.samples.get(key, 0)
                 and not key[0].startswith(("process_", "mqtt_bridge_action_", "mqtt_bridge_call_phase_"))
                 and not key[0].endswith(("_sum", "_bucket", "_connections"))}
        self.assertEqual(moved, {(name, frozenset(zip(labels[::2], labels[1::2]))): by
                                 for (name, *labels), by in changes.items()})

    def test_what_may_move_is_there_from_the_start_and_nothing_that_cannot(self):
        daemon = self.world.daemon(self.broker, "--max-in-flight", "100", "--max-queued", "50")
        metrics = metrics_of(daemon)
        ours = {name: kind for name, kind in metrics.types.items()
                if name != "mqtt_bridge_refused_requests_total"}  # that was /readyz, perhaps
        self.assertEqual(ours, {
            "mqtt_bridge_build_info": "gauge",
            "mqtt_bridge_calls_total": "counter",
            "mqtt_bridge_call_duration_seconds": "histogram",
            "mqtt_bridge_call_phase_duration_seconds": "histogram",
            "mqtt_bridge_broker_connections_total": "counter",
            "mqtt_bridge_broker_connected": "gauge",
            "mqtt_bridge_missing_workarounds": "gauge",
            "mqtt_bridge_responders": "gauge",
            "mqtt_bridge_calls_in_flight": "gauge",
            "mqtt_bridge_calls_in_flight_limit": "gauge",
            "mqtt_bridge_calls_queued": "gauge",
            "mqtt_bridge_calls_queued_limit": "gauge",
            "mqtt_bridge_config_last_reload_successful": "gauge",
            "mqtt_bridge_config_last_reload_success_timestamp_seconds": "gauge",
            "mqtt_bridge_later_calls": "gauge",
            "mqtt_bridge_later_calls_limit": "gauge",
            "mqtt_bridge_kept_answers": "gauge",
            "mqtt_bridge_kept_answers_limit": "gauge",
            "mqtt_bridge_kept_answers_bytes": "gauge",
            "mqtt_bridge_kept_answers_bytes_limit": "gauge",
            "mqtt_bridge_http_connections": "gauge",
            "mqtt_bridge_http_connections_limit": "gauge",
            "mqtt_bridge_http_output_bytes": "gauge",
            "mqtt_bridge_http_output_bytes_limit": "gauge",
            "process_cpu_seconds_total": "counter",
            "process_threads": "gauge",
            "process_start_time_seconds": "gauge",
            "process_virtual_memory_bytes": "gauge",
            "process_resident_memory_bytes": "gauge",
            "process_open_fds": "gauge",
            "process_max_fds": "gauge"})
        self.assertEqual(metrics.values("mqtt_bridge_calls_total", "outcome"), OUTCOMES)
        for outcome in OUTCOMES:
            self.assertEqual(metrics["mqtt_bridge_calls_total", "outcome", outcome], 0)
        bounds = [*BUCKETS, float("inf")]
        self.assertEqual(list(metrics.buckets("mqtt_bridge_call_duration_seconds")), bounds)
        self.assertEqual(metrics["mqtt_bridge_call_duration_seconds_count"], 0)
        for phase in PHASES:
            self.assertEqual(list(metrics.buckets("mqtt_bridge_call_phase_duration_seconds",
                                                  {("phase", phase)})), bounds)
        self.assertEqual(metrics["mqtt_bridge_broker_connected"], 1)
        self.assertEqual(metrics["mqtt_bridge_missing_workarounds"], 0)
        self.assertEqual(metrics["mqtt_bridge_broker_connections_total"], 1)
        self.assertEqual(metrics["mqtt_bridge_calls_in_flight_limit"], 100)
        self.assertEqual(metrics["mqtt_bridge_calls_queued_limit"], 50)
        (version,) = metrics.values("mqtt_bridge_build_info", "version")
        self.assertEqual(version, status_of(daemon)["version"])
        self.assertEqual(metrics["mqtt_bridge_build_info", "version", version], 1)

    def test_the_process_is_told_of_as_the_kernel_sees_it(self):
        metrics = metrics_of(self.daemon)
        self.assertLess(abs(time.time() - metrics["process_start_time_seconds"]), 3600)
        self.assertEqual(metrics["process_threads"],
                         len(os.listdir(f"/proc/{self.daemon.pid}/task")))
        pages = int(pathlib.Path(f"/proc/{self.daemon.pid}/statm").read_text().split()[1])
        resident = pages * os.sysconf("SC_PAGESIZE")
        self.assertLess(abs(metrics["process_resident_memory_bytes"] - resident), resident / 2)
        self.assertGreater(metrics["process_open_fds"], 5)
        self.assertGreater(metrics["process_max_fds"], metrics["process_open_fds"])

    def test_the_rows_are_in_the_order_of_the_alphabet(self):
        self.call(self.daemon, "rot13")
        self.call(self.daemon, netid="carol")
        with Caller(self.daemon.port) as caller:
            rows = [line.rpartition(" ")[0] for line in caller.get("/metrics").text.splitlines()
                    if line.startswith("mqtt_bridge_") and "_bucket" not in line]
        totals = [row for row in rows if "_total" in row]
        self.assertEqual(totals, sorted(totals))
        self.assertGreater(len(totals), 10)

    def test_promtool_finds_nothing_wrong(self):
        with Caller(self.daemon.port) as caller:
            text = caller.get("/metrics").text
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, env=environment(),
                                 capture_output=True, text=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_the_phases_of_a_call_tell_the_responder_from_the_broker(self):
        daemon = self.world.daemon(self.broker)
        name = "mqtt_bridge_call_phase_duration_seconds"

        def answer_late(client, request):
            threading.Timer(0.3, answer_with(b"ABC"), (client, request)).start()

        with responder(self.broker, answer_late):
            took = self.call(daemon).headers["Server-Timing"]
        metrics = metrics_of(daemon)
        parts = {part: float(ms) / 1000 for part, ms in re.findall(r"(\w+);dur=([\d.]+)", took)}
        for phase in PHASES:
            self.assertEqual(metrics[f"{name}_count", "phase", phase], 1)
            self.assertAlmostEqual(metrics[f"{name}_sum", "phase", phase], parts[phase], delta=1e-5)
        self.assertGreater(metrics[f"{name}_sum", "phase", "response"], 0.29)
        self.assertLess(metrics[f"{name}_sum", "phase", "puback"], 0.29)

    def test_calls_are_counted_by_action(self):
        daemon = self.world.daemon(self.broker, "--action", "translate")
        with responder(self.broker, answer_with(lambda payload: payload.upper())):
            for action in ("uppercase", "uppercase", "translate"):
                self.assertEqual(self.call(daemon, action).status, 200)
        metrics, name = metrics_of(daemon), "mqtt_bridge_action_calls_total"
        self.assertEqual(metrics[name, "action", "uppercase", "outcome", "ok"], 2)
        self.assertEqual(metrics[name, "action", "translate", "outcome", "ok"], 1)

    def test_responders_are_counted_and_named_with_since_when(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        self.assertEqual((metrics_of(daemon)["mqtt_bridge_responders"],
                          status_of(daemon)["responders"]), (0, []))
        before = now()
        responder_ = self.world.responder(broker, "--id", "kitchen")
        eventually(lambda: metrics_of(daemon)["mqtt_bridge_responders"] == 1, "it is heard of")
        (known,) = status_of(daemon)["responders"]
        self.assertEqual((known["id"], known["here"], set(known["actions"])),
                         ("kitchen", True, set(ACTIONS)))
        self.assertTrue(before <= known["since"] <= now(), known)
        responder_.stop()
        eventually(lambda: metrics_of(daemon)["mqtt_bridge_responders"] == 0, "it is gone")
        (gone,) = status_of(daemon)["responders"]
        self.assertEqual((gone["id"], gone["here"]), ("kitchen", False))
        self.assertGreaterEqual(gone["since"], known["since"])

    def test_a_reload_and_what_became_of_it_is_told(self):
        file = self.world.folder / "bridge.toml"
        file.write_text("")
        daemon = self.world.daemon(self.broker, "--config", str(file))
        successful = "mqtt_bridge_config_last_reload_successful"
        timestamp = "mqtt_bridge_config_last_reload_success_timestamp_seconds"
        start = metrics_of(daemon)
        self.assertEqual(start[successful], 1)
        self.assertLess(abs(time.time() - start[timestamp]), PATIENCE)
        status = status_of(daemon)
        self.assertEqual((status["config"], status["last_reload"]), (str(file), None))

        file.write_text("nonsense = 1")
        os.kill(daemon.pid, signal.SIGHUP)
        eventually(lambda: metrics_of(daemon)[successful] == 0, "it says that it failed")
        self.assertEqual(metrics_of(daemon)[timestamp], start[timestamp])
        failed = status_of(daemon)["last_reload"]
        self.assertIs(failed["ok"], False)
        self.assertIn("nonsense", failed["why_not"])

        file.write_text('netids = ["bob"]')
        os.kill(daemon.pid, signal.SIGHUP)
        eventually(lambda: metrics_of(daemon)[successful] == 1, "it says that it succeeded")
        self.assertGreater(metrics_of(daemon)[timestamp], start[timestamp])
        status = status_of(daemon)
        self.assertEqual((status["last_reload"]["ok"], status["netids"]), (True, ["alice", "bob"]))
        self.assertGreater(status["last_reload"]["at"], failed["at"])

    def test_a_call_that_ends_is_counted_under_its_outcome(self):
        calls, answers, took = (
            "mqtt_bridge_calls_total", "mqtt_bridge_answers_total",
            "mqtt_bridge_call_duration_seconds_count")
        with responder(self.broker, answer_with(lambda payload: payload.upper())):
            self.assert_moves({(calls, "outcome", "ok"): 1, (took,): 1,
                               (answers, "matched_by", "correlation"): 1},
                              lambda: self.call(self.daemon))
        with Peer(self.broker, "+/+/request",
                  lambda client, _: client.publish("alice/reverse/response", "cba", qos=1)):
            self.assert_moves({(calls, "outcome", "ok"): 1, (took,): 1,
                               (answers, "matched_by", "content"): 1},
                              lambda: self.call(self.daemon, "reverse"))
        with silent_service(self.broker):
            self.assert_moves({(calls, "outcome", "response-timeout"): 1, (took,): 1},
                              lambda: self.call(self.daemon, timeout="50ms"))
        self.assert_moves({(calls, "outcome", "no-responder"): 1, (took,): 1},
                          lambda: self.call(self.daemon))

    def test_what_is_refused_before_it_is_a_call_is_counted_apart(self):
        refused = "mqtt_bridge_refused_requests_total"
        self.assert_moves({(refused, "problem", "unknown-action"): 1},
                          lambda: self.call(self.daemon, "rot13"))
        self.assert_moves({(refused, "problem", "netid-not-served"): 1},
                          lambda: self.call(self.daemon, netid="carol"))
        self.assert_moves({(refused, "problem", "forbidden-origin"): 1},
                          lambda: self.call(self.daemon, headers={"Host": "evil.example"}))
        for problem, request in (
                ("forbidden-origin", b"GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
                ("malformed-request", b"nonsense\r\n\r\n"),
                ("not-found", b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                ("method-not-allowed", b"GET /transform/reverse HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                ("method-not-allowed", b"PUT /status HTTP/1.1\r\nHost: localhost\r\n\r\n")):
            with self.subTest(problem):
                self.assert_moves({(refused, "problem", problem): 1},
                                  functools.partial(send_raw, self.daemon.port, request))

    def test_unauthorized_calls_are_counted(self):
        token_file = self.world.folder / "token"
        token_file.write_text(TOKEN)
        daemon = self.world.daemon(self.broker, "--token-file", token_file, ready=False)
        daemon.wait_for_line("linked to")
        self.call(daemon)
        with Caller(daemon.port) as caller:
            for target in ("/metrics", "/status", "/healthz"):
                self.assertEqual(caller.get(target).status, 401)
        metrics = metrics_of(daemon, BEARER)
        refused = metrics["mqtt_bridge_refused_requests_total", "problem", "unauthorized"]
        self.assertEqual(refused, 4)

    def test_how_long_calls_took_is_in_the_right_buckets(self):
        daemon = self.world.daemon(self.broker)
        with silent_service(self.broker):
            self.call(daemon, timeout="30ms")
        metrics = metrics_of(daemon)
        name = "mqtt_bridge_call_duration_seconds"
        self.assertEqual(metrics.buckets(name)[0.02], 0)
        took = metrics[f"{name}_sum"]
        self.assertGreaterEqual(took, 0.03)
        for bound, count in metrics.buckets(name).items():
            self.assertEqual(count, 1 if took <= bound else 0, bound)

    def test_calls_that_wait_are_gauged(self):
        daemon = self.world.daemon(self.broker, "--max-in-flight", "2")
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            release = threading.Event()
            held = []

            def hold(client, request):
                held.append((client, request))
                if release.is_set():
                    answer()

            def answer():
                while held:
                    client, request = held.pop()
                    answer_with(b"ABC")(client, request)

            with responder(self.broker, hold):
                calls = [pool.submit(self.call, daemon, timeout="60s") for _ in range(3)]
                eventually(lambda: status_of(daemon)["calls"] == {"in_flight": 2, "queued": 1},
                           "two are in flight and one is queued")
                metrics = metrics_of(daemon)
                self.assertEqual(metrics["mqtt_bridge_calls_in_flight"], 2)
                self.assertEqual(metrics["mqtt_bridge_calls_queued"], 1)
                self.assertEqual(metrics["mqtt_bridge_http_connections"], 4)
                release.set()
                answer()
                for call in calls:
                    self.assertEqual(call.result(PATIENCE).text, "ABC")
            metrics = metrics_of(daemon)
            self.assertEqual(metrics["mqtt_bridge_calls_in_flight"], 0)
            self.assertEqual(metrics["mqtt_bridge_calls_queued"], 0)

    def test_links_are_counted_over_a_restart_of_the_broker(self):
        broker = self.world.broker()
        started = now()
        daemon = self.world.daemon(broker)
        self.assertIsNone(status_of(daemon)["last_loss"])
        self.assertTrue(started <= status_of(daemon)["linked_since"] <= now())
        with unlinked(broker):
            eventually(lambda: metrics_of(daemon)["mqtt_bridge_broker_connected"] == 0, "it is not linked")
            self.assertEqual(metrics_of(daemon)["mqtt_bridge_broker_connections_total"], 1)
            status = status_of(daemon)
            self.assertEqual((status["ready"], status["mqtt_version"]), (False, ""))
            self.assertTrue(status["why_not_ready"])
            self.assertIsNone(status["linked_since"])
            loss = status["last_loss"]
            self.assertTrue(started <= loss["at"] <= now(), loss)
            self.assertIn("broke", loss["why"])
        daemon.wait_until_ready()
        metrics = metrics_of(daemon)
        self.assertEqual(metrics["mqtt_bridge_broker_connected"], 1)
        self.assertEqual(metrics["mqtt_bridge_broker_connections_total"], 2)
        self.assertEqual(status_of(daemon)["times_linked"], 2)

    def test_responses_that_answer_no_call_are_counted_by_reason(self):
        def dropped(reason, topic, payload, correlation=None):
            before = status_of(self.daemon)["dropped_responses"][reason]

            def act():
                with Talker(self.broker, "nothing", protocol=mqtt.MQTTv5) as talker:
                    talker.publish(topic, payload, correlation)
                    eventually(lambda: status_of(self.daemon)["dropped_responses"][reason] > before,
                               f"it is dropped: {reason}")

            with self.subTest(reason):
                self.assert_moves({("mqtt_bridge_dropped_responses_total", "reason", reason): 1},
                                  act)

        dropped("unmatched", "alice/shuffle/response", "for nobody")
        dropped("unknown-correlation", "alice/shuffle/response", "x", b"foreign")
        with silent_service(self.broker):
            late = self.call(self.daemon, "lowercase", "LATE", timeout="50ms")
        self.assertEqual(late.status, 504)
        dropped("late", "alice/lowercase/response", "late")

    def test_a_correlation_on_another_topic_is_dropped_as_such(self):
        def answer(client, request):
            properties = Properties(PacketTypes.PUBLISH)
            properties.CorrelationData = request.properties.CorrelationData
            for topic in ("alice/reverse/response", "alice/title-case/response"):
                client.publish(topic, "Abc", qos=1, properties=properties)

        with responder(self.broker, answer):
            self.assert_moves(
                {("mqtt_bridge_dropped_responses_total", "reason", "wrong-topic"): 1,
                 ("mqtt_bridge_calls_total", "outcome", "ok"): 1,
                 ("mqtt_bridge_answers_total", "matched_by", "correlation"): 1,
                 ("mqtt_bridge_call_duration_seconds_count",): 1},
                lambda: self.call(self.daemon, "title-case"))

    def test_a_retained_response_is_dropped_as_such(self):
        with Talker(self.broker, "other/uppercase/response") as talker:
            talker.publish("other/uppercase/response", "old", retain=True)
            self.assertEqual(talker.next(), "old")  # it is there before the daemon subscribes
        daemon = self.world.daemon(self.broker, netid="other")
        eventually(lambda: metrics_of(daemon)[
            "mqtt_bridge_dropped_responses_total", "reason", "retained"] == 1, "it is dropped")

    def test_the_status_is_json_with_what_there_is_to_know(self):
        daemon = self.world.daemon(self.broker, "--netids", "bob", "--action", "translate")
        status = status_of(daemon)
        self.assertEqual(set(status), {
            "version", "started", "uptime_seconds", "config", "last_reload", "ready", "broker",
            "brokers", "mqtt_version", "times_linked", "linked_since", "last_loss", "netid", "netids", "actions",
            "routes", "responders", "calls", "later_calls", "http_connections", "dropped_responses"})
        self.assertRegex(status["version"], r"^\d+\.\d+")
        self.assertIsInstance(status["uptime_seconds"], int)
        self.assertIs(status["ready"], True)
        self.assertEqual((status["broker"], status["brokers"]),
                         (self.broker.url, [self.broker.url]))
        self.assertEqual((status["mqtt_version"], status["times_linked"]), ("5", 1))
        self.assertEqual((status["netid"], status["netids"], status["actions"]),
                         ("alice", ["alice", "bob"], [*ACTIONS, "translate"]))
        self.assertIsNone(status["config"])
        self.assertEqual(status["calls"], {"in_flight": 0, "queued": 0})
        self.assertEqual(status["http_connections"], 1)
        self.assertEqual(status["dropped_responses"], dict.fromkeys(DROPPED, 0))


@contextlib.contextmanager
def unlinked(broker):
    broker.stop()
    yield
    broker.start_again()
    broker.started()


# The log ---------------------------------------------------------------------------------------

class Line(typing.NamedTuple):
    """What the line of one request says; None for what it leaves out."""
    request_id: str
    outcome: str
    status: int | None
    netid: str | None
    action: str | None
    route: str | None
    matched_by: str | None
    source: str | None
    trace_id: str | None
    bytes_in: int | None
    bytes_out: int | None
    milliseconds: float | None


HUMAN = re.compile(r"request (\S+) (\S+)" + "".join(
    rf"(?: {name}=({value}))?" for name, value in (
        ("status", r"\d{3}"), ("netid", r"\S+"), ("action", r"\S+"), ("route", r"\S+"), ("by", r"\S+"),
        ("from", r"\S+"), ("trace", r"\S+"), ("in", r"\d+"), ("out", r"\d+"), ("ms", r"\d+\.\d{3}"))))


def line_of(text, log_format):
    """None where it is another line. Whatever does not look as this format wants it is an error."""
    if log_format == "json":
        members = json.loads(text)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", members["time"]), text
        assert members["level"] in ("trace", "debug", "info", "warn", "error"), text
        if members["message"] != "request":
            assert set(members) == {"time", "level", "message"}, text
            return None
        return Line(members["request_id"], members["outcome"], *(members.get(name) for name in (
            "status", "netid", "action", "route", "matched_by", "from", "trace_id", "bytes_in",
            "bytes_out", "milliseconds")))
    head = {"journal": r"<([3467])>",
            "human": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (info|warn|error|debug|trace) +"}
    begin = re.match(head[log_format], text)
    assert begin, text
    message = text[begin.end():]
    if not message.startswith("request "):
        return None
    assert begin.group(1) in ("6", "info"), text
    parts = HUMAN.fullmatch(message)
    assert parts, text
    return Line(*(part if part is None or field.startswith("str") else float(part)
                  for part, field in zip(parts.groups(), map(_type_of, Line._fields))))


def _type_of(field):
    return "float" if field in ("status", "bytes_in", "bytes_out", "milliseconds") else "str"


class Log(Knowing):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        world.responder(cls.broker)
        cls.daemons = {log_format: world.daemon(cls.broker, "--netids", "*", "--log-format",
                                                log_format, "--log-level", "trace")
                       for log_format in ("human", "json", "journal")}

    def lines(self, log_format, request_id):
        """Those of this request; what came before an answer is there, since a later request is."""
        daemon = self.daemons[log_format]
        last = f"last-{request_id}"
        self.call(daemon, "no-such-action", headers={"Request-Id": last})
        daemon.wait_for_line(last)
        parsed = [line_of(line, log_format) for line in list(daemon.lines)]
        return [line for line in parsed if line and line.request_id == request_id]

    def test_each_request_has_one_line_that_says_what_became_of_it(self):
        rows = (
            ("ok-1", "uppercase", {"netid": "bob"}, {}, "ok", "bob uppercase correlation"),
            ("traced-1", "reverse", {}, {"traceparent": TRACEPARENT}, "ok",
             "alice reverse correlation"),
            ("late-1", "no-answer", {}, {}, "unknown-action", "alice no-answer None"),
            ("bad-1", "uppercase", {"timeout": "soon"}, {}, "invalid-parameter",
             "alice uppercase None"),
            ("evil-1", "uppercase", {}, {"Origin": "http://evil.example"}, "forbidden-origin",
             "alice uppercase None"))
        for log_format, daemon in self.daemons.items():
            for request_id, action, query, headers, outcome, rest in rows:
                with self.subTest(log_format=log_format, request_id=request_id):
                    for where, source in ((daemon.port, "tcp"), (daemon.socket_path, "uid:")):
                        one = f"{request_id}-{source[:3]}"
                        with Caller(where) as caller:
                            answer = caller.transform(action, "abc", {**headers, "Request-Id": one},
                                                      **query)
                        (line,) = self.lines(log_format, one)
                        self.assertEqual(line.outcome, outcome)
                        self.assertEqual(f"{line.netid} {line.action} {line.matched_by}", rest)
                        self.assertEqual(line.status, answer.status)
                        if outcome == "ok":
                            self.assertEqual((line.bytes_in, line.bytes_out), (3, 3))
                        self.assertTrue(line.source.startswith(source), line)
                        self.assertEqual(line.trace_id, TRACE_ID if "trace" in one else None)
                        self.assertGreater(line.milliseconds, 0)

    def test_a_call_that_ends_by_its_deadline_has_its_line_too(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        with silent_service(broker):
            self.call(daemon, timeout="20ms", headers={"Request-Id": "slow-1"})
        line = line_of(daemon.wait_for_line("request slow-1").string, "human")
        self.assertEqual(line[:7], ("slow-1", "response-timeout", 504, "alice", "uppercase", None, None))
        self.assertGreaterEqual(line.milliseconds, 20)

    def test_a_caller_that_has_gone_has_its_line_too(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        with silent_service(broker):
            with socket.create_connection(("127.0.0.1", daemon.port), PATIENCE) as caller:
                caller.sendall(
                    b"POST /transform/uppercase?timeout=50ms HTTP/1.1\r\nHost: localhost\r\n"
                    b"Request-Id: gone-1\r\nContent-Length: 3\r\n\r\nabc")
            daemon.wait_for_line("request gone-1 response-timeout ")
        self.assertEqual(sum("gone-1" in line for line in daemon.lines), 1)

    def test_what_went_well_and_is_no_call_has_no_line(self):
        for log_format, daemon in self.daemons.items():
            with Caller(daemon.port) as caller:
                for target in ("/healthz", "/readyz", "/metrics", "/status"):
                    caller.get(target, {"Request-Id": "probe-1"})
            with self.subTest(log_format):
                self.assertEqual(self.lines(log_format, "probe-1"), [])

    def test_a_log_that_nobody_reads_stops_nobody(self):
        broker = self.world.broker()
        port_file = self.world.folder / "unread.sock"
        daemon = subprocess.Popen(
            [BUILD / "mqtt_bridged", "--listen", f"unix:{port_file}", "--broker", broker.url,
             "--netid", "alice"], stderr=subprocess.PIPE, env=environment())
        try:
            def listens():  # the path is there a moment before
                with contextlib.suppress(OSError), Caller(port_file) as caller:
                    return caller.get("/healthz").status == 200

            eventually(listens, "it listens")
            with Caller(port_file) as caller:
                for _ in range(3000):  # 64 KiB of a pipe are full long before
                    self.assertEqual(caller.get("/nowhere").status, 404)
            read = os.read(daemon.stderr.fileno(), 1 << 20)
            self.assertIn(b"/unread.sock", read)
            with Caller(port_file) as caller:
                caller.get("/nowhere")
            eventually(lambda: b"log lines dropped" in os.read(daemon.stderr.fileno(), 1 << 20),
                       "the log says how many lines were lost")
        finally:
            daemon.terminate()
            self.assertEqual(daemon.wait(PATIENCE), 0)
            daemon.stderr.close()

    def test_nobody_forges_a_line_or_a_part_of_one(self):
        forged = "request forged alice uppercase ok by=content from=tcp ms=1.000"
        targets = [
            "/transform/uppercase?netid=" + urllib.parse.quote(netid) for netid in (
                f"x\n<6>{forged}", f"x\r\n{forged}", f'x","outcome":"ok"}}\n{{"a":"{forged}',
                "x\x1b[31m", "x\u0085y", "x\u2028y", "x\u009b31m", 'q"q\\', "\ud7ff\ue000",
                "x uppercase ok by=content from=uid:0 ms=1.000", "x\x00y")]
        targets += ["/transform/" + urllib.parse.quote(f"a\n{forged}"), "/" + forged.split()[0]]
        for log_format, daemon in self.daemons.items():
            before = len(daemon.lines)
            for number, target in enumerate(targets):
                request_id = f"hostile-{number}"
                request = (f"POST {target} HTTP/1.1\r\nHost: localhost\r\nRequest-Id: {request_id}"
                           f"\r\nContent-Length: {len(forged) + 1}\r\n\r\n\n{forged}")
                with self.subTest(log_format=log_format, target=target):
                    send_raw(daemon.port, request.encode())
                    (line,) = self.lines(log_format, request_id)
                    if line.outcome == "ok":
                        netid = urllib.parse.unquote(target.partition("=")[2])
                        if log_format != "json":  # there it is one word, whatever is in it
                            netid = "".join(
                                chr(byte) if 0x20 < byte < 0x7f else f"\\x{byte:02x}"
                                for byte in netid.encode())
                        self.assertEqual((line.netid, line.matched_by, line.source),
                                         (netid, "correlation", "tcp"))
            for bad in (f"a {forged}", 'a","outcome":"ok', "a\tb", "\x1b[31m", "a" * 129, "\u00e4"):
                request = (f"POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\n"
                           f"Request-Id: {bad}\r\nContent-Length: 3\r\n\r\nabc")
                answer = send_raw(daemon.port, request.encode())
                with self.subTest(log_format=log_format, request_id=bad):
                    self.assertEqual(len(self.lines(log_format, answer.headers["Request-Id"])), 1)
            for line in daemon.lines[before:]:
                self.assertNotRegex(line, r"[\x00-\x1f\x7f\u0080-\u009f]")
                parsed = line_of(line, log_format)
                self.assertFalse(parsed and parsed.request_id == "forged", line)

    def test_no_text_no_token_and_no_password_is_there_to_read(self):
        token_file, password_file = (self.world.folder / name for name in ("token", "password"))
        token_file.write_text(TOKEN)
        password_file.write_text(PASSWORD)
        broker = self.world.broker()
        secret, answer = "the-text-of-a-caller", "THE-TEXT-OF-A-CALLER"
        for level in ("trace", "debug", "info"):  # what is said at the others is said at these
            for log_format in ("human", "json", "journal"):
                with self.subTest(level=level, log_format=log_format):
                    daemon = self.world.daemon(
                        broker, "--log-level", level, "--log-format", log_format, "--token-file",
                        token_file, "--username", "alice", "--password-file", password_file,
                        ready=False)
                    daemon.wait_until_ready(BEARER)
                    with responder(broker, answer_with(answer)):
                        self.assertEqual(self.call(daemon, text=secret, headers=BEARER).status, 200)
                    with responder(broker, answer_with(
                            answer, ("status", "500"), ("error", "out of order"))):
                        self.call(daemon, text=secret, headers=BEARER)
                    self.call(daemon, text=secret, headers={"Authorization": f"Bearer x{TOKEN}"})
                    self.call(daemon, "rot13", secret, BEARER)
                    self.call(daemon, "reverse", secret, BEARER, timeout="10ms")
                    send_raw(daemon.port, f"{TOKEN} {secret}\r\n\r\n".encode())
                    with Caller(daemon.port) as caller:
                        seen = "".join(caller.get(target, BEARER).text
                                       for target in ("/status", "/metrics", "/readyz"))
                    self.assertEqual(daemon.stop(), 0)
                    seen += "\n".join(daemon.lines)
                    for word in (TOKEN, PASSWORD, secret, answer):
                        self.assertNotIn(word, seen)
                    self.assertIn("response-timeout", seen)


# Traces ----------------------------------------------------------------------------------------

class Traces(Knowing):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.v5 = world.daemon(cls.broker, netid="five")
        cls.v3 = world.daemon(cls.broker, "--protocol", "3.1.1", netid="three")

    def passed_on(self, daemon, *fields):
        """The user properties of the request, once these header fields have come with the call."""
        seen = []

        def answer(client, request):
            seen.append(request)
            client.publish(request.topic.removesuffix("request") + "response", b"ABC", qos=1)

        request = "\r\n".join(["POST /transform/uppercase HTTP/1.1", "Host: localhost", *fields,
                               "Request-Id: of-this-trace", "Content-Length: 3", "", "abc"])
        with responder(self.broker, answer):
            reply = send_raw(daemon.port, request.encode("latin-1"))
        self.assertEqual((reply.status, reply.text), (200, "ABC"), reply)
        return getattr(seen[0].properties, "UserProperty", [])

    def test_a_trace_is_passed_on_as_it_came(self):
        later = "01" + TRACEPARENT[2:] + "-more"
        state = "vendor=value,other@system=x:y"
        for fields, wanted in (
                ((f"traceparent: {TRACEPARENT}",), [("traceparent", TRACEPARENT)]),
                ((f"Traceparent: {TRACEPARENT}", f"TraceState: {state}"),
                 [("traceparent", TRACEPARENT), ("tracestate", state)]),
                ((f"traceparent: {later}",), [("traceparent", later)]),
                ((f"traceparent: {TRACEPARENT}", "tracestate: a=1", "tracestate: b=2"),
                 [("traceparent", TRACEPARENT), ("tracestate", "a=1, b=2")]),
                ((f"traceparent: {TRACEPARENT}", "tracestate: " + "a" * 513),
                 [("traceparent", TRACEPARENT)]),
                ((f"traceparent: {TRACEPARENT}", "tracestate: a=\u00e4"),
                 [("traceparent", TRACEPARENT)]),
                ((f"traceparent: {TRACEPARENT}", "tracestate: a=50%"),
                 [("traceparent", TRACEPARENT), ("tracestate", "a=50%")])):
            with self.subTest(fields=fields):
                self.assertEqual(self.passed_on(self.v5, *fields), wanted)

    def test_what_is_no_trace_is_not_passed_on(self):
        version, trace, span, flags = TRACEPARENT.split("-")
        for bad in (
                "", "x", TRACEPARENT[:-1], TRACEPARENT + "0", TRACEPARENT + "-00",
                TRACEPARENT.upper(), f"ff-{trace}-{span}-{flags}",
                f"{version}-{'0' * 32}-{span}-{flags}", f"{version}-{trace}-{'0' * 16}-{flags}",
                f"{version}-{trace[:-1]}g-{span}-{flags}", f"{version}_{trace}_{span}_{flags}",
                f"01-{trace}-{span}-{flags}more"):
            with self.subTest(traceparent=bad):
                self.assertEqual(
                    self.passed_on(self.v5, f"traceparent: {bad}", "tracestate: a=1"), [])
        with self.subTest("two of them"):
            self.assertEqual(self.passed_on(self.v5, f"traceparent: {TRACEPARENT}",
                                            f"traceparent: {TRACEPARENT}"), [])
        with self.subTest("a state alone"):
            self.assertEqual(self.passed_on(self.v5, "tracestate: a=1"), [])

    def test_mqtt_3_1_1_has_no_room_for_it_and_the_log_has(self):
        self.assertEqual(self.passed_on(
            self.v3, f"traceparent: {TRACEPARENT}", "tracestate: a=1"), [])
        self.v3.wait_for_line(rf"request of-this-trace .* trace={TRACE_ID} in=")


if __name__ == "__main__":
    unittest.main()
