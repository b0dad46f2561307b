"""Which way mqtt_client goes, and what it says of the other one: a daemon that was named is never
left aside, one that was not is left aside with a reason."""

import pathlib
import shutil
import socket
import subprocess
import unittest

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import private_machine
from harness import (BUILD, PATIENCE, Daemon, Outcome, SystemTest, World, environment, run,
                     unused_port)
from mqtt_peer import Peer

SYSTEM_SOCKET = pathlib.Path("/run/mqtt-bridge/bridge.sock")
NOBODY = 65534


def setUpModule():
    private_machine.enter()
    SYSTEM_SOCKET.parent.mkdir()


class Ways(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.responder = world.responder(cls.broker)

    def call(self, *arguments, netid="alice", port=None, **env):
        return run([BUILD / "mqtt_client", "--host", "127.0.0.1", "-p",
                    str(port or self.broker.port), *arguments, netid, "uppercase", "abc"],
                   environment(**env))

    def daemon_at_the_systems_socket(self, *options):
        daemon = self.world.add_ours(Daemon(
            self.world.folder, "--listen", f"unix:{SYSTEM_SOCKET}", "--broker", self.broker.url,
            "--netid", "alice", *options))
        daemon.wait_until_listening()
        daemon.wait_until_ready()
        return daemon


class NotNamed(Ways):
    def test_without_any_daemon_the_broker_answers_and_nothing_else_is_said(self):
        self.assert_answered(self.call(), "ABC")

    def test_the_daemon_at_the_systems_socket_is_asked(self):
        before = self.broker.connected("alice")
        self.daemon_at_the_systems_socket()
        self.assert_answered(self.call(), "ABC")
        self.assertEqual(self.broker.connected("alice"), before)

    def test_one_that_does_not_serve_the_netid_or_the_broker_is_left_aside_with_a_word(self):
        self.daemon_at_the_systems_socket()
        other = self.world.broker()
        self.world.responder(other)
        for call, words in (({"netid": "erin"}, "does not serve the NetID erin; its --netids"),
                            ({"port": other.port}, f"serves {self.broker.url}")):
            outcome = self.call(**call)
            self.assertEqual((outcome.code, outcome.stdout), (0, "ABC\n"))
            self.assertRegex(outcome.stderr,
                             f"^mqtt_client: asked the broker itself: mqtt_bridged at "
                             f"unix:{SYSTEM_SOCKET}: .*{words}.*\n$")
            self.assertEqual(self.call("-v", **call).stderr.count(words), 1)

    def test_a_call_that_fails_says_why_no_daemon_was_asked(self):
        with unused_port() as port:
            outcome = self.call(port=port)
            self.assert_one_line(outcome, 4, f"there is no broker at 127.0.0.1:{port}",
                                 f"unix:{SYSTEM_SOCKET}: No such file or directory",
                                 "http://127.0.0.1:8426: Connection refused")

    def test_a_call_that_fails_says_why_the_daemon_was_left_aside(self):
        self.daemon_at_the_systems_socket()
        outcome = self.call("--timeout", "300ms", netid="erin", port=self.world.broker().port)
        self.assert_one_line(outcome, 3, f"mqtt_bridged at unix:{SYSTEM_SOCKET}: ")

    def test_a_call_that_ends_before_it_is_connected_says_what_it_waited_for(self):
        for _ in range(20):
            outcome = self.call("--direct", "--timeout", "1ms")
            if outcome.code != 0:
                self.assertNotIn("no connection to the MQTT broker (", outcome.stderr)

    def test_with_direct_no_daemon_is_spoken_of(self):
        with unused_port() as port:
            outcome = self.call("--direct", port=port)
            self.assert_one_line(outcome, 4, f"(broker mqtt://127.0.0.1:{port})")


class Named(Ways):
    """By the option or by the variable, which is the same."""

    def assert_fails(self, url, code, *words, **call):
        for arguments, env in ((("--daemon", url), {}), ((), {"MQTT_BRIDGE_URL": url})):
            before = self.broker.connected(call.get("netid", "alice"))
            self.assert_one_line(self.call(*arguments, **call, **env), code, url, "--direct", *words)
            self.assertEqual(self.broker.connected(call.get("netid", "alice")), before,
                             "it went to the broker itself")

    def test_one_that_is_not_there_is_not_replaced_by_the_broker(self):
        self.assert_fails("unix:/run/nothing-here.sock", 1, "No such file or directory")
        self.assert_fails("http://127.0.0.1:8426", 1, "Connection refused")

    def test_one_whose_host_does_not_resolve_is_not_replaced(self):
        self.assert_fails("http://no-such-host.invalid:8426", 1, "no-such-host.invalid")

    def test_one_that_does_not_serve_the_netid_is_not_replaced_and_netids_is_named(self):
        daemon = self.world.daemon(self.broker)
        self.assert_fails(daemon.url, 1, "erin", "--netids", netid="erin")

    def test_one_that_has_another_broker_is_not_replaced(self):
        daemon = self.world.daemon(self.broker)
        self.assert_fails(daemon.url, 1, "--host", port=self.world.broker().port)

    def test_one_that_closes_before_the_whole_request_came_is_not_replaced(self):
        with socket.create_server(("127.0.0.1", 0)) as impostor:
            url = f"http://127.0.0.1:{impostor.getsockname()[1]}"
            client = subprocess.Popen(
                [BUILD / "mqtt_client", "--host", "127.0.0.1", "-p", str(self.broker.port),
                 "--daemon", url, "alice", "uppercase", "a" * 100_000],
                env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            impostor.settimeout(PATIENCE)
            connected, _ = impostor.accept()
            connected.close()
            out, err = client.communicate(timeout=PATIENCE)
        self.assertEqual((client.returncode, out), (1, b""))
        self.assertIn(url, err.decode())

    def test_direct_beats_the_variable(self):
        self.assert_answered(self.call("--direct", MQTT_BRIDGE_URL="unix:/run/nothing-here.sock"),
                             "ABC")


class ErrorsOfAResponder(Ways):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()

    # Control characters, which mosquitto passes on to nobody, are client/verdict_test.cpp's.
    def test_what_it_says_tells_a_terminal_nothing_whichever_way_it_came(self):
        def refuse(client, request):
            properties = Properties(PacketTypes.PUBLISH)
            properties.CorrelationData = request.properties.CorrelationData
            properties.UserProperty = [
                ("status", "422"),
                ("error", "no\u2028mqtt_client: all is well \u202egnorw \u00e9")]
            client.publish(request.properties.ResponseTopic, b"", qos=1, properties=properties)

        daemon = self.world.daemon(self.broker, netid="carl")
        with Peer(self.broker, "carl/reverse/request", refuse, protocol=mqtt.MQTTv5):
            for way in (["--direct"], ["--daemon", daemon.url]):
                outcome = run([BUILD / "mqtt_client", "--host", "127.0.0.1", "-p",
                               str(self.broker.port), *way, "carl", "reverse", "abc"], environment())
                self.assert_one_line(outcome, 1, "no mqtt_client: all is well  gnorw \u00e9")
                self.assertNotRegex(outcome.stderr, "[\u2028\u202e]")


class Forbidden(Ways):
    """The socket is there, and an ordinary user may not open it."""

    def setUp(self):
        super().setUp()
        self.programs = self.world.folder / "programs"
        (self.programs / "libexec").mkdir(parents=True)
        shutil.copy(BUILD / "mqtt_client", self.programs)
        shutil.copy(BUILD / "libexec" / "mqtt_client_direct", self.programs / "libexec")
        for folder in (self.world.folder, self.programs, self.programs / "libexec"):
            folder.chmod(0o755)
        self.environment = environment()
        options = self.environment.get("TSAN_OPTIONS", "")
        if options.startswith("suppressions="):  # which that user cannot read where they are
            shutil.copy(options.partition("=")[2], self.programs)
            self.environment["TSAN_OPTIONS"] = f"suppressions={self.programs}/tsan.supp"

    def call_as_ordinary_user(self, port, *arguments):
        completed = subprocess.run(
            [self.programs / "mqtt_client", *arguments, "--host", "127.0.0.1", "-p", str(port),
             "alice", "uppercase", "abc"], env=self.environment, capture_output=True, check=False,
            stdin=subprocess.DEVNULL, timeout=PATIENCE, user=NOBODY, group=NOBODY, extra_groups=[])
        return Outcome(completed.returncode, completed.stdout.decode(), completed.stderr.decode())

    def test_the_broker_is_asked_and_one_line_says_why_no_daemon_was(self):
        self.daemon_at_the_systems_socket("--socket-mode", "0600")
        outcome = self.call_as_ordinary_user(self.broker.port)
        self.assertEqual((outcome.code, outcome.stdout), (0, "ABC\n"), outcome)
        self.assertRegex(outcome.stderr, r"\A[^\n]+Permission denied[^\n]*\n\Z")
        self.assertIn(str(SYSTEM_SOCKET), outcome.stderr)

    def test_a_call_that_fails_says_so_in_its_one_line(self):
        self.daemon_at_the_systems_socket("--socket-mode", "0600")
        with unused_port() as port:
            self.assert_one_line(self.call_as_ordinary_user(port), 4, "Permission denied",
                                 str(SYSTEM_SOCKET), f"127.0.0.1:{port}")

    def test_a_daemon_that_was_named_is_not_replaced(self):
        self.daemon_at_the_systems_socket("--socket-mode", "0600")
        outcome = self.call_as_ordinary_user(self.broker.port, "--daemon", f"unix:{SYSTEM_SOCKET}")
        self.assert_one_line(outcome, 1, "Permission denied", str(SYSTEM_SOCKET), "--direct")


if __name__ == "__main__":
    unittest.main()
