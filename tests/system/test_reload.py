"""SIGHUP: the daemon takes its new configuration, or says in one line why it keeps the old one; the
calls in flight know nothing of it."""

import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from harness import (BUILD, PATIENCE, Caller, Daemon, Process, SystemTest, World, eventually,
                     read_answer)
from mqtt_peer import Peer, answer_with, responder, silent_service
from test_tls import Authority

TAKEN = "configuration reloaded"
KEPT = "the configuration stays as it was: "
OUTCOME = f"{TAKEN}$|{KEPT}.*"
TOKEN = "correct-horse"
RESPONSE_TOPICS = {"uppercase", "lowercase", "title-case", "reverse", "shuffle"}


class ConfiguredDaemon(Daemon):
    """mqtt_bridged with all its options in a file, which reload() writes anew."""

    def __init__(self, folder, **settings):
        self.socket_path = folder / "daemon.sock"
        self.config = folder / "bridged.toml"
        self.settings = {}
        self.reloads = 0
        self.configure(netid="alice", listen=["127.0.0.1:0", f"unix:{self.socket_path}"])
        self.configure(**settings)
        Process.__init__(self, "mqtt_bridged", [BUILD / "mqtt_bridged", "--config", self.config])

    def configure(self, **changes):
        """Writes the file; None takes a setting out of it."""
        self.settings.update(changes)
        self.config.write_text("".join(
            f"{name.replace('_', '-')} = {json.dumps(value, default=os.fspath)}\n"
            for name, value in self.settings.items() if value is not None))

    def hang_up(self):
        os.kill(self.pid, signal.SIGHUP)

    def reload(self, **changes):
        """What it says of the configuration with these changes."""
        self.configure(**changes)
        self.reloads += 1
        self.hang_up()
        return self.wait_for_line(OUTCOME, self.reloads).group()


class HeldAnswers(Peer):
    """A service that answers all requests in upper case, and none before release()."""

    def __init__(self, broker):
        self._held = []
        self._is_released = False
        self._lock = threading.Lock()
        super().__init__(broker, "+/+/request", self._hold)

    def _hold(self, client, request):
        with self._lock:
            self._held.append((client, request))
        if self._is_released:
            self.release()

    def release(self):
        self._is_released = True
        with self._lock:
            for client, request in self._held:
                topic = request.topic.removesuffix("request") + "response"
                client.publish(topic, request.payload.decode().upper(), qos=1)
            self._held.clear()


class Reload(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        world.responder(cls.broker)

    def start(self, **settings):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.world.folder))
        return self.world.add_ours(ConfiguredDaemon(folder, **settings))

    def daemon(self, at=None, ready=True, **settings):
        settings.setdefault("broker", (at or self.broker).url)
        daemon = self.start(**settings)
        daemon.wait_until_listening()
        if ready:
            daemon.wait_for_line(r"\blinked to\b")
        return daemon

    def assert_taken(self, daemon, **changes):
        self.assertEqual(daemon.reload(**changes), TAKEN)

    def call(self, where, text="abc", action="uppercase", headers=None, **query):
        with Caller(where.port if isinstance(where, Daemon) else where) as caller:
            return caller.transform(action, text, headers, **query)

    def assert_answered_right(self, answer, text="ABC"):
        self.assertEqual((answer.status, answer.text), (200, text), answer)

    def assert_slug(self, answer, slug):
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json", answer)
        self.assertEqual(json.loads(answer.body)["type"].rpartition("/")[2], slug, answer)

    def subscribed(self, packet, broker=None):
        """The filters that stood in packets of this name, as often as they did."""
        broker = broker or self.broker
        broker.settle()
        filters = []
        is_in_packet = False
        for line in list(broker.lines):
            text = line.partition(": ")[2]
            if text.startswith("\t") and is_in_packet:
                filters.append(text.split()[0])
            elif not text.startswith("\t"):
                is_in_packet = text.startswith(f"Received {packet} from")
        return filters


class WhatIsTaken(Reload):
    def test_the_log_level(self):
        daemon = self.daemon()
        self.call(daemon, headers={"Request-Id": "first"})
        # Only what needs a restart is said at this level: it tells that the rest was done.
        daemon.configure(log_level="warn", socket_mode="0600")
        daemon.hang_up()
        daemon.wait_for_line(r"with a restart only: socket-mode$")
        self.call(daemon, headers={"Request-Id": "second"})
        self.assert_taken(daemon, log_level="info", socket_mode=None)
        self.call(daemon, headers={"Request-Id": "third"})
        daemon.wait_for_line("request third")
        requests = [line for line in daemon.lines if "request " in line]
        self.assertEqual(len(requests), 2, requests)
        self.assertIn("request first", requests[0])

    def test_a_new_netid_can_be_called_at_once_and_a_removed_one_not(self):
        daemon = self.daemon(netid="owner-1")
        self.assert_slug(self.call(daemon, netid="new-1"), "netid-not-served")
        self.assert_taken(daemon, netids=["new-1"])
        self.assert_answered_right(self.call(daemon, netid="new-1"))
        topics = {f"new-1/{action}/response" for action in RESPONSE_TOPICS}
        self.assertLessEqual(topics, set(self.subscribed("SUBSCRIBE")))
        self.assertEqual(self.subscribed("UNSUBSCRIBE").count("new-1/uppercase/response"), 0)

        self.assert_taken(daemon, netids=[])
        self.assert_slug(self.call(daemon, netid="new-1"), "netid-not-served")
        eventually(lambda: topics <= set(self.subscribed("UNSUBSCRIBE")),
                   "the broker is told of what is served no more")
        self.assert_answered_right(self.call(daemon))
        # What stayed was asked for once.
        self.assertEqual(self.subscribed("SUBSCRIBE").count("owner-1/uppercase/response"), 1)
        self.assertNotIn("owner-1/uppercase/response", self.subscribed("UNSUBSCRIBE"))

    def test_the_netid_of_calls_that_name_none(self):
        daemon = self.daemon(netid="old-2")
        self.assert_taken(daemon, netid="new-2")
        self.assert_answered_right(self.call(daemon))
        self.broker.wait_for_line("Received PUBLISH from .*'new-2/uppercase/request'")
        self.assert_slug(self.call(daemon, netid="old-2"), "netid-not-served")

    def test_any_netid_and_back(self):
        daemon = self.daemon(netid="owner-3")
        self.assert_taken(daemon, netids=["*"])
        for netid in ("any-3", "owner-3"):
            self.assert_answered_right(self.call(daemon, netid=netid))
        self.assert_taken(daemon, netids=None)
        self.assert_slug(self.call(daemon, netid="any-3"), "netid-not-served")
        self.assert_answered_right(self.call(daemon))
        eventually(lambda: "+/uppercase/response" in self.subscribed("UNSUBSCRIBE"),
                   "the broker is told that not all are served any more")

    def test_an_action(self):
        broker = self.world.broker()
        daemon = self.daemon(broker)
        with responder(broker, answer_with(lambda payload: payload[::-1])):
            self.assert_slug(self.call(daemon, action="translate"), "unknown-action")
            self.assert_taken(daemon, action=["translate"])
            self.assert_answered_right(self.call(daemon, action="translate"), "cba")
            self.assertIn("alice/translate/response", self.subscribed("SUBSCRIBE", broker))
            self.assert_taken(daemon, action=[])
            self.assert_slug(self.call(daemon, action="translate"), "unknown-action")

    def test_a_token(self):
        daemon = self.daemon()
        token_file = self.world.folder / "token"
        first, second = ({"Authorization": f"Bearer {token}"} for token in ("first-1", "second-2"))
        with Caller(daemon.port) as caller:  # kept alive from one configuration to the next
            def status(headers=None):
                return caller.transform("uppercase", "abc", headers).status

            self.assertEqual(status(), 200)
            token_file.write_text("first-1\n")
            self.assert_taken(daemon, token_file=token_file)
            self.assertEqual([status(), status(second), status(first)], [401, 401, 200])
            token_file.write_text("second-2\n")
            self.assertEqual(status(first), 200)  # nobody said so yet
            self.assert_taken(daemon)
            self.assertEqual([status(), status(first), status(second)], [401, 401, 200])
            self.assert_taken(daemon, token_file=None)
            self.assertEqual(status(), 200)

    def test_who_may_call(self):
        daemon = self.daemon()
        page = {"Origin": "https://page.example"}
        name = {"Host": "bridge.example"}
        for headers in (page, name):
            self.assert_slug(self.call(daemon, headers=headers), "forbidden-origin")
        self.assert_taken(daemon, host=["bridge.example"], allow_origin=["https://page.example"])
        self.assert_answered_right(self.call(daemon, headers=name))
        answer = self.call(daemon, headers=page)
        self.assert_answered_right(answer)
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "https://page.example")
        self.assert_taken(daemon, host=None, allow_origin=None)
        for headers in (page, name):
            self.assert_slug(self.call(daemon, headers=headers), "forbidden-origin")

        def over_the_socket():
            return self.call(daemon.socket_path)

        self.assert_answered_right(over_the_socket())
        self.assert_taken(daemon, allow_user=[str(os.getuid() + 1)])
        self.assert_slug(over_the_socket(), "forbidden-user")
        self.assert_taken(daemon, allow_user=[str(os.getuid() + 1), str(os.getuid())])
        self.assert_answered_right(over_the_socket())

    def test_how_long_a_call_may_take(self):
        broker = self.world.broker()
        self.world.enter_context(silent_service(broker))
        daemon = self.daemon(broker)
        self.assertEqual(self.call(daemon, timeout="20ms").status, 504)
        self.assert_taken(daemon, timeout="50ms", max_timeout="1s")
        self.assert_slug(self.call(daemon, timeout="2s"), "invalid-parameter")
        self.assert_slug(self.call(daemon), "response-timeout")

    def test_how_many_calls_may_wait(self):
        broker = self.world.broker()
        daemon = self.daemon(broker, max_in_flight=1, max_queued=1)
        with HeldAnswers(broker) as held, concurrent.futures.ThreadPoolExecutor(8) as pool:
            def begin(in_flight, queued, **query):
                calls.append(pool.submit(self.call, daemon, "abc", timeout="60s", **query))
                eventually(lambda: self.waiting(daemon) == (in_flight, queued), "it waits")

            calls = []
            begin(1, 0)
            begin(1, 1)
            self.assert_slug(self.call(daemon), "overloaded")
            self.assert_taken(daemon, max_queued=2)
            begin(1, 2)
            self.assert_slug(self.call(daemon), "overloaded")
            self.assert_taken(daemon, max_in_flight=2)  # one of them is published at once
            eventually(lambda: self.waiting(daemon) == (2, 1), "there is room for another")
            self.assert_taken(daemon, max_per_netid=3, max_queued=10)
            self.assert_slug(self.call(daemon), "overloaded")
            self.assert_taken(daemon, max_per_netid=None, max_in_flight=1)  # less than there are
            self.assertEqual(self.waiting(daemon), (2, 1))
            held.release()
            for call in calls:
                self.assert_answered_right(call.result(PATIENCE))

    @staticmethod
    def waiting(daemon):
        with Caller(daemon.port) as caller:
            calls = json.loads(caller.get("/status").body)["calls"]
        return calls["in_flight"], calls["queued"]

    def test_a_password(self):
        passwords = self.world.folder / "passwords"
        for create, user in ((("-c",), "one"), ((), "two")):
            subprocess.run(["mosquitto_passwd", "-b", *create, passwords, user, f"of-{user}"],
                           check=True, capture_output=True)
        broker = self.world.broker(
            # As root it would give up the rights to read this file.
            config=f"allow_anonymous false\npassword_file {passwords}\nuser root")
        password_file = self.world.folder / "password"
        password_file.write_text("of-nobody\n")
        daemon = self.daemon(broker, ready=False, username="one", password_file=password_file)
        daemon.wait_for_line(r"no link to .*: the broker refused the connection")
        password_file.write_text("of-one\n")
        self.assert_taken(daemon)
        daemon.wait_for_line("linked to")
        password_file.write_text("of-two\n")
        self.assert_taken(daemon, username="two")
        daemon.wait_for_line("linked to", 2)
        for user in ("one", "two"):
            broker.wait_for_line(rf"New client connected from .*u'{user}'")
        self.assert_taken(daemon)  # with nothing new it stays
        with Caller(daemon.port) as caller:
            self.assertEqual(json.loads(caller.get("/status").body)["times_linked"], 2)
        self.assertEqual([line for line in daemon.lines if "of-" in line], [])

    def test_what_is_no_longer_served_is_unsubscribed_also_when_it_reconnects(self):
        broker = self.world.broker()
        daemon = self.daemon(broker, netids=["bob"])
        self.assert_taken(daemon, netids=None, username="anybody")
        daemon.wait_for_line("linked to", 2)
        self.assert_answered_right(self.call_answered(broker, daemon))
        self.assertIn("bob/uppercase/response", self.subscribed("UNSUBSCRIBE", broker),
                      "the session that it resumed still has the subscription")

    def call_answered(self, broker, daemon):
        with HeldAnswers(broker) as held:
            held.release()
            return self.call(daemon)

    def test_what_needs_a_restart_is_named(self):
        daemon = self.daemon()
        rest = daemon.settings["listen"]
        table = (
            ({"broker": "mqtt://elsewhere.invalid"}, "broker"),
            ({"broker": self.broker.url, "protocol": "3.1.1"}, "protocol"),
            ({"protocol": None, "client_id": "another"}, "client-id"),
            ({"client_id": None, "listen": rest[:1]}, "listen"),
            ({"listen": rest, "socket_mode": "0600"}, "socket-mode"),
            ({"socket_mode": None, "socket_group": "users"}, "socket-group"),
            ({"socket_group": None, "group": "g"}, "group"),
            ({"group": None, "state_dir": self.world.folder}, "state-dir"),
            ({"state_dir": None, "log_format": "json"}, "log-format"),
            ({"log_format": None, "protocol": "5", "state_dir": "/", "log_level": "debug"},
             "protocol, state-dir"))
        for changes, names in table:
            self.assert_taken(daemon, **changes)
            self.assertRegex(daemon.lines[-2], rf"warn .* with a restart only: {names}$")
            self.assert_answered_right(self.call(daemon))
        self.assert_taken(daemon, protocol=None, state_dir=None)
        self.assertEqual(sum("restart only" in line for line in daemon.lines), len(table))
        self.assertEqual(sum("linked to" in line for line in daemon.lines), 1)


class WhatIsRefused(Reload):
    def test_a_bad_configuration_changes_nothing(self):
        token_file = self.world.folder / "token"
        token_file.write_text(TOKEN)
        empty = self.world.folder / "empty"
        empty.touch()
        daemon = self.daemon(token_file=token_file, max_timeout="30s")
        good = daemon.config.read_text()
        count = good.count("\n")
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        table = (
            ('netid = "bob\n', count + 1, ""),
            ('netids = ["bob"\n', count + 1, ""),
            ('= "x"\n', count + 1, ""),
            ('netid = "bob"\n', count + 1, ""),  # twice
            ('tokn = "x"\n', count + 1, "unknown key 'tokn'"),
            ('max-queue = 5\n', count + 1, "did you mean 'max-queued'"),
            ('max-queued = 0\n', count + 1, "must be a number from 1 to"),
            ('max-queued = "5"\n', count + 1, "must be an integer"),
            ('timeout = "soon"\n', count + 1, "is not a duration"),
            ('action = ["uppercase"]\n', count + 1, "is served anyway"),
            ('\n\nnetids = ["a/b"]\n', count + 3, "must not contain '/'"),
            ('host = ["a b"]\n', count + 1, "is not a host name"),
            ('allow-origin = ["page.example"]\n', count + 1, "is not the origin"),
            ('log-level = "loud"\n', count + 1, "loud"),
            ('timeout = "50s"\n', None, "longer than --max-timeout"),
            ('allow-user = ["nobody-of-this-name"]\n', None, "there is no user"),
            ('password-file = "/nonexistent"\n', None, "--password-file needs --username"),
            ('username = "me"\npassword-file = "/nonexistent"\n', None,
             "--password-file: .* /nonexistent"),
            ('ca-file = "/nonexistent"\n', None, "mqtts"),
        )
        for more, line, reason in table:
            with self.subTest(more=more):
                daemon.config.write_text(good + more)
                where = f"{daemon.config}:{line}: " if line else ""
                self.assert_kept(daemon, re.escape(where) + ".*" + reason)
        for token in (empty, "/nonexistent", self.world.folder):
            with self.subTest(token_file=token):
                daemon.configure(token_file=token)
                self.assert_kept(daemon, rf"--token-file: .*{token}")
        daemon.config.unlink()
        self.assert_kept(daemon, rf"{daemon.config}: cannot be read: No such file")

        self.assertEqual(self.call(daemon).status, 401)
        self.assert_answered_right(self.call(daemon, headers=bearer))
        self.assert_slug(self.call(daemon, headers=bearer, netid="bob"), "netid-not-served")
        self.assert_slug(self.call(daemon, headers=bearer, timeout="40s"), "invalid-parameter")
        daemon.configure(token_file=token_file)
        self.assert_taken(daemon)
        self.assertEqual(sum("linked to" in line for line in daemon.lines), 1)

    def assert_kept(self, daemon, reason):
        """By one line, an error."""
        before = len(daemon.lines)
        daemon.reloads += 1
        daemon.hang_up()
        said = daemon.wait_for_line(OUTCOME, daemon.reloads).string
        self.assertEqual(daemon.lines[before:], [said])
        self.assertRegex(said, rf" error +{KEPT}.*{reason}")

    def test_a_door_that_others_can_reach_does_not_lose_its_token(self):
        """What is listened on changes with a restart only, so it is what counts."""
        token_file = self.world.folder / "token"
        token_file.write_text(TOKEN)
        daemon = self.start(broker=self.broker.url, listen=["0.0.0.0:0"], token_file=token_file)
        daemon.port = int(daemon.wait_for_line(r"listening on http://0\.0\.0\.0:(\d+)").group(1))
        daemon.wait_for_line("linked to")
        self.assertEqual(self.call(daemon).status, 401)
        daemon.reload(listen=["127.0.0.1:0"], token_file=None)
        self.assertEqual(self.call(daemon).status, 401)


class CertificatesThatChange(Reload):
    @classmethod
    def share(cls, world: World):
        cls.ours = Authority(world.folder / "ours")
        cls.others = Authority(world.folder / "others")
        certificate, key = cls.ours.sign("broker")
        cls.broker = world.broker(config="\n".join((
            "user root", f"certfile {certificate}", f"keyfile {key}", f"cafile {cls.ours.ca}",
            "require_certificate true", "use_identity_as_username true")))
        world.responder(f"mqtts://localhost:{cls.broker.port}", "--ca-file", cls.ours.ca,
                        "--cert-file", cls.ours.sign("the-responder")[0],
                        "--key-file", cls.ours.folder / "the-responder.key")

    def setUp(self):
        super().setUp()
        self.ca_file, self.cert_file, self.key_file = (
            self.world.folder / name for name in ("ca.pem", "cert.pem", "key.pem"))
        shutil.copy(self.ours.ca, self.ca_file)

    def show(self, name):
        """Puts another certificate in the place of ours."""
        for source, target in zip(self.ours.sign(name), (self.cert_file, self.key_file)):
            shutil.copy(source, target)

    def tls_daemon(self, ready=True):
        return self.daemon(None, ready, broker=f"mqtts://localhost:{self.broker.port}",
                           ca_file=self.ca_file, cert_file=self.cert_file, key_file=self.key_file)

    def test_a_new_certificate_of_ours_is_shown(self):
        self.show("first")
        daemon = self.tls_daemon()
        self.broker.wait_for_line("New client connected from .*u'first'")
        self.show("second")
        self.assert_taken(daemon)
        daemon.wait_for_line("linked to", 2)
        self.broker.wait_for_line("New client connected from .*u'second'")
        self.assert_answered_right(self.call(daemon))
        self.assert_taken(daemon)
        self.assertEqual(sum("linked to" in line for line in daemon.lines), 2)

    def test_other_authorities_are_believed(self):
        self.show("third")
        shutil.copy(self.others.ca, self.ca_file)
        daemon = self.tls_daemon(ready=False)
        daemon.wait_for_line("no link to .*cannot be trusted")
        shutil.copy(self.ours.ca, self.ca_file)
        self.assert_taken(daemon)
        daemon.wait_for_line("linked to")
        shutil.copy(self.others.ca, self.ca_file)
        self.assert_taken(daemon)
        with Caller(daemon.port) as caller:
            eventually(lambda: "cannot be trusted" in caller.get("/readyz").text,
                       "/readyz says why there is no link any more")

    def test_broken_files_are_refused_and_the_connection_stays(self):
        self.show("fourth")
        daemon = self.tls_daemon()
        good = {file: file.read_text() for file in (self.ca_file, self.cert_file, self.key_file)}
        for file in good:
            for text in ("", "no certificate\n", good[file][:len(good[file]) // 2], None):
                with self.subTest(file=file.name, text=text):
                    file.unlink() if text is None else file.write_text(text)
                    self.assertRegex(daemon.reload(), f"^{KEPT}.*{file}")
                    file.write_text(good[file])
        self.key_file.write_text(pathlib.Path(self.ours.sign("fifth")[1]).read_text())
        self.assertRegex(daemon.reload(), f"^{KEPT}.*{self.key_file}")
        self.assert_answered_right(self.call(daemon))
        self.assertEqual(sum("linked to" in line for line in daemon.lines), 1)
        self.key_file.write_text(good[self.key_file])
        self.assert_taken(daemon)
        self.assertEqual(sum("linked to" in line for line in daemon.lines), 1)


class CallsInFlight(Reload):
    """Each is published, then the configuration changes, then it is answered."""

    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()

    def setUp(self):
        super().setUp()
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        self.addCleanup(self.pool.shutdown)
        self.token_file = self.world.folder / "token"
        self.token_file.write_text(TOKEN)

    @contextlib.contextmanager
    def in_flight(self, daemon, topic, headers=None, **query):
        """One call that waits within the block, and is answered right at its end."""
        with HeldAnswers(self.broker) as held:
            call = self.pool.submit(self.call, daemon, "abc", "uppercase", headers, timeout="10s",
                                    **query)
            self.broker.wait_for_line(f"Received PUBLISH from .*'{topic}/uppercase/request'")
            yield
            held.release()
            self.assert_answered_right(call.result(PATIENCE))

    def test_are_answered_after_nothing_changed(self):
        daemon = self.daemon(netid="still")
        with self.in_flight(daemon, "still"):
            self.assert_taken(daemon)

    def test_are_answered_after_a_reconnect(self):
        daemon = self.daemon(netid="again")
        with self.in_flight(daemon, "again"):
            self.assert_taken(daemon, username="somebody")
            daemon.wait_for_line("linked to", 2)

    def test_are_answered_while_it_reconnects(self):
        daemon = self.daemon(netid="meanwhile")
        with self.in_flight(daemon, "meanwhile"):
            self.assert_taken(daemon, username="somebody")

    def test_are_answered_once_another_token_is_asked_for(self):
        daemon = self.daemon(netid="token", token_file=self.token_file)
        with self.in_flight(daemon, "token", {"Authorization": f"Bearer {TOKEN}"}):
            self.token_file.write_text("another")
            self.assert_taken(daemon)
            self.assertEqual(
                self.call(daemon, headers={"Authorization": f"Bearer {TOKEN}"}).status, 401)

    def test_are_answered_once_a_token_is_asked_for(self):
        daemon = self.daemon(netid="door")
        with self.in_flight(daemon, "door"):
            self.assert_taken(daemon, token_file=self.token_file)

    def test_are_answered_under_a_netid_that_is_served_no_more(self):
        daemon = self.daemon(netids=["leaves"])
        with self.in_flight(daemon, "leaves", netid="leaves"):
            self.assert_taken(daemon, netids=None)
            self.assert_slug(self.call(daemon, netid="leaves"), "netid-not-served")

    def test_are_answered_under_a_netid_that_comes_to_be_one_of_all(self):
        daemon = self.daemon(netid="one")
        with self.in_flight(daemon, "one"):
            self.assert_taken(daemon, netids=["*"])

    def test_are_answered_with_less_time_and_room_for_others(self):
        daemon = self.daemon(netid="room")
        with self.in_flight(daemon, "room"):
            self.assert_taken(daemon, max_timeout="1s", timeout="1s", max_in_flight=1,
                              max_queued=1, max_per_netid=1, host=["bridge.example"],
                              allow_user=["0"], log_level="debug")


class ManyHangUps(Reload):
    def assert_no_call_is_lost(self, daemon, configurations, count):
        """While callers call, `count` reloads, each time with the next of these changes."""
        done = threading.Event()
        answered = collections.Counter()

        def call_on(number):
            with Caller(daemon.port) as caller:
                while not done.is_set():
                    text = f"text {number} {answered[number]}"
                    self.assert_answered_right(
                        caller.transform("uppercase", text, timeout="5s"), text.upper())
                    answered[number] += 1

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            callers = [pool.submit(call_on, number) for number in range(6)]
            try:
                for turn in range(count):
                    before = answered.total()
                    self.assert_taken(daemon, **configurations[turn % len(configurations)])
                    eventually(lambda: answered.total() > before, "calls are answered")
                    if any(caller.done() for caller in callers):
                        break
            finally:
                done.set()
            for caller in callers:
                caller.result(PATIENCE)

    def test_lose_no_call_with_nothing_new(self):
        self.assert_no_call_is_lost(self.daemon(), [{}], 100)

    def test_lose_no_call_while_netids_come_and_go(self):
        self.assert_no_call_is_lost(
            self.daemon(), [{"netids": ["bob", "carol"]}, {"netids": ["carol"], "action": ["x"]},
                            {"netids": None, "action": None}], 100)

    def test_lose_no_call_while_ours_is_one_of_all_and_then_not(self):
        self.assert_no_call_is_lost(self.daemon(), [{"netids": ["*"]}, {"netids": None}], 100)

    def test_lose_no_call_while_it_reconnects(self):
        daemon = self.daemon()
        self.assert_no_call_is_lost(daemon, [{"username": "one"}, {"username": "two"}], 20)

    def test_that_come_faster_than_they_are_served_do_no_harm(self):
        daemon = self.daemon()
        daemon.configure(netids=["bob"])
        for _ in range(1000):
            daemon.hang_up()
        daemon.wait_for_line(OUTCOME)
        self.assert_answered_right(self.call(daemon, netid="bob"))


class AFileThatIsSlow(Reload):
    """A pipe in the place of the configuration: it is read as long as nobody writes to it."""

    @contextlib.contextmanager
    def being_read(self):
        daemon = self.daemon()
        good = daemon.config.read_text()
        daemon.config.unlink()
        os.mkfifo(daemon.config)
        daemon.hang_up()
        with open(daemon.config, "w") as pipe:  # once it is open at the other end
            yield daemon, pipe, good

    def test_keeps_no_call_waiting(self):
        with self.being_read() as (daemon, pipe, good):
            self.assert_answered_right(self.call(daemon, timeout="2s"))
            self.assert_slug(self.call(daemon, netid="bob"), "netid-not-served")
            pipe.write(good + 'netids = ["bob"]\n')
        daemon.wait_for_line(OUTCOME)
        self.assert_answered_right(self.call(daemon, netid="bob"))

    def test_is_read_again_when_it_has_changed_meanwhile(self):
        with self.being_read() as (daemon, pipe, good):
            pipe.write(good)
            daemon.config.unlink()
            daemon.config.write_text(good + 'netids = ["bob"]\n')
            daemon.hang_up()
            self.assert_answered_right(self.call(daemon))  # it has looked at the signal
        daemon.wait_for_line(TAKEN, 2)
        self.assert_answered_right(self.call(daemon, netid="bob"))

    def test_does_not_keep_the_daemon_from_its_end(self):
        with self.being_read() as (daemon, _, _):
            daemon.ask_to_stop()
            self.assertEqual(daemon.wait(), 0)


class WhileItShutsDown(Reload):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()

    def test_a_reload_harms_no_call_in_flight(self):
        changes = {"nothing": {}, "netid": {"netids": ["bob"]}, "link": {"username": "somebody"}}
        for netid, change in changes.items():
            with self.subTest(change=change), HeldAnswers(self.broker) as held, \
                    concurrent.futures.ThreadPoolExecutor(1) as pool:
                daemon = self.daemon(netid=netid)
                call = pool.submit(self.call, daemon, timeout="10s")
                self.broker.wait_for_line(f"Received PUBLISH from .*'{netid}/uppercase/request'")
                daemon.ask_to_stop()
                daemon.wait_for_line("shutting down; 1 calls in flight")
                self.assert_taken(daemon, **change)
                held.release()
                self.assert_answered_right(call.result(PATIENCE))
                self.assertEqual(daemon.wait(), 0)

    def test_a_reload_after_the_goodbye_to_the_broker_does_no_harm(self):
        """A caller that has sent half of its request has a moment to send the rest of it; what else
        there was to do is done by then."""
        changes = ({}, {"netid": "bob"}, {"netids": ["carol"]}, {"username": "somebody"})
        for change in changes:
            with self.subTest(change=change):
                daemon = self.daemon()
                with socket.create_connection(("127.0.0.1", daemon.port), PATIENCE) as half:
                    half.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
                    with Caller(daemon.port) as caller:  # a younger one: half was read
                        self.assertEqual(caller.get("/healthz").status, 200)
                    daemon.ask_to_stop()
                    daemon.wait_for_line("shutting down")
                    daemon.configure(**change)
                    daemon.hang_up()
                    daemon.wait_for_line(f"{OUTCOME}|stopped$")
                    half.sendall(b"\r\n")
                    self.assertEqual(read_answer(half).status, 200)
                self.assertEqual(daemon.wait(), 0)


if __name__ == "__main__":
    unittest.main()
