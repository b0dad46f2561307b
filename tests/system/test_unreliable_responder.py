"""Ten thousand calls through a student's responder that answers in any order, twice, late or never,
and says nothing about which answer is whose: nobody gets a wrong answer, and everybody whose answer
was sent in time gets it."""

import collections
import json
import random
import unittest

from harness import ACTIONS, SystemTest
from load import Batch

CALLS = 10_000
AT_ONCE = 256
TIMEOUT = 2.0

# An answer that the broker had so long before its call's deadline must come through. Generous: the
# programs may be instrumented, and the machine busy.
MARGIN = 0.3

# How the responder behaves, in seconds and chances. Late answers come around the deadline.
MOOD = ("--moody", "7", "--within", "0.2", "--late", "0.05", "--late-by", str(TIMEOUT - 0.1),
        "--twice", "0.5", "--never", "0.03")


def canonical(action, text):
    """Equal for two calls exactly when one's right answer is a right one of the other."""
    return (action, "".join(sorted(text)) if action == "shuffle" else text)


def calls_of_a_seed(seed):
    """Half of them distinct, and of the rest every one many times."""
    chance = random.Random(seed)
    texts = [f"cALL nUMBER {number}" for number in range(CALLS // 2)]
    texts += [f"the same for mANY {chance.randrange(10)}" for _ in range(CALLS - len(texts))]
    chance.shuffle(texts)
    return [(chance.choice(ACTIONS), text) for text in texts]


class CarelessResponder(SystemTest):
    def call(self, protocol):
        broker = self.world.broker()
        responder = self.world.peer("student_responder.py", broker, *MOOD)
        responder.wait_for_line("ready")
        daemon = self.world.daemon(broker, "--protocol", protocol)
        batch = Batch(daemon.port, calls_of_a_seed(1), AT_ONCE, TIMEOUT)
        self.assert_kept_promise(f"careless responder, MQTT {protocol}", batch, responder)

    def test_ten_thousand_calls_with_mqtt_5_get_no_wrong_answer_and_each_that_was_sent(self):
        self.call("5")

    def test_ten_thousand_calls_with_mqtt_3_get_no_wrong_answer_and_each_that_was_sent(self):
        self.call("3.1.1")

    def assert_kept_promise(self, name, batch, responder):
        """No wrong answer, none twice, none late; and an answer for each that was sent in time."""
        self.assertEqual(len(batch.calls), CALLS)
        groups = collections.defaultdict(list)
        for call in batch.calls:
            groups[canonical(call.action, call.text)].append(call)
        sent = self.first_answers(responder)
        owed, unpaid, owed_exactly, unpaid_exactly = 0, 0, 0, 0
        missed = []
        for group, calls in groups.items():
            for margin in (0.0, MARGIN):
                in_time = self.in_time(calls, sent[group], margin)
                answered = sum(call.status == 200 for call in calls)
                lacking = max(0, in_time - answered)
                if margin:
                    owed += in_time
                    unpaid += lacking
                    if lacking:
                        missed.append((group, calls, sent[group]))
                else:
                    owed_exactly += in_time
                    unpaid_exactly += lacking
        print(f"FIGURE {name}: {batch.figures()} ({batch.outcomes()}); answers sent before their "
              f"deadline={owed_exactly}, of these not delivered={unpaid_exactly}", flush=True)
        self.assertEqual(batch.wrong, [])
        self.assertEqual(batch.twice, 0)
        self.assertEqual(batch.overdue, [])
        self.assertEqual({(call.status, call.slug) for call in batch.failed} -
                         {(504, "response-timeout"), (502, "unmatched-response")}, set())
        self.assertGreater(owed, CALLS // 2)
        self.assertEqual(unpaid, 0, missed[:3])

    @staticmethod
    def first_answers(responder):
        """For each kind of call, when the broker had the answers to it."""
        sent = collections.defaultdict(list)
        for line in list(responder.answers):
            action, text, when = json.loads(line)
            sent[canonical(action, text)].append(when)
        return sent

    @staticmethod
    def in_time(calls, sent, margin):
        """How many of equal calls can at least be answered: each answer goes to the oldest that
        waits for one."""
        answered = 0
        waiting = sorted(calls, key=lambda call: call.started)
        for when in sorted(sent):
            # What answers an earlier call may come too soon for one that is not published yet.
            fits = [call for call in waiting
                    if call.started + (margin if len(calls) > 1 else 0) < when
                    < call.started + call.timeout - margin]
            if fits:
                waiting.remove(fits[0])
                answered += 1
        return answered


if __name__ == "__main__":
    unittest.main()
