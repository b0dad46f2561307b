"""A request on which the broker closes the connection harms nobody but its own caller. In MQTT
3.1.1 mosquitto has no other word for one that is too large. Each test prints what it counted."""

import concurrent.futures
import itertools
import threading
import time
import unittest

from faults import say
from harness import Caller, SystemTest, World
from hostile import slug_of
from load import Batch

TOO_LARGE = "x" * 3000
OTHERS = 2000


class Offender:
    """Sends what breaks the connection, 50 times a second, each time for one of these NetIDs,
    while the block runs."""

    def __init__(self, port, netids):
        self.slugs = {}
        self._port = port
        self._netids = itertools.cycle(netids)
        self._stopping = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(60)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()
        self._pool.shutdown(cancel_futures=True)

    def _run(self):
        while not self._stopping.wait(0.02):
            self._pool.submit(self._call, next(self._netids))

    def _call(self, netid):
        with Caller(self._port) as caller:
            slug = slug_of(caller.transform("reverse", TOO_LARGE, netid=netid, timeout="5s"))
        self.slugs[slug] = self.slugs.get(slug, 0) + 1


class Offenders(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker(config="max_packet_size 2000")
        world.responder(cls.broker)

    def setUp(self):
        super().setUp()
        self.daemon = self.world.daemon(self.broker, "--protocol", "3.1.1", "--netids", "*")

    def call(self, text):
        with Caller(self.daemon.port) as caller:
            return caller.transform("uppercase", text)

    def test_calls_made_at_the_same_instant_are_answered(self):
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            for _ in range(4):
                large, *small = pool.map(self.call, [TOO_LARGE, "a", "b", "c", "d"])
                self.assertEqual([answer.text for answer in small], ["A", "B", "C", "D"])
                self.assertEqual((large.status, slug_of(large)), (502, "broker-refused"))

    def others(self):
        """How many calls a second, at four at once."""
        begin = time.monotonic()
        batch = Batch(self.daemon.port, (("uppercase", f"abc {n}") for n in range(OTHERS)), 4, 5)
        self.assertEqual((len(batch.ok), batch.failed), (OTHERS, []))
        return OTHERS / (time.monotonic() - begin)

    def assert_others_are_answered(self, what, netids):
        self.others()
        rates, beside = [], []
        for _ in range(3):
            rates.append(self.others())
            with Offender(self.daemon.port, netids) as offender:
                beside.append(self.others())
        ratio = sorted(beside)[1] / sorted(rates)[1]
        say(what, f"{OTHERS} other calls all answered, three times, at {ratio:.2f} of their rate; "
                  f"the offender got {offender.slugs}")
        self.assertNotIn("", offender.slugs)

    def test_others_are_answered_beside_one_who_repeats_it(self):
        self.assert_others_are_answered("one action 50 times a second", ["carol"])

    def test_others_are_answered_beside_one_who_repeats_it_elsewhere(self):
        self.assert_others_are_answered("a thousand NetIDs, 50 a second",
                                        [f"class-{n}" for n in range(1000)])


if __name__ == "__main__":
    unittest.main()
