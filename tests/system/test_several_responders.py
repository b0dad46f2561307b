"""Several responders that share the requests (--share): each gets its part, and one that is killed
under load costs no call as long as another one is there."""

import collections
import json
import time
import unittest

from faults import FaultTest, milliseconds, say
from harness import Caller, eventually
from load import Load


class SharedRequests(FaultTest):
    def responders(self, broker, *names):
        return [self.world.responder(broker, "--share", "s", "--id", name) for name in names]

    def test_one_is_killed_after_the_other_under_load_and_the_death_of_the_last_is_known_at_once(self):
        broker = self.world.broker()
        responders = self.responders(broker, "one", "two", "three")
        daemon = self.world.daemon(broker)
        with Load(daemon.port, rate=300) as load:
            load.wait_for_calls(300)
            for responder in responders[:2]:
                responder.kill()
                load.wait_for_calls(300)
        self.assert_all_answered("two of three responders that share are killed", load)
        with Load(daemon.port, rate=300) as load:
            load.wait_for_calls(100)
            killed = time.monotonic()
            responders[2].kill()
            eventually(lambda: load.of(503, "no-responder"), "calls are told")
            told = min(call.ended for call in load.of(503, "no-responder"))
            self.responders(broker, "four")
            back = time.monotonic()
            load.wait_for_calls(300)
        self.assert_ends_with("the last responder that shares is killed, known after "
                              f"{milliseconds(told - killed)}", load, (503, "no-responder"))
        self.assertEqual([call for call in load.failed if call.started > back], [])

    def test_none_is_lost_while_each_is_restarted(self):
        broker = self.world.broker()
        responders = self.responders(broker, "one", "two")
        daemon = self.world.daemon(broker)
        with Load(daemon.port, rate=300) as load:
            for _ in range(3):
                for number, name in enumerate(("one", "two")):
                    load.wait_for_calls(100)
                    responders[number].stop()
                    load.wait_for_calls(100)
                    responders[number], = self.responders(broker, name)
        self.assert_all_answered("each of two responders that share is restarted 3 times", load)

    def test_a_machine_with_more_of_them_gets_a_larger_part(self):
        """The broker gives each subscriber the same: a weight is a number of processes."""
        broker = self.world.broker()
        self.responders(broker, "large-1", "large-2", "large-3", "small-1")
        daemon = self.world.daemon(broker)
        machines = collections.Counter()
        with Caller(daemon.port) as caller:
            for _ in range(400):
                answer = caller.transform("reverse", "abc", {"Accept": "application/json"})
                self.assertEqual(answer.status, 200)
                machines[json.loads(answer.body)["responder"].partition("-")[0]] += 1
        say("400 calls, three responders and one", dict(machines))
        self.assertGreater(machines["large"], 2 * machines["small"])
        self.assertGreater(machines["small"], 50)


if __name__ == "__main__":
    unittest.main()
