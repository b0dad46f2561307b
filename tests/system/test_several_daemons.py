"""Several daemons of one group, which serve the same NetIDs: each has topics of its own, one of them
takes the turns, and a proxy before them loses no call while they are restarted. HAProxy and nginx are
Debian's own, with the examples."""

import pathlib
import re
import socket
import subprocess
import unittest

from faults import FaultTest
from harness import BUILD, REPOSITORY, Caller, Daemon, Process, eventually, unused_port
from load import Load
from test_observability import status_of

EXAMPLES = REPOSITORY / "examples"


def group_of(daemon):
    return status_of(daemon)["group"]


def members(daemon):
    return sorted(each["client_id"] for each in group_of(daemon)["others"])


class Group(FaultTest):
    def member(self, broker, name, *options, **more):
        return self.world.daemon(broker, "--group", "g", "--client-id", name, *options, **more)


class SeveralDaemons(Group):
    def test_each_is_known_to_the_others_until_it_stops_or_is_killed(self):
        broker = self.world.broker()
        one, two = self.member(broker, "one"), self.member(broker, "two", "--takes-turns")
        self.assertEqual(members(two), ["one"])
        eventually(lambda: members(one) == ["two"], "one knows two")
        self.assertEqual(group_of(one)["others"], [{"client_id": "two", "takes_turns": True}])
        self.assertIs(group_of(one)["takes_turns"], False)
        self.assertIs(group_of(two)["takes_turns"], True)
        three = self.member(broker, "three")
        eventually(lambda: members(one) == ["three", "two"], "one knows three")
        two.stop()
        eventually(lambda: members(one) == ["three"], "one knows that two is gone")
        three.kill()
        eventually(lambda: members(one) == [], "one knows that three is gone")

    def test_answers_in_mqtt_5_come_to_the_one_that_asked_only(self):
        broker = self.world.broker()
        self.world.responder(broker)
        one, two = self.member(broker, "one"), self.member(broker, "two")
        with Caller(one.port) as caller:
            for number in range(20):
                self.assertEqual(caller.transform("reverse", f"abc {number}").status, 200)
        broker.wait_for_line(r"Sending PUBLISH to one \(.*'alice/reverse/response/one'", 20)
        broker.settle()
        self.assertFalse([line for line in broker.lines if re.search(
            r"Sending PUBLISH to two .*/response", line)])
        self.assertEqual(sum(status_of(two)["dropped_responses"].values()), 0)

    def test_each_hears_the_answers_of_an_old_service_and_takes_its_own(self):
        broker = self.world.broker()
        self.world.responder(broker, "--protocol", "3.1.1")
        one, two = self.member(broker, "one"), self.member(broker, "two")
        with Load(one.port, rate=100) as first, Load(two.port, rate=100) as second:
            first.wait_for_calls(300)
            second.wait_for_calls(300)
        for load in (first, second):
            self.assert_all_answered("two daemons, a service of MQTT 3.1.1", load)
        self.assertGreater(sum(status_of(two)["dropped_responses"].values()), 0)

    def test_turns_are_taken_by_the_one_that_is_told_to(self):
        broker = self.world.broker()
        self.world.responder(broker, "--protocol", "3.1.1", "--serve", "shout=tr a-z A-Z")
        one = self.member(broker, "one", "--action", "shout")
        two = self.member(broker, "two", "--action", "shout", "--takes-turns")
        eventually(lambda: members(one) == ["two"], "one knows two")
        with Caller(one.port) as first, Caller(two.port) as second:
            refused = first.transform("shout", "abc")
            self.assertEqual(refused.status, 503)
            self.assertIn("turns-elsewhere", refused.text)
            self.assertIn("'two'", refused.text)
            answer = second.transform("shout", "abc")
            self.assertEqual((answer.status, answer.text), (200, "ABC"))

    def test_no_turns_are_taken_while_two_are_told_to(self):
        broker = self.world.broker()
        self.world.responder(broker, "--protocol", "3.1.1", "--serve", "shout=tr a-z A-Z")
        options = ("--action", "shout", "--takes-turns", "--turn-rest", "1s")
        one = self.member(broker, "one", *options)
        with Caller(one.port) as caller:
            self.assertEqual(caller.transform("shout", "abc").status, 200)
            two = self.member(broker, "two", *options)
            with Caller(two.port) as other:
                self.assertEqual(other.transform("shout", "abc").status, 503)
            eventually(lambda: caller.transform("shout", "abc").status == 503, "one learns of it")
            two.kill()
            eventually(lambda: caller.transform("shout", "abc").status == 200, "one takes turns again")

    def test_no_turns_are_needed_where_the_service_says_that_it_sends_correlation_data(self):
        broker = self.world.broker()
        self.world.responder(broker, "--serve", "shout=tr a-z A-Z")
        daemons = [self.member(broker, name, "--action", "shout") for name in ("one", "two")]
        for daemon in daemons:
            with Caller(daemon.port) as caller:
                answer = caller.transform("shout", "abc")
                self.assertEqual((answer.status, answer.text), (200, "ABC"))

    def test_a_daemon_that_may_not_say_so_is_not_ready(self):
        acl = self.world.folder / "acl"
        acl.write_text("topic read #\ntopic write +/+/request\n")
        broker = self.world.broker(config=f"acl_file {acl}\nuser root")
        daemon = self.member(broker, "one", ready=False)
        daemon.wait_for_line("linked to")
        with Caller(daemon.port) as caller:
            eventually(lambda: "said of itself on mqtt-bridge/g/one/status" in
                       caller.get("/readyz").text, "/readyz says why")

    def test_the_common_topic_is_used_where_the_broker_refuses_the_own_one(self):
        acl = self.world.folder / "acl"
        acl.write_text("topic readwrite mqtt-bridge/#\ntopic readwrite mqtt-responder/#\n"
                       "topic readwrite +/+/request\ntopic readwrite +/+/response\n")
        broker = self.world.broker(config=f"acl_file {acl}\nuser root")
        self.world.responder(broker)
        daemon = self.member(broker, "one")
        with Caller(daemon.port) as caller:
            self.assertIn(caller.transform("reverse", "abc").status, (200, 504))


class BehindAProxy(Group):
    """Two daemons, two responders of a group, and a proxy with the example's configuration."""

    def start(self):
        self.broker = self.world.broker()
        self.responders = [self.world.responder(self.broker, "--share", "r", "--id", f"r-{n}")
                           for n in (1, 2)]
        self.take_ports()
        self.daemons = [self.start_daemon(n) for n in (0, 1)]

    def take_ports(self):
        """Of the proxy and of the two daemons."""
        self.ports = []
        for _ in range(3):
            with unused_port() as port:
                self.ports.append(port)

    def start_daemon(self, number):
        daemon = self.world.add_ours(Process("mqtt_bridged", [
            BUILD / "mqtt_bridged", "--broker", self.broker.url, "--netid", "alice",
            "--group", "g", "--client-id", f"bridge-{number}",
            "--listen", f"127.0.0.1:{self.ports[number + 1]}"]))
        daemon.port = self.ports[number + 1]
        daemon.wait_for_line("listening on")
        Daemon.wait_until_ready(daemon)
        return daemon

    def with_ports(self, example):
        """The example's text, with the ports of this test."""
        text = example.read_text()
        for standard, port in zip((8426, 8427, 8428), self.ports):
            text = re.sub(rf"127\.0\.0\.1:{standard}\b", f"127.0.0.1:{port}", text)
        return text

    def serve(self, *command):
        proxy = self.world.add(Process(pathlib.Path(command[0]).name, command))

        def listens():
            with socket.socket() as probe:
                return proxy.running() and probe.connect_ex(("127.0.0.1", self.ports[0])) == 0
        eventually(listens, f"{command[0]} listens\n{proxy.log()}")

    def assert_rolling_restarts_lose_nothing(self, name):
        with Load(self.ports[0], rate=100) as load:
            load.wait_for_calls(100)
            for _ in range(3):
                for number in (0, 1):
                    self.daemons[number].stop()
                    load.wait_for_calls(30)
                    self.daemons[number] = self.start_daemon(number)
                    load.wait_for_calls(30)
                for number in (0, 1):
                    self.responders[number].stop()
                    self.responders[number] = self.world.responder(
                        self.broker, "--share", "r", "--id", f"r-{number + 1}")
                    load.wait_for_calls(30)
        self.assert_all_answered(
            f"two daemons behind {name}, each and each of two responders restarted 3 times", load)

    def test_haproxy_loses_no_call_while_each_part_is_restarted(self):
        self.start()
        config = self.world.folder / "haproxy.cfg"
        config.write_text(self.with_ports(EXAMPLES / "haproxy/haproxy.cfg"))
        checked = subprocess.run(["/usr/sbin/haproxy", "-c", "-q", "-f", config], check=False,
                                 capture_output=True)
        self.assertEqual((checked.returncode, checked.stderr), (0, b""))
        self.serve("/usr/sbin/haproxy", "-db", "-f", config)
        self.assert_rolling_restarts_lose_nothing("HAProxy")

    def test_nginx_loses_no_call_while_each_part_is_restarted(self):
        self.start()
        config = self.world.folder / "nginx.conf"
        config.write_text(f"daemon off; pid {self.world.folder}/nginx.pid; error_log stderr;\n"
                          f"user root; events {{ worker_connections 4096; }}\nhttp {{ access_log off;\n"
                          f"{self.with_ports(EXAMPLES / 'nginx/several-daemons.conf')}\n}}\n")
        self.serve("/usr/sbin/nginx", "-c", config)
        self.assert_rolling_restarts_lose_nothing("nginx")


if __name__ == "__main__":
    unittest.main()
