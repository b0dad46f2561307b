"""The daemon is killed again and again while calls with an Idempotency-Key come and go. None of those
that it accepted is lost, and nothing is published twice under one key."""

import collections
import http.client
import os
import random
import threading
import time
import unittest
import uuid

from harness import Caller, SystemTest, eventually
from mqtt_peer import answer_with, responder

KILLS = int(os.environ.get("KILLS", "10"))
CALLERS = 4


class Call:
    """One call, by its key, from the first attempt until its answer."""

    def __init__(self):
        self.key = str(uuid.uuid4())
        self.location = None
        self.answer = None

    def go_on(self, caller):
        """One step: sends it, or asks for its answer."""
        if self.location is None:
            accepted = caller.transform("uppercase", f"text {self.key}", timeout="30s", headers={
                "Prefer": "respond-async", "Idempotency-Key": f'"{self.key}"'})
            if accepted.status == 202:
                self.location = accepted.headers["Location"]
            elif accepted.status != 503:
                self.answer = accepted
            return
        found = caller.get(self.location, {"Prefer": "wait=1"})
        if found.status != 202:
            self.answer = found


class Kills(SystemTest):
    def test_nothing_is_lost_and_nothing_published_twice(self):
        seed = int(os.environ.get("SEED", "0")) or random.randrange(2**32)
        chance = random.Random(seed)
        broker = self.world.broker(config="max_queued_messages 0")
        state = self.world.folder / "state"
        state.mkdir()
        counts = collections.Counter()
        calls = []
        lock = threading.Lock()
        is_over = threading.Event()
        port = [None]

        def answer(client, request):
            counts[request.payload.decode()] += 1
            answer_with(bytes.upper)(client, request)

        def make_calls():
            mine = []
            while not (is_over.is_set() and not mine):
                try:
                    with Caller(port[0]) as caller:
                        while True:
                            if not is_over.is_set() and len(mine) < 4:
                                mine.append(Call())
                                with lock:
                                    calls.append(mine[-1])
                            if not mine:
                                return
                            for each in list(mine):
                                each.go_on(caller)
                                if each.answer is not None:
                                    mine.remove(each)
                except (OSError, http.client.HTTPException):
                    time.sleep(0.005)  # it is just being killed

        with responder(broker, answer):
            threads = [threading.Thread(target=make_calls) for _ in range(CALLERS)]
            for kill in range(KILLS + 1):
                daemon = self.world.daemon(broker, "--state-dir", state, ready=False)
                port[0] = daemon.port
                if kill == 0:
                    for thread in threads:
                        thread.start()
                if kill < KILLS:
                    at_least = len(calls) + 1
                    eventually(lambda: len(calls) > at_least, "calls are made")
                    time.sleep(chance.random() / 10)  # the moment of the kill
                    daemon.kill()
                    self.world.processes.remove(daemon)
            is_over.set()
            for thread in threads:
                thread.join()
        lost = [each.answer for each in calls
                if each.answer.status != 200 or each.answer.text != f"text {each.key}".upper()]
        twice = {text: count for text, count in counts.items() if count > 1}
        print(f"FIGURE {KILLS} kills, {len(calls)} calls: {len(lost)} lost, {len(twice)} published "
              f"twice (seed {seed})")
        self.assertEqual(lost, [])
        self.assertEqual(twice, {})


if __name__ == "__main__":
    unittest.main()
