"""What happens to the callers when the broker, the responder, the network between them or the
daemon itself fails under load. Each test prints what it counted, as one line that begins with
FIGURE; the README's section on reliability has them."""

import concurrent.futures
import contextlib
import os
import pathlib
import random
import re
import signal
import socket
import tempfile
import threading
import time
import unittest

from harness import (ACTIONS, BUILD, PATIENCE, Broker, Caller, Daemon, Process, SystemTest,
                     eventually)
from load import SLACK, Batch, Load
from proxy import TO_BROKER, TO_CLIENT, Proxy

# Connections that break several times in a row sooner than 100 ms are not opened again at once.
STABLE = 0.2


def say(fault, figures):
    print(f"FIGURE {fault}: {figures}", flush=True)


@contextlib.contextmanager
def paused(process):
    """While the block runs, the process does nothing but stays connected."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if process.running():
            os.kill(process.pid, signal.SIGCONT)


def milliseconds(seconds):
    return f"{seconds * 1000:.0f} ms"


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


class FaultTest(SystemTest):
    """What the tests of this file have in common."""

    # How calls end while the broker is away for long.
    AWAY = ((503, "broker-unavailable"), (503, "overloaded"), (504, "response-timeout"))

    def daemon_in(self, folder, broker, *options):
        """A daemon that can be killed and, with the same folder, started again."""
        daemon = self.world.add_ours(Daemon(
            folder, "--broker", broker.url, "--netid", "alice", "--state-dir", folder, *options))
        daemon.wait_until_listening()
        daemon.wait_until_ready()
        return daemon

    def assert_decided(self, load):
        """What holds in every fault: each call ends in time and once, with nobody else's answer."""
        self.assertTrue(load.calls)
        self.assertEqual(load.wrong, [])
        self.assertEqual(load.twice, 0)
        self.assertEqual(load.overdue, [])

    def assert_all_answered(self, fault, load):
        say(fault, load.figures())
        self.assert_decided(load)
        self.assertEqual(load.failed[:3], [], load.outcomes())

    def assert_ends_with(self, fault, load, *endings):
        """Every call was answered, or ended in one of these ways."""
        say(fault, f"{load.figures()} ({load.outcomes()})")
        self.assert_decided(load)
        others = [call for call in load.failed if (call.status, call.slug) not in endings]
        self.assertEqual(others[:3], [], load.outcomes())

    @staticmethod
    def let_it_last(daemon, how_long=STABLE):
        """Until the next fault counts as one of its own."""
        daemon.wait_until_ready()
        time.sleep(how_long)

    def restart(self, broker, outage, end=Broker.kill):
        """Ends it, starts it again after that long, and returns once it accepts connections."""
        end(broker)
        with socket.socket() as ours:
            # Keeps everybody else from the port, but not the broker, which sets this option too.
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            ours.bind(("127.0.0.1", broker.port))
            time.sleep(outage)
            broker.start_again()
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                with contextlib.suppress(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", broker.port), PATIENCE).close()
                    return
        self.fail(f"the broker does not come back\n{broker.log()}")


class TheBroker(FaultTest):
    def restart_under_load(self, fault, broker, end=Broker.kill, lifetime=STABLE):
        self.world.responder(broker)
        daemon = self.world.daemon(broker)
        with Load(daemon.port) as load:
            for outage in (0.1, 0.3, 0.6, 0.9):
                self.let_it_last(daemon, lifetime)
                self.restart(broker, outage, end)
            load.wait_for_calls(200)
        self.assert_all_answered(fault, load)

    def test_every_call_is_answered_when_the_broker_is_restarted_as_an_operator_does_it(self):
        self.restart_under_load("broker stopped by SIGTERM, 4 times, back within 1 s",
                                self.world.broker(), Broker.stop)

    def test_every_call_is_answered_when_a_broker_without_memory_is_killed_and_soon_back(self):
        self.restart_under_load("broker killed, 4 times, back within 1 s", self.world.broker())

    def test_every_call_is_answered_when_a_broker_with_memory_is_killed_and_soon_back(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.world.folder))
        self.restart_under_load(
            "broker with persistence killed, 4 times, back within 1 s",
            self.world.broker(config=f"persistence true\npersistence_location {folder}/\n"
                                     "autosave_on_changes true\nautosave_interval 50\nuser root\n"),
            lifetime=0.5)
        self.assertTrue((folder / "mosquitto.db").stat().st_size)

    def test_calls_get_503_while_the_broker_is_away_for_longer_and_are_served_when_it_is_back(self):
        broker = self.world.broker()
        responder = self.world.responder(broker)
        daemon = self.world.daemon(broker)
        with Load(daemon.port) as load:
            self.let_it_last(daemon)
            self.restart(broker, 3)
            back = time.monotonic()
            daemon.wait_until_ready()
            ready = time.monotonic()
            responder.wait_for_line(r"\bready\b", 2)
            served = time.monotonic()
            load.wait_for_calls(400)
        fault = f"broker killed, back after 3 s, ready {milliseconds(ready - back)} later"
        self.assert_ends_with(fault, load, *self.AWAY)
        late = [call for call in load.failed if call.started > served]
        self.assertEqual(late, [])

    def test_the_daemon_is_ready_at_once_when_the_broker_is_back(self):
        broker = self.world.broker()
        daemons = [self.world.daemon(broker, netid=f"user{n}") for n in range(5)]
        chance = random.Random(1)
        took = []
        with contextlib.ExitStack() as stack:
            callers = [stack.enter_context(Caller(daemon.port)) for daemon in daemons]
            for _ in range(6):
                time.sleep(STABLE)
                self.restart(broker, chance.uniform(0.2, 0.9))
                back = time.monotonic()
                waiting = set(callers)
                while waiting and time.monotonic() < back + PATIENCE:
                    for caller in list(waiting):
                        if caller.get("/readyz").status == 200:
                            waiting.remove(caller)
                            took.append(time.monotonic() - back)
                    time.sleep(0.002)
                self.assertFalse(waiting)
        say("ready after the broker's return",
            f"restarts={len(took)} median={milliseconds(percentile(took, 50))} "
            f"p99={milliseconds(percentile(took, 99))} worst={milliseconds(max(took))}")
        self.assertLess(max(took), 0.3 + SLACK)

    def test_every_call_is_answered_when_the_broker_stops_for_seconds_and_continues(self):
        broker = self.world.broker()
        self.world.responder(broker)
        daemon = self.world.daemon(broker)
        with Load(daemon.port) as load:
            load.wait_for_calls(200)
            with paused(broker):
                time.sleep(3)
            load.wait_for_calls(600)
        self.assert_all_answered("broker stopped for 3 s", load)

    def test_a_broker_that_stops_for_long_is_noticed_and_calls_are_served_once_it_continues(self):
        broker = self.world.broker()
        self.world.responder(broker)
        daemon = self.world.daemon(broker)
        with Load(daemon.port) as load:
            load.wait_for_calls(200)
            with paused(broker):
                begin = time.monotonic()
                daemon.wait_for_line("the broker does not answer")
                noticed = time.monotonic() - begin
                time.sleep(2.5)
            daemon.wait_until_ready()
            ready = time.monotonic()
            load.wait_for_calls(400)
        self.assert_ends_with(
            f"broker stopped for 7 s, noticed after {milliseconds(noticed)}", load,
            *self.AWAY, (503, "no-responder"))
        self.assertLess(noticed, 5 + SLACK)
        # The responder has to come back too.
        late = [call for call in load.failed if call.started > ready + 2]
        self.assertEqual(late, [])


class TheResponder(FaultTest):
    CALLS = 50

    def test_callers_learn_at_once_that_the_last_responder_was_killed(self):
        broker = self.world.broker()
        responder = self.world.responder(broker)
        daemon = self.world.daemon(broker)
        with Caller(daemon.port) as caller:
            self.assertEqual(caller.transform("uppercase", "abc").text, "ABC")
        with paused(responder), concurrent.futures.ThreadPoolExecutor(1) as pool:
            batch = pool.submit(Batch, daemon.port, [
                (ACTIONS[n % 5], f"in flight {n}") for n in range(self.CALLS)], self.CALLS, 5)
            broker.wait_for_line(r"Received PUBLISH from .*alice/\S+/request", 1 + self.CALLS)
            killed = time.monotonic()
            responder.kill()
            in_flight = batch.result()
        learnt = max(call.ended for call in in_flight.calls) - killed
        fresh = Batch(daemon.port, [(ACTIONS[n % 5], f"new {n}") for n in range(100)], 10, 5)
        say("responder killed",
            f"{in_flight.figures()} learnt={milliseconds(learnt)}; "
            f"new calls: {fresh.figures()}")
        for load in (in_flight, fresh):
            self.assert_decided(load)
            self.assertEqual(load.outcomes(), f"503 no-responder: {len(load.calls)}")
        self.assertLess(learnt, 0.05 + SLACK)
        self.assertLess(fresh.worst, 50 + SLACK * 1000)
        responder_again = self.world.responder(broker)
        with Caller(daemon.port) as caller:
            eventually(lambda: caller.transform("uppercase", "abc").status == 200,
                       "calls are answered again")
        responder_again.stop()

    def test_a_responder_killed_under_load_and_started_again_costs_only_what_came_in_between(self):
        broker = self.world.broker()
        responder = self.world.responder(broker)
        daemon = self.world.daemon(broker)
        gone = []
        with Load(daemon.port) as load:
            for _ in range(3):
                load.wait_for_calls(200)
                begin = time.monotonic()
                responder.kill()
                load.wait_for_calls(60)
                responder = self.world.responder(broker)
                gone.append((begin, time.monotonic()))
            load.wait_for_calls(200)
        self.assert_ends_with("responder killed 3 times under load", load, (503, "no-responder"))
        self.assertTrue(load.failed)
        learnt = max(call.duration for call in load.failed)
        say("responder killed under load", f"the slowest 503 took {milliseconds(learnt)}")
        self.assertLess(learnt, 0.05 + SLACK)
        outside = [call for call in load.failed
                   if not any(begin - 1 < call.ended < end + 1 for begin, end in gone)]
        self.assertEqual(outside, [])

    def test_one_of_two_responders_killed_costs_no_call(self):
        broker = self.world.broker()
        responder = self.world.responder(broker)
        self.world.responder(broker)
        daemon = self.world.daemon(broker)
        with Load(daemon.port) as load:
            load.wait_for_calls(200)
            responder.kill()
            load.wait_for_calls(200)
        self.assert_all_answered("one of two responders killed", load)

    def test_a_responder_that_loses_its_connection_is_back_before_callers_are_told(self):
        broker = self.world.broker()
        with Proxy(broker) as proxy:
            self.world.responder(proxy.url)
            daemon = self.world.daemon(broker)
            with Load(daemon.port) as load:
                for abruptly in (True, False) * 5:
                    self.let_it_last(daemon)
                    proxy.drop(abruptly)
                load.wait_for_calls(200)
        self.assert_ends_with("the responder's connection dropped, 10 times", load,
                              (503, "no-responder"))


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
        said = any("another client uses our client id" in line for line in daemon.lines)
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


class TheDaemonItself(FaultTest):
    CALLS = 50

    def test_callers_of_a_killed_daemon_get_an_error_and_the_next_start_is_clean(self):
        broker = self.world.broker()
        self.world.responder(broker)
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.world.folder))
        daemon = self.daemon_in(folder, broker)
        with Load(daemon.port) as before:
            before.wait_for_calls(400)
            daemon.kill()
            killed = time.monotonic()
            before.wait_for_calls(50)
        with self.subTest("its callers"):
            self.assert_ends_with("daemon killed", before, (0, "connection-error"))
            hanging = [call for call in before.failed if call.ended - killed > 1 + SLACK and
                       call.started < killed]
            self.assertEqual(hanging, [])
        daemon = self.daemon_in(folder, broker)
        with Load(daemon.port) as after:
            after.wait_for_calls(400)
        self.assert_all_answered("daemon started again", after)
        self.assertEqual(daemon.stop(), 0)

    def test_answers_to_the_calls_of_a_killed_daemon_reach_none_of_the_next_ones_callers(self):
        for protocol in ("5", "3.1.1"):
            broker = self.world.broker()
            responder = self.world.responder(broker)
            folder = pathlib.Path(tempfile.mkdtemp(dir=self.world.folder))
            daemon = self.daemon_in(folder, broker, "--protocol", protocol)
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                with paused(responder):
                    lost = pool.submit(Batch, daemon.port, [
                        (ACTIONS[n % 5], f"before the kill {n}") for n in range(self.CALLS)],
                        self.CALLS, 5)
                    broker.wait_for_line(r"Received PUBLISH from .*alice/\S+/request", self.CALLS)
                    daemon.kill()
                    self.assertEqual(lost.result().outcomes(), f"0 connection-error: {self.CALLS}")
                    daemon = self.daemon_in(folder, broker, "--protocol", protocol)
                    first = pool.submit(Batch, daemon.port, [
                        (ACTIONS[n % 5], f"after the kill {n}") for n in range(self.CALLS)],
                        self.CALLS, 10)
                    broker.wait_for_line(r"Received PUBLISH from .*alice/\S+/request",
                                         2 * self.CALLS)
                self.assert_all_answered(f"first calls after a kill, MQTT {protocol}",
                                         first.result())
            self.assertEqual(daemon.stop(), 0)


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
