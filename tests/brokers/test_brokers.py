"""The whole path on a broker of another maker, and what differs there. MQTT_BRIDGE_BROKER names it,
and its version: rabbitmq-4.0.5; MQTT_BRIDGE_TREE is the tree that it is in. What is measured is said
on stdout in lines that begin with "fact: "."""

import concurrent.futures
import contextlib
import json
import os
import queue
import statistics
import time
import typing
import unittest

import brokers
from harness import ACTIONS, BUILD, Caller, Process, SystemTest, eventually
import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from proxy import Proxy
from unicode_oracle import is_answer

TEXT = "they're in Größe 42, ΟΔΟΣ e\u0301 👩‍🚀 ﬁn!"
VERSIONS = {"5": mqtt.MQTTv5, "3.1.1": mqtt.MQTTv311}
CALLBACKS = ({"callback_api_version": mqtt.CallbackAPIVersion.VERSION1}
             if hasattr(mqtt, "CallbackAPIVersion") else {})

# What a responder of a group says of itself.
SERVED = r"\bready$"
REFUSED = r"the broker has no shared subscriptions"
IGNORED = r"not ready: .*nothing comes"


class Known(typing.NamedTuple):
    """What differs from broker to broker. A test fails when it is not so any more."""
    versions: tuple = ("5", "3.1.1")  # of MQTT, the newest first
    refusal: str = ""                 # what is said of version 5, where it does not have that
    sessions: tuple = ()              # survive these; a kill, only what is on its disk by then
    finds_births: bool = True         # retained messages come to a filter with a wildcard
    shared: dict = {}                 # by version: what becomes of a group of responders
    lets_cli_in: bool = True          # which has no credentials
    takes_dots: bool = True           # in topics, as they are


KNOWN = {
    "mosquitto-2": Known(sessions=("drop",), shared={"5": SERVED, "3.1.1": SERVED}),
    "rabbitmq-3": Known(versions=("3.1.1",), refusal="or MQTT 3.1.1", finds_births=False,
                        takes_dots=False,
                        shared={"3.1.1": IGNORED}),
    "rabbitmq-4": Known(sessions=("drop", "restart"), finds_births=False, takes_dots=False,
                        shared={"5": REFUSED, "3.1.1": IGNORED}),
    "ejabberd-23": Known(sessions=("drop",), shared={"5": REFUSED, "3.1.1": REFUSED},
                         lets_cli_in=False),
    "ejabberd-24": Known(sessions=("drop",), shared={"5": REFUSED, "3.1.1": REFUSED}),
    "nats-2": Known(versions=("3.1.1",), refusal="unacceptable protocol version",
                    shared={"3.1.1": IGNORED}),
    "aedes-1": Known(versions=("3.1.1",), refusal="unacceptable protocol version",
                     shared={"3.1.1": IGNORED}),
}
NAME, VERSION = os.environ["MQTT_BRIDGE_BROKER"].split("-")
BROKER = KNOWN[f"{NAME}-{VERSION.partition('.')[0]}"]


def fact(name, value):
    print(f"fact: {name}: {value}", flush=True)


class Client:
    """A client that stays the same from connection to connection, for the broker."""

    def __init__(self, broker, client_id="", topic=None, protocol=VERSIONS[BROKER.versions[0]]):
        self.messages = queue.Queue()
        self.session_present = None
        self._topic = topic
        self._is_subscribed = False
        self._broker = broker
        self._is_v5 = protocol == mqtt.MQTTv5
        lasting = {} if self._is_v5 else {"clean_session": not client_id}
        self._client = mqtt.Client(client_id=client_id, protocol=protocol, **lasting, **CALLBACKS)
        if broker.user:
            self._client.username_pw_set(broker.user, broker.password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = lambda _client, _data, message: self.messages.put(message)

    def _on_connect(self, client, _data, flags, *_):
        self.session_present = bool(flags["session present"])
        if self._topic and not self.session_present:
            client.subscribe(self._topic, qos=1)

    def _on_subscribe(self, *_):
        self._is_subscribed = True

    def connect(self, clean=True):
        self.session_present = None
        options = {}
        if self._is_v5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 60
            options = {"clean_start": clean, "properties": properties}
        self._client.connect("127.0.0.1", self._broker.port, **options)
        self._client.loop_start()
        eventually(lambda: self.session_present is not None, "the test's own client is connected")
        if self._topic:
            eventually(lambda: self._is_subscribed, "the test's own client has subscribed")
        return self

    def publish(self, topic, payload):
        self._client.publish(topic, payload, qos=1).wait_for_publish()

    def next(self):
        return self.messages.get(timeout=20).payload

    def drop(self):
        """As the network would."""
        self._client.loop_stop()
        self._client._sock_close()

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def call(daemon, action, text, headers=None, **query):
    with Caller(daemon.port) as caller:
        return caller.transform(action, text, headers, **query)


def problem(answer):
    """Its slug."""
    return json.loads(answer.body)["type"].rpartition("/")[2]


class OnThisBroker(SystemTest):
    @classmethod
    def share(cls, world):
        cls.broker = world.add(brokers.BROKERS[NAME]())

    def daemon(self, *options, url=None, ready=True):
        """The broker's own options come first, so `url` may be that of a proxy."""
        told = [*self.broker.options()[2:], *options]
        return self.world.daemon(url or self.broker.url, *told, ready=ready)

    def responder_without_waiting(self, *options):
        return self.world.add_ours(Process("mqtt_responder", [
            BUILD / "mqtt_responder", *self.broker.options(), *options]))

    def responder(self, *options):
        responder = self.responder_without_waiting(*options)
        responder.wait_for_line(r"\bready$")
        return responder

    def status(self, daemon):
        with Caller(daemon.port) as caller:
            return json.loads(caller.get("/status").body)

    def assert_all_answered(self, daemon):
        for action in ACTIONS:
            answer = call(daemon, action, TEXT)
            self.assertEqual(answer.status, 200, answer)
            self.assertTrue(is_answer(action, TEXT, answer.text), (action, answer.text))

    # The whole path ----------------------------------------------------------------------------

    def test_every_action_is_answered_in_every_version_at_either_end(self):
        newest = BROKER.versions[0]
        for ours in ("auto", *BROKER.versions):
            daemon = self.daemon("--protocol", ours)
            version = newest if ours == "auto" else ours
            self.assertEqual(self.status(daemon)["mqtt_version"], version)
            for theirs in ("auto", *BROKER.versions):
                with self.subTest(daemon=ours, responder=theirs):
                    responder = self.responder("--protocol", theirs)
                    # Its announcement may be on its way yet, and that its predecessor is gone not.
                    eventually(lambda: call(daemon, "reverse", "abc").status == 200, "an answer")
                    self.assert_all_answered(daemon)
                    both = {version, newest if theirs == "auto" else theirs}
                    answer = call(daemon, "reverse", "abc", {"Accept": "application/json"})
                    matched = json.loads(answer.body)["matched_by"]
                    self.assertEqual(matched, "correlation" if both == {"5"} else "content")
                    if (ours, theirs) == ("auto", "auto"):
                        fact("version", version)
                        fact("matched by", matched)
                    responder.stop()

    def test_a_version_that_it_does_not_have_is_named(self):
        if not BROKER.refusal:
            self.skipTest("it has both")
        daemon = self.daemon("--protocol", "5", ready=False)
        with Caller(daemon.port) as caller:
            eventually(lambda: BROKER.refusal in caller.get("/readyz").text, BROKER.refusal)

    def test_many_calls_at_once_get_each_its_own_answer(self):
        self.responder()
        daemon = self.daemon()
        took = []

        def some(worker):
            with Caller(daemon.port) as caller:
                for n in range(10):
                    begun = time.monotonic()
                    answer = caller.transform("uppercase", f"text {worker} {n}", timeout="60s")
                    took.append(time.monotonic() - begun)
                    self.assertEqual((answer.status, answer.text), (200, f"TEXT {worker} {n}"))

        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            list(pool.map(some, range(50)))
        self.assertEqual(len(took), 500)
        fact("500 calls, 50 at a time", f"{time.monotonic() - begun:.1f} s")
        del took[:]
        with Caller(daemon.port) as caller:
            for n in range(100):
                begun = time.monotonic()
                self.assertEqual(caller.transform("reverse", "abc").text, "cba")
                took.append(time.monotonic() - begun)
        fact("median of 100 calls in a row", f"{statistics.median(took) * 1000:.1f} ms")

    def test_the_command_line_gets_its_answer_through_the_daemon_and_without(self):
        self.responder()
        daemon = self.daemon()
        for action in ACTIONS:
            for way in ({"daemon_url": daemon.url}, {}):
                options = [] if way else ["--direct"]
                with self.subTest(action=action, **way):
                    # Its client id is the NetID, and RabbitMQ 3.10 sometimes lets nobody in who
                    # comes back at once.
                    netid = "alice" if way else f"alice-{action}"
                    outcome = self.client(self.broker, *options, netid, action, TEXT, **way)
                    if not way and not BROKER.lets_cli_in:
                        self.assert_one_line(outcome, 4, "ot authorized")
                        continue
                    self.assertEqual((outcome.code, outcome.stderr), (0, ""))
                    self.assertTrue(is_answer(action, TEXT, outcome.stdout[:-1]), outcome)
        fact("mqtt_client --direct", "answered" if BROKER.lets_cli_in else "wants a user name")

    def test_a_netid_with_a_dot_is_answered(self):
        self.responder()
        daemon = self.daemon("--netids", "a.b")
        answer = call(daemon, "reverse", "abc", netid="a.b", timeout="2s")
        fact("NetID with a dot", answer.status)
        self.assertEqual(answer.status, 200 if BROKER.takes_dots else 504)

    # What breaks -------------------------------------------------------------------------------

    def test_it_may_be_restarted_or_killed_under_the_daemon(self):
        self.responder("--id", "the-one")
        daemon = self.daemon()
        for end in (self.broker.stop, self.broker.kill):
            with self.subTest(end=end.__name__):
                self.assert_all_answered(daemon)
                end()
                with Caller(daemon.port) as caller:
                    eventually(lambda: caller.get("/readyz").status == 503, "it is missed")
                    self.broker.start_again()
                    begun = time.monotonic()
                    eventually(lambda: caller.get("/readyz").status == 200, "it is found again")
                fact(f"ready again after {end.__name__}", f"{time.monotonic() - begun:.2f} s")
                eventually(lambda: call(daemon, "reverse", "abc").text == "cba", "an answer")
                self.assert_all_answered(daemon)
                self.assertEqual(self.status(daemon)["mqtt_version"], BROKER.versions[0])

    def test_a_dropped_connection_loses_no_answer(self):
        self.responder()
        with Proxy(self.broker) as network:
            daemon = self.daemon(url=network.url)
            with concurrent.futures.ThreadPoolExecutor(10) as pool:
                for _ in range(5):
                    calls = [pool.submit(call, daemon, "uppercase", f"abc {n}", timeout="30s")
                             for n in range(40)]
                    network.drop()
                    for n, answer in enumerate(calls):
                        self.assertEqual(answer.result().text, f"ABC {n}")
                    eventually(lambda: self.status(daemon)["ready"], "ready")

    def test_which_sessions_are_kept(self):
        if "5" not in BROKER.versions:
            self.skipTest("in version 3.1.1 we ask for none")
        kept = []
        for what, fault in (("drop", lambda: None), ("restart", self.broker.stop),
                            ("kill", self.broker.kill)):
            client = Client(self.broker, f"lasting-{what}", "lasting/topic").connect()
            client.drop()
            fault()
            if not self.broker.running():
                self.broker.start_again()
            client.connect(clean=False)
            if client.session_present:
                other = Client(self.broker).connect()
                other.publish("lasting/topic", what)
                with contextlib.suppress(queue.Empty):  # it may be there without its subscription
                    client.next()
                    kept.append(what)
                other.close()
            client.close()
        fact("sessions survive", ", ".join(kept) or "nothing")
        self.assertEqual(tuple(what for what in kept if what != "kill"), BROKER.sessions)

    # Who is there ------------------------------------------------------------------------------

    def announced(self, name):
        """A responder whose announcement the broker has, and a client that hears what follows."""
        announcements = Client(self.broker, topic=f"mqtt-responder/{name}/status").connect()
        responder = self.responder("--id", name)
        self.assertIn(b"uppercase", announcements.next())
        return responder, announcements

    def assert_deserted(self, daemon, name):
        begun = time.monotonic()
        eventually(lambda: problem(call(daemon, "reverse", "abc", timeout="1s")) == "no-responder",
                   "503 no-responder")
        fact(f"no-responder, {name}", f"{time.monotonic() - begun:.2f} s")

    def test_the_daemon_learns_that_the_last_responder_is_gone(self):
        for end in ("kill", "stop"):
            daemon = self.daemon()
            responder, announcements = self.announced(f"until-{end}")
            # An answer in version 3.1.1 does not say whose it is, so from then on nobody is missed.
            says_whose = "5" in BROKER.versions
            if says_whose:
                eventually(lambda: call(daemon, "reverse", "abc").status == 200, "an answer")
            getattr(responder, end)()
            self.assert_deserted(daemon, f"after {end}")
            self.assertEqual(announcements.next(), b"")
            announcements.close()
            fact("no-responder for an action that was answered before", says_whose)

    def test_the_daemon_learns_of_a_responder_that_was_there_before(self):
        responder, announcements = self.announced("earlier")
        announcements.close()
        daemon = self.daemon()
        if "5" in BROKER.versions:
            self.assert_all_answered(daemon)
        responder.kill()
        if BROKER.finds_births:
            self.assert_deserted(daemon, "of one that was there before")
        else:
            self.assertEqual(problem(call(daemon, "reverse", "abc", timeout="1s")),
                             "response-timeout")
        fact("responders from before are known", BROKER.finds_births)

    def test_the_will_leaves_no_announcement_behind(self):
        responder, announcements = self.announced("announced")
        responder.kill()
        self.assertEqual(announcements.next(), b"")
        announcements.close()
        # Of what is retained on the very topic, each of these brokers tells who comes later.
        later = Client(self.broker, topic="mqtt-responder/announced/status").connect()
        later.publish("mqtt-responder/announced/status", "the first that it hears")
        self.assertEqual(later.next(), b"the first that it hears")
        later.close()

    def test_a_responder_stays_known_when_the_daemon_comes_back_to_a_forgotten_session(self):
        """Longer away than its session lives, and longer back than it waits for announcements."""
        with Proxy(self.broker) as network:
            daemon = self.daemon("--timeout", "1s", "--max-timeout", "1s", url=network.url)
            self.announced("known")[1].close()
            self.assert_all_answered(daemon)
            network.blackhole(new_ones_too=True)
            self.assertEqual(problem(call(daemon, "reverse", "abc", timeout="1s")),
                             "response-timeout")
            eventually(lambda: not self.status(daemon)["ready"], "it is missed")
            time.sleep(20)  # the broker misses it after 1.5 keep-alives, its session ends 6 s later
            network.heal()
            eventually(lambda: self.status(daemon)["ready"], "ready")
            time.sleep(17)  # limits::session_lost_grace is 15 s
            self.assert_all_answered(daemon)

    # Groups ------------------------------------------------------------------------------------

    def test_a_group_of_responders_shares_the_requests_or_says_why_not(self):
        for version, expected in BROKER.shared.items():
            with self.subTest(version=version):
                group = ("--share", "all", "--protocol", version)
                pair = [self.responder_without_waiting("--id", f"{number}-{version}", *group)
                        for number in ("one", "two")]
                for responder in pair:
                    said = responder.wait_for_line(f"{SERVED}|{REFUSED}|{IGNORED}").group()
                    fact(f"group of responders, MQTT {version}", said)
                    self.assertRegex(said, expected)
                daemon = self.daemon()
                if expected == SERVED:
                    answers = Client(self.broker, topic="alice/reverse/response").connect()
                    for n in range(20):
                        self.assertEqual(call(daemon, "reverse", f"abc {n:02}").status, 200)
                    by_text = [answers.messages.get(timeout=20) for _ in range(20)]
                    self.assertEqual(len({bytes(each.payload) for each in by_text}), 20)
                    self.assertTrue(answers.messages.empty(), "each request is answered once")
                    if version == "5":
                        who = {dict(each.properties.UserProperty)["responder"] for each in by_text}
                        self.assertEqual(len(who), 2)
                    answers.close()
                else:
                    self.assertEqual(problem(call(daemon, "reverse", "abc", timeout="500ms")),
                                     "response-timeout")
                    self.assertFalse([line for responder in pair for line in responder.lines
                                      if line.endswith(" ready")])
                for responder in pair:
                    responder.stop()


if __name__ == "__main__":
    unittest.main()
