"""What happens to the callers when the broker, the responder or the daemon itself fails under load.
Each test prints what it counted, as one line that begins with FIGURE; the table of
docs/reliability.md has them."""

import concurrent.futures
import contextlib
import itertools
import pathlib
import random
import tempfile
import time
import unittest

from faults import STABLE, FaultTest, milliseconds, paused, say
from harness import ACTIONS, PATIENCE, Broker, Caller, eventually
from load import SLACK, Batch, Load
from proxy import Proxy


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


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
        for milliseconds_away, protocol in itertools.product((0, 10), ("5", "3.1.1")):
            with self.subTest(milliseconds_away=milliseconds_away, protocol=protocol):
                broker = self.world.broker()
                with Proxy(broker) as proxy:
                    self.world.responder(proxy.url, "--protocol", protocol)
                    daemon = self.world.daemon(broker, "--protocol", protocol)
                    proxy.delay(milliseconds_away / 1000)
                    with Load(daemon.port, rate=100) as load:
                        for abruptly in (True, False) * 2:
                            self.let_it_last(daemon)
                            proxy.drop(abruptly)
                        load.wait_for_calls(100)
                self.assert_ends_with(
                    f"the responder, {milliseconds_away} ms from its broker, dropped 4 times, "
                    f"MQTT {protocol}", load, (503, "no-responder"))


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


if __name__ == "__main__":
    unittest.main()
