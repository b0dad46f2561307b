"""Two daemons behind HAProxy, two responders and two bridged brokers, each restarted in turn for five
minutes at 500 calls a second. ROLLING_SECONDS and ROLLING_RATE make it shorter or slower."""

import os
import socket
import time
import unittest

import test_several_daemons
from faults import say
from harness import BUILD, Daemon, Process, eventually
from load import Load
from test_several_brokers import bridge_to

SECONDS = int(os.environ.get("ROLLING_SECONDS", "300"))
RATE = int(os.environ.get("ROLLING_RATE", "500"))
BRIDGED = r"New client connected from \S+ as \S*other"


class RollingRestarts(test_several_daemons.BehindAProxy):
    # The tests of the class that this one has its parts from are not run again.
    test_haproxy_loses_no_call_while_each_part_is_restarted = None
    test_nginx_loses_no_call_while_each_part_is_restarted = None

    def all_brokers(self, first):
        """As options, this one first."""
        return [option for broker in (self.brokers[first], self.brokers[1 - first])
                for option in ("--broker", broker.url)]

    def start_daemon(self, number):
        daemon = self.world.add_ours(Process("mqtt_bridged", [
            BUILD / "mqtt_bridged", *self.all_brokers(number), "--netid", "alice", "--group", "g",
            "--client-id", f"bridge-{number}", "--log-level", "warn",
            "--listen", f"127.0.0.1:{self.ports[number + 1]}"]))
        daemon.port = self.ports[number + 1]

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", daemon.port)) == 0
        eventually(listens, "it listens")
        Daemon.wait_until_ready(daemon)
        return daemon

    def start_responder(self, number):
        responder = self.world.add_ours(Process("mqtt_responder", [
            BUILD / "mqtt_responder", *self.all_brokers(number), "--id", f"r-{number}"]))
        responder.wait_for_line(r"\bready\b")
        return responder

    def restart_daemon(self, number):
        self.daemons[number].stop()
        self.daemons[number] = self.start_daemon(number)

    def restart_responder(self, number):
        self.responders[number].stop()
        self.responders[number] = self.start_responder(number)

    def restart_broker(self, number):
        bridges = len([line for line in self.brokers[1].lines if "other" in line])
        self.brokers[number].stop()
        self.brokers[number].start_again()
        self.brokers[number].started()
        if number == 0:
            eventually(lambda: len([line for line in self.brokers[1].lines if "other" in line])
                       > bridges, "it is a bridge again")
        else:
            self.brokers[1].wait_for_line(BRIDGED)
        for daemon in self.daemons:
            Daemon.wait_until_ready(daemon)

    def test_no_call_fails_for_five_minutes_of_restarts_of_each_part_in_turn(self):
        two = self.world.broker()
        one = self.world.broker(config=bridge_to(two))
        two.wait_for_line(BRIDGED)
        self.brokers = [one, two]
        self.take_ports()
        self.responders = [self.start_responder(number) for number in (0, 1)]
        self.daemons = [self.start_daemon(number) for number in (0, 1)]
        config = self.world.folder / "haproxy.cfg"
        config.write_text(self.with_ports(test_several_daemons.EXAMPLES / "haproxy/haproxy.cfg"))
        self.serve("/usr/sbin/haproxy", "-db", "-f", config)
        restarts = 0
        with Load(self.ports[0], rate=RATE) as load:
            load.wait_for_calls(RATE)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                for restart in (self.restart_daemon, self.restart_responder, self.restart_broker):
                    for number in (0, 1):
                        restart(number)
                        restarts += 1
                        load.wait_for_calls(RATE)
        say("rolling restarts", f"seconds={SECONDS} rate={RATE} restarts={restarts}")
        self.assert_all_answered("daemons, responders and brokers restarted in turn", load)


if __name__ == "__main__":
    unittest.main()
