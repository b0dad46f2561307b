"""What happens to the callers when the network between the daemon and the broker fails under load,
or another client takes the daemon's place there. Each test prints what it counted, as test_faults
does."""

import concurrent.futures
import contextlib
import os
import pathlib
import re
import socket
import threading
import time
import unittest

from faults import STABLE, FaultTest, milliseconds, paused, say
from harness import BUILD, PATIENCE, Caller, eventually
from load import SLACK, Batch, Load
from proxy import TO_BROKER, TO_CLIENT, Proxy


class TheNetwork(FaultTest):
    def setUp(self):
        super().setUp()
        self.broker = self.world.broker()
        self.responder = self.world.responder(self.broker)
        self.proxy = self.world.enter_context(Proxy(self.broker))
        self.daemon = self.world.daemon(self.proxy.url)

    def test_every_call_is_answered_when_the_connection_is_dropped(self):
        for abruptly, how in ((True, "RST"), (False, "FIN")):
            with Load(self.daemon.port) as load:
                for _ in range(10):
                    self.let_it_last(self.daemon)
                    self.proxy.drop(abruptly)
                load.wait_for_calls(200)
            self.assert_all_answered(f"connection dropped ({how}), 10 times", load)

    def test_every_call_is_answered_when_a_connection_in_mqtt_3_is_dropped(self):
        daemon = self.world.daemon(self.proxy.url, "--protocol", "3.1.1")
        with Load(daemon.port) as load:
            for _ in range(10):
                self.let_it_last(daemon)
                self.proxy.drop()
            load.wait_for_calls(200)
        self.assert_all_answered("connection dropped, MQTT 3.1.1, 10 times", load)

    def test_every_call_is_answered_when_the_connection_is_dropped_within_a_packet(self):
        for way in (TO_BROKER, TO_CLIENT):
            with Load(self.daemon.port) as load:
                for after in (1, 2, 3, 7, 20, 40, 60):
                    self.let_it_last(self.daemon)
                    self.proxy.drop_mid_packet(way, after)
                    eventually(self.proxy.has_cut, "the proxy has cut a packet")
                load.wait_for_calls(200)
            self.assert_all_answered(f"connection dropped within a packet {way}, 7 times", load)

    def test_a_half_open_connection_is_noticed_within_five_seconds_and_costs_no_call(self):
        with Load(self.daemon.port, timeout=15) as load:
            load.wait_for_calls(200)
            self.proxy.blackhole()
            begin = time.monotonic()
            self.daemon.wait_for_line("the broker does not answer")
            noticed = time.monotonic() - begin
            load.wait_for_calls(400)
        self.assert_all_answered(
            f"half-open connection, noticed after {milliseconds(noticed)}", load)
        self.assertLess(noticed, 5 + SLACK)

    def test_a_half_open_connection_is_noticed_too_while_only_few_calls_wait(self):
        """One waits for its answer alone, and one for the broker's acknowledgement too. The link is
        old enough that nothing is published again by itself."""
        time.sleep(8.5)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            with paused(self.responder):
                first = pool.submit(Batch, self.daemon.port, [("reverse", "first")], 1, 15)
                self.broker.wait_for_line(r"Sending PUBACK to ")
                time.sleep(0.05)
                self.proxy.blackhole()
                begin = time.monotonic()
                second = pool.submit(Batch, self.daemon.port, [("reverse", "second")], 1, 15)
                self.daemon.wait_for_line("no link to ")
                noticed = time.monotonic() - begin
            for batch in (first.result(), second.result()):
                self.assert_decided(batch)
        say("half-open connection while few calls wait", f"noticed after {milliseconds(noticed)}")
        self.assertLess(noticed, 5 + SLACK)

    def test_calls_end_at_their_deadlines_when_the_network_swallows_everything(self):
        with Load(self.daemon.port, timeout=2) as load:
            load.wait_for_calls(200)
            self.proxy.blackhole(new_ones_too=True)
            time.sleep(6)
            self.proxy.heal()
            self.daemon.wait_until_ready()
            ready = time.monotonic()
            load.wait_for_calls(400)
        self.assert_ends_with("network swallows everything for 6 s", load, *self.AWAY)
        late = [call for call in load.failed if call.started > ready + 1]
        self.assertEqual(late, [])

    def test_every_call_is_answered_on_a_slow_network(self):
        self.proxy.delay(0.05)
        with Load(self.daemon.port, rate=100) as load:
            load.wait_for_calls(400)
        self.assert_all_answered("network slow by 50 ms each way, 100 calls/s", load)

    def test_every_call_is_answered_on_a_trickling_network(self):
        self.proxy.trickle(7, 0.001)
        with Load(self.daemon.port, rate=20) as load:
            load.wait_for_calls(80)
        self.assert_all_answered("network trickles 7 bytes at a time, 20 calls/s", load)


class OurClientId(FaultTest):
    CLIENT_ID = "mine-alone"
    TAKEN_OVER = b"\xe0\x02\x8e\x00"  # DISCONNECT, session taken over (MQTT 5.0 3.14.2.1)

    def intrude(self, broker):
        """Connects with the daemon's own client id, and returns when thrown out."""
        name = self.CLIENT_ID.encode()
        rest = b"\x00\x04MQTT\x05\x02\x00\x3c\x00" + len(name).to_bytes(2, "big") + name
        with socket.create_connection(("127.0.0.1", broker.port), PATIENCE) as connected:
            connected.sendall(bytes([0x10, len(rest)]) + rest)
            while connected.recv(100):
                pass

    def test_the_daemon_does_not_fight_for_its_client_id_where_the_broker_says_it_is_taken(self):
        broker = self.world.broker()
        self.world.responder(broker)
        proxy = self.world.enter_context(Proxy(broker))
        daemon = self.world.daemon(proxy.url, "--client-id", self.CLIENT_ID)
        with Load(daemon.port) as load:
            self.let_it_last(daemon)
            begin = time.monotonic()
            proxy.last_words(self.TAKEN_OVER)
            daemon.wait_for_line(f"another client uses our client id '{self.CLIENT_ID}'")
            daemon.wait_until_ready()
            away = time.monotonic() - begin
            ready = time.monotonic()
            load.wait_for_calls(400)
        self.assert_ends_with(
            f"another client takes our client id, back after {away:.1f} s", load, *self.AWAY)
        self.assertEqual(proxy.accepted, 2)
        self.assertGreater(away, 4.5)
        self.assertEqual([call for call in load.failed if call.started > ready], [])

    def test_the_daemon_does_not_fight_for_its_client_id_where_the_broker_says_nothing(self):
        """Mosquitto 2.0.11 closes the connection, as it may for many a reason; only that it comes
        again and again tells. This intruder comes back like most clients, a second later."""
        broker = self.world.broker()
        self.world.responder(broker)
        daemon = self.world.daemon(broker, "--client-id", self.CLIENT_ID)
        over = time.monotonic() + 8
        with Load(daemon.port, timeout=2) as load:
            intruder = threading.Thread(target=self.intrude_until, args=(broker, over), daemon=True)
            intruder.start()
            time.sleep(over - time.monotonic())
            connections = broker.connected(self.CLIENT_ID)
        said = any("another client seems to use our client id" in line for line in daemon.lines)
        daemon.stop()
        broker.kill()
        intruder.join(PATIENCE)
        self.assert_ends_with(
            f"another client fights for our client id for 8 s, {connections} connections in all",
            load, *self.AWAY)
        self.assertTrue(said, f"the daemon does not tell; {connections} connections")
        self.assertLess(connections, 14)  # 15 or so if it fought all the time

    def intrude_until(self, broker, over):
        while time.monotonic() < over:
            with contextlib.suppress(OSError):
                self.intrude(broker)
            time.sleep(1.2)


class ManyReconnects(FaultTest):
    # A thousand reconnects of one daemon take minutes. Several share them, unless it is asked for
    # otherwise.
    RECONNECTS = 1000
    DAEMONS = int(os.environ.get("MQTT_BRIDGE_TEST_DAEMONS", "10"))

    @staticmethod
    def is_instrumented():
        program = (BUILD / "mqtt_bridged").read_bytes()
        return any(mark in program for mark in (b"__asan_", b"__tsan_", b"__msan_"))

    @staticmethod
    def descriptors(process):
        return len(os.listdir(f"/proc/{process.pid}/fd"))

    @staticmethod
    def resident(process):
        """In KiB."""
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1))

    def test_a_thousand_reconnects_leave_no_descriptor_and_no_memory_behind(self):
        broker = self.world.broker()
        self.world.responder(broker)
        proxy = self.world.enter_context(Proxy(broker))
        daemons = [self.world.daemon(proxy.url, netid=f"user{n}") for n in range(self.DAEMONS)]
        rounds = self.RECONNECTS // self.DAEMONS
        warm = rounds // 5
        with contextlib.ExitStack() as stack:
            callers = [stack.enter_context(Caller(daemon.port)) for daemon in daemons]
            for number in range(rounds):
                if number == warm:
                    descriptors = [self.descriptors(daemon) for daemon in daemons]
                    resident = [self.resident(daemon) for daemon in daemons]
                proxy.drop(abruptly=number % 2 == 0)
                for caller in callers:
                    self.assertEqual(caller.transform("uppercase", "abc").status, 200)
                time.sleep(STABLE)
        more_descriptors = [self.descriptors(daemon) - earlier
                            for daemon, earlier in zip(daemons, descriptors)]
        more_resident = [self.resident(daemon) - earlier
                         for daemon, earlier in zip(daemons, resident)]
        say(f"{rounds * self.DAEMONS} reconnects of {self.DAEMONS} daemons",
            f"descriptors {min(more_descriptors):+}..{max(more_descriptors):+}, "
            f"memory {min(more_resident):+}..{max(more_resident):+} KiB "
            f"of {max(resident)} after the first {warm} of {rounds} each")
        for daemon in daemons:
            self.assertGreaterEqual(len([line for line in daemon.lines if "linked to" in line]),
                                    rounds)
        self.assertLessEqual(max(more_descriptors), 0)
        if not self.is_instrumented():  # sanitizers keep what was freed
            self.assertLess(max(more_resident), 4096)


if __name__ == "__main__":
    unittest.main()
