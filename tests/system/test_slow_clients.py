"""A thousand slow connections of each kind that slowhttptest makes, and 256 that do nothing, take
nothing from anybody: calls beside them are answered, /healthz at once, and each slow connection is
cut within ten seconds. Prints what it counted, as test_faults does."""

import contextlib
import pathlib
import shutil
import socket
import tempfile
import unittest

from faults import say
from harness import Process, SystemTest, World, eventually
from hostile import Probe, Watch, allow_descriptors, is_instrumented, percentile
from load import SLACK, Load

# Where the slow ones come in, so that nothing else is taken for one of them.
ADDRESS = "127.0.0.2"


class SlowClients(SystemTest):
    SLOW = 1000
    IDLE = 256
    CUT_WITHIN = 10 + 2 * SLACK  # ten seconds are promised
    GIVEN_UP = 13  # seconds, after which slowhttptest ends

    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        world.responder(cls.broker)

    def setUp(self):
        super().setUp()
        allow_descriptors(self, 2 * (self.SLOW + self.IDLE))  # the daemon's too
        self.daemon = self.world.daemon(self.broker, "--listen", f"{ADDRESS}:0")
        self.port = int(self.daemon.wait_for_line(rf"http://{ADDRESS}:(\d+)").group(1))

    def slowhttptest(self, *mode):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.world.folder))
        return self.world.add(Process("slowhttptest", [
            shutil.which("slowhttptest") or "/usr/bin/slowhttptest", *mode,
            "-c", str(self.SLOW), "-r", "1000", "-i", "1", "-l", str(self.GIVEN_UP), "-x", "8",
            "-o", folder / "report", "-u", f"http://{ADDRESS}:{self.port}/transform/uppercase"]))

    def assert_harmless(self, what, *mode, stays=True):
        """`stays`: it keeps its connections for as long as it is let."""
        with contextlib.ExitStack() as stack:
            watch = stack.enter_context(Watch(ADDRESS, self.port))
            idle = {stack.enter_context(socket.create_connection((ADDRESS, self.port))
                                        ).getsockname()[1] for _ in range(self.IDLE)}
            load = stack.enter_context(Load(self.daemon.port, rate=50))
            probe = stack.enter_context(Probe(self.daemon.port))
            eventually(lambda: watch.held() == self.IDLE, "the idle ones are accepted")
            load.wait_for_calls(50)
            attack = self.slowhttptest(*mode)
            attack.wait()
            load.wait_for_calls(50)
            # Those that are cut at once may all have come and gone between two looks.
            lives = watch.lives(idle) or ([] if stays else [0.0])
        say(f"{self.SLOW} {what} beside {self.IDLE} idle connections",
            f"held for {percentile(lives, 50):.1f} s in the median and at most {max(lives):.1f} s; "
            f"/healthz: {probe.figures()}; calls: {load.figures()}")
        if stays:
            self.assertGreaterEqual(len(lives), self.SLOW)
        else:
            self.daemon.wait_for_line("method-not-allowed")  # they came
        self.assertEqual(probe.statuses, {200})
        self.assertEqual([call for call in load.calls if call.status != 200 or not call.right], [])
        if not is_instrumented():
            self.assertLess(percentile(probe.durations, 99), SLACK)
        self.assertLess(max(lives), self.CUT_WITHIN)

    def test_heads_that_come_slowly_harm_nobody_and_are_cut(self):
        self.assert_harmless("slow heads", "-H")

    def test_bodies_that_come_slowly_harm_nobody_and_are_cut(self):
        self.assert_harmless("slow bodies", "-B", "-s", "8192")

    def test_readers_that_are_slow_harm_nobody_and_are_cut(self):
        self.assert_harmless("slow readers", "-X", "-k", "10", "-w", "1", "-y", "512", "-n", "1",
                             "-z", "16")

    def test_requests_for_thousands_of_ranges_harm_nobody_and_are_cut(self):
        self.assert_harmless("range attacks", "-R", stays=False)


if __name__ == "__main__":
    unittest.main()
