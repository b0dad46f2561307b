"""More calls than the daemon has room for: the limits are kept to the call, what is beyond them is
told so at once, and no NetID takes the room of the others. Prints what it counted, as test_faults
does."""

import concurrent.futures
import json
import queue
import threading
import time
import unittest

from faults import milliseconds, say
from harness import PATIENCE, Caller, SystemTest, World, eventually
from hostile import Memory, percentile
from load import Load
from mqtt_peer import answer_with, responder

UPPERCASE = answer_with(bytes.upper)


class Slow:
    """A service that takes `seconds` for each request, however many there are."""

    def __init__(self, seconds):
        self._seconds = seconds
        self._due = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def __call__(self, client, request):
        self._due.put((time.monotonic() + self._seconds, client, request))

    def _work(self):
        while True:
            due, client, request = self._due.get()
            time.sleep(max(0, due - time.monotonic()))
            UPPERCASE(client, request)


class Held:
    """A service that answers when it is told to."""

    def __init__(self):
        self.requests = queue.SimpleQueue()
        self._is_released = False

    def __call__(self, client, request):
        if self._is_released:
            UPPERCASE(client, request)
        else:
            self.requests.put((client, request))

    def release(self):
        self._is_released = True
        while not self.requests.empty():
            UPPERCASE(*self.requests.get())


class Overload(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()

    def status(self, daemon):
        with Caller(daemon.port) as caller:
            return json.loads(caller.get("/status").body)["calls"]

    def call(self, daemon, text, netid):
        with Caller(daemon.port) as caller:
            return caller.transform("uppercase", text, netid=netid, timeout="30s")

    def assert_overloaded(self, answer):
        self.assertEqual(answer.status, 503, answer)
        problem = json.loads(answer.body)
        self.assertTrue(problem["type"].endswith("/overloaded"), problem)
        self.assertIs(problem["retryable"], True)
        self.assertEqual(answer.headers["Retry-After"], "1")

    def test_so_many_are_in_flight_so_many_wait_and_so_many_of_one_netid_and_not_one_more(self):
        daemon = self.world.daemon(self.broker, "--netids", "*", "--max-in-flight", "8",
                                   "--max-queued", "8", "--max-per-netid", "12")
        service = Held()
        with responder(self.broker, service), concurrent.futures.ThreadPoolExecutor(40) as pool:
            ours = [pool.submit(self.call, daemon, f"ours {i}", "alice") for i in range(20)]
            eventually(lambda: sum(call.done() for call in ours) == 8, "what is too much is refused")
            self.assertEqual(self.status(daemon), {"in_flight": 8, "queued": 4})
            others = [pool.submit(self.call, daemon, f"others {i}", "bob") for i in range(10)]
            eventually(lambda: sum(call.done() for call in others) == 6, "the same for others")
            self.assertEqual(self.status(daemon), {"in_flight": 8, "queued": 8})
            for call in ours + others:
                if call.done():
                    self.assert_overloaded(call.result())
            waiting = [call for call in ours + others if not call.done()]
            service.release()
            for call in waiting:
                self.assertEqual(call.result(PATIENCE).status, 200)
            self.assertEqual(self.status(daemon), {"in_flight": 0, "queued": 0})

    def test_those_who_wait_are_served_in_turn_by_netid(self):
        daemon = self.world.daemon(self.broker, "--netids", "*", "--max-in-flight", "1")
        service = Held()
        with responder(self.broker, service), concurrent.futures.ThreadPoolExecutor(40) as pool:
            calls = [pool.submit(self.call, daemon, "first", "alice")]
            client, request = service.requests.get(timeout=PATIENCE)
            for netid, count in (("alice", 20), ("bob", 2)):
                before = self.status(daemon)["queued"]
                calls += [pool.submit(self.call, daemon, f"{i}", netid) for i in range(count)]
                eventually(lambda: self.status(daemon)["queued"] == before + count,  # noqa: B023
                           "they wait")
            order = []
            while len(order) < 4:
                UPPERCASE(client, request)
                client, request = service.requests.get(timeout=PATIENCE)
                order.append(request.topic.split("/")[0])
            self.assertEqual(order.count("bob"), 2, order)
            UPPERCASE(client, request)
            service.release()
            for call in calls:
                self.assertEqual(call.result(PATIENCE).status, 200)

    def test_ten_times_the_capacity_leaves_what_is_served_unharmed(self):
        in_flight, seconds = 20, 0.1
        capacity = in_flight / seconds
        daemon = self.world.daemon(self.broker, "--max-in-flight", str(in_flight), "--max-queued",
                                   str(in_flight))
        with responder(self.broker, Slow(seconds)):
            with Load(daemon.port, rate=capacity, actions=["uppercase"]) as once:
                once.wait_for_calls(400)
            with Load(daemon.port, rate=10 * capacity, actions=["uppercase"]) as load:
                load.wait_for_calls(8000)
                with Caller(daemon.port) as caller:
                    self.assertEqual(caller.get("/healthz").status, 200)
        refusals = [call.duration for call in load.of(503, "overloaded")]
        served, peak = self.per_second(load), self.per_second(once)
        say("ten times the capacity",
            f"{served:.0f} calls/s served of {peak:.0f} at once the capacity, refusals p99 "
            f"{milliseconds(percentile(refusals, 99))}, peak memory "
            f"{Memory.of(daemon).peak / 1024:.0f} MiB; {load.outcomes()}")
        self.assertEqual(load.wrong, [])
        self.assertEqual(load.twice, 0)
        self.assertEqual(len(load.ok) + len(refusals), len(load.calls), load.outcomes())
        self.assertGreater(served, peak / 2)

    @staticmethod
    def per_second(load):
        ends = sorted(call.ended for call in load.ok)
        return (len(ends) - 1) / (ends[-1] - ends[0])


if __name__ == "__main__":
    unittest.main()
