"""Every line of a licence and of a file of many scripts goes through, by HTTP and on the command
line, and each answer is what Python and its `regex` module make of that line."""

import concurrent.futures
import itertools
import pathlib
import unittest

from harness import ACTIONS, REPOSITORY, Caller, SystemTest, World
from unicode_oracle import is_answer


def lines_of(path):
    return list(dict.fromkeys(pathlib.Path(path).read_text(encoding="utf-8").split("\n")))


SCRIPTS = lines_of(REPOSITORY / "tests" / "data" / "scripts.txt")
LICENCE = lines_of("/usr/share/common-licenses/GPL-3")

AT_ONCE = 8


def in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(function, items))


class RealText(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.responder = world.responder(cls.broker)
        cls.daemon = world.daemon(cls.broker)

    def assert_answers(self, action, texts, answers):
        wrong = [(text, answer) for text, answer in zip(texts, answers, strict=True)
                 if not is_answer(action, text, answer)]
        self.assertEqual(wrong, [])

    def through_http(self, action, texts):
        def some(offset):
            with Caller(self.daemon.port) as caller:
                return [caller.transform(action, text, timeout="20s")
                        for text in texts[offset::AT_ONCE]]

        slices = in_parallel(some, range(AT_ONCE))
        answers = [slices[index % AT_ONCE][index // AT_ONCE] for index in range(len(texts))]
        self.assertEqual([answer for answer in answers if answer.status != 200], [])
        self.assert_answers(action, texts, [answer.text for answer in answers])

    def through_client(self, calls, *options, netid=lambda text: "alice"):
        """`calls` are pairs of an action and a text."""
        def one(call):
            action, text = call
            return self.client(self.broker, "--timeout", "20s", *options, netid(text), action, "--",
                               text, daemon_url=self.daemon.unix_url)

        outcomes = in_parallel(one, calls)
        self.assertEqual([outcome for outcome in outcomes if outcome.code or outcome.stderr], [])
        self.assertTrue(all(outcome.stdout.endswith("\n") for outcome in outcomes))
        for (action, text), outcome in zip(calls, outcomes):
            self.assert_answers(action, [text], [outcome.stdout[:-1]])

    def test_every_line_is_answered_rightly_over_http(self):
        for action in ACTIONS:
            with self.subTest(action=action):
                self.through_http(action, LICENCE + SCRIPTS)

    def test_every_line_is_answered_rightly_on_the_command_line(self):
        self.through_client([(action, text) for action in ACTIONS for text in SCRIPTS])
        self.through_client(list(zip(itertools.cycle(ACTIONS), LICENCE)))

    def test_every_script_is_answered_rightly_on_the_command_line_without_the_daemon(self):
        # Two at a time with one NetID would throw each other off the broker.
        number = {text: str(index) for index, text in enumerate(SCRIPTS)}
        self.through_client(list(zip(itertools.cycle(ACTIONS), SCRIPTS)), "--direct",
                            netid=lambda text: "student" + number[text])

    def test_whole_files_are_answered_rightly_over_http(self):
        files = ["\n".join(SCRIPTS), "\n".join(LICENCE)]
        for action in ("uppercase", "lowercase", "reverse"):
            with self.subTest(action=action):
                self.through_http(action, files)


if __name__ == "__main__":
    unittest.main()
