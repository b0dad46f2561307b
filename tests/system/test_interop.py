"""Programs as the course's students write them, and ours, understand each other, whoever is on
which side: MQTT 3.1.1, no correlation data, the NetID as client id."""

import concurrent.futures
import random
import sys
import unittest

from harness import ACTIONS, PEERS, Caller, SystemTest, World, run
from peers.student_responder import TRANSFORMS
from unicode_oracle import is_answer

TEXT = "they're in Größe 42, ΟΔΟΣ e\u0301 👩‍🚀 ﬁn!"


def is_students_answer(action, text, answer):
    if action == "shuffle":
        return sorted(answer) == sorted(text)
    return answer == TRANSFORMS[action](text)


def ask_as_student(broker, netid, action, message):
    """What the student's client prints for one message, without the newline."""
    outcome = run([sys.executable, PEERS / "student_client.py", "--host", "127.0.0.1", "--port",
                   str(broker.port), netid, action, "--", message])
    if outcome.code != 0:
        raise AssertionError(outcome)
    return outcome.stdout[:-1]


class StudentsAmongThemselves(SystemTest):
    def test_a_students_client_and_a_students_responder_understand_each_other(self):
        broker = self.world.broker()
        self.world.peer("student_responder.py", broker).wait_for_line("ready")
        for action in ACTIONS:
            answer = ask_as_student(broker, "alice", action, TEXT)
            self.assertTrue(is_students_answer(action, TEXT, answer), (action, answer))


class StudentsClient(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.responder = world.responder(cls.broker)
        cls.daemon = world.daemon(cls.broker)

    def test_our_responder_answers_a_students_client(self):
        for action in ACTIONS:
            with self.subTest(action=action):
                answer = ask_as_student(self.broker, "bob", action, TEXT)
                self.assertTrue(is_answer(action, TEXT, answer), answer)

    def test_our_responder_in_either_protocol_answers_a_students_client(self):
        for protocol in ("5", "3.1.1"):
            broker = self.world.broker()
            self.world.responder(broker, "--protocol", protocol)
            for action in ACTIONS:
                with self.subTest(protocol=protocol, action=action):
                    answer = ask_as_student(broker, "alice", action, TEXT)
                    self.assertTrue(is_answer(action, TEXT, answer), answer)

    def test_a_students_client_and_the_daemon_of_its_netid_do_not_throw_each_other_out(self):
        student = self.world.peer("student_client.py", self.broker, "alice", "reverse")
        student.write_line("first")
        student.wait_for(lambda: student.answers == ["tsrif"], "answer to its first line")
        with Caller(self.daemon.port) as caller:
            for number in range(100):
                answer = caller.transform("uppercase", f"call {number}")
                self.assertEqual((answer.status, answer.text), (200, f"CALL {number}"))
        student.write_line("second")
        student.wait_for(lambda: student.answers == ["tsrif", "dnoces"], "answer to its second line")
        student.close_stdin()
        self.assertEqual(student.wait(), 0)
        self.assertEqual(self.broker.takeovers(), [])

    def test_the_command_line_connected_directly_and_the_daemon_do_not_throw_each_other_out(self):
        with Caller(self.daemon.port) as caller:
            for number in range(10):
                outcome = self.client(self.broker, "--direct", "alice", "reverse", f"{number}abc")
                self.assert_answered(outcome, f"cba{number}")
                self.assertEqual(caller.transform("uppercase", "abc").text, "ABC")
        self.assertEqual(self.broker.takeovers(), [])

    def test_the_daemon_takes_no_answer_that_was_meant_for_a_student(self):
        """Both ask for the same action of the same NetID, so each hears the other's answers."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:  # one NetID, one student
            students = [pool.submit(ask_as_student, self.broker, "alice", "uppercase", f"student {n}")
                        for n in range(8)]
            with Caller(self.daemon.port) as caller:
                number = 0
                while not all(student.done() for student in students):
                    answer = caller.transform("uppercase", f"call {number}")
                    self.assertEqual((answer.status, answer.text), (200, f"CALL {number}"))
                    number += 1


class StudentsResponder(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.responder = world.peer("student_responder.py", cls.broker)
        cls.responder.wait_for_line("ready")

    def test_a_students_responder_answers_http(self):
        for protocol in ("auto", "5", "3.1.1"):
            daemon = self.world.daemon(self.broker, "--protocol", protocol)
            with Caller(daemon.port) as caller:
                for action in ACTIONS:
                    with self.subTest(protocol=protocol, action=action):
                        answer = caller.transform(action, TEXT)
                        self.assertEqual(answer.status, 200, answer)
                        self.assertTrue(is_students_answer(action, TEXT, answer.text), answer)

    def test_a_students_responder_answers_the_command_line_directly(self):
        for action in ACTIONS:
            with self.subTest(action=action):
                outcome = self.client(self.broker, "--direct", "bob", action, TEXT)
                self.assertEqual((outcome.code, outcome.stderr), (0, ""))
                self.assertTrue(is_students_answer(action, TEXT, outcome.stdout[:-1]), outcome)

    def test_a_students_responder_answers_the_command_line_through_the_daemon(self):
        daemon = self.world.daemon(self.broker)
        for action in ACTIONS:
            with self.subTest(action=action):
                outcome = self.client(self.broker, "alice", action, TEXT, daemon_url=daemon.url)
                self.assertEqual((outcome.code, outcome.stderr), (0, ""))
                self.assertTrue(is_students_answer(action, TEXT, outcome.stdout[:-1]), outcome)


CALLS = 64


class CarelessResponder(SystemTest):
    """It answers only when it holds 128 requests: those of 64 callers who have given up by then,
    and those of 64 who wait; in a random order, every one twice, and no word on which is which."""

    def setUp(self):
        super().setUp()
        self.broker = self.world.broker()
        self.world.peer("student_responder.py", self.broker, "--careless",
                        str(2 * CALLS)).wait_for_line("ready")

    def call_all(self, daemon, calls, timeout):
        def one(call):
            action, text = call
            with Caller(daemon.port) as caller:
                return caller.transform(action, text, timeout=timeout)

        with concurrent.futures.ThreadPoolExecutor(CALLS) as pool:
            return list(pool.map(one, calls))

    def assert_right_or(self, statuses, calls, answers):
        for (action, text), answer in zip(calls, answers):
            if answer.status == 200:
                self.assertTrue(is_students_answer(action, text, answer.text), (action, text, answer))
            else:
                self.assertIn(answer.status, statuses, answer)

    def assert_no_wrong_answer(self, calls_that_give_up, calls_that_wait, rounds=1):
        for protocol in ("5", "3.1.1"):
            daemon = self.world.daemon(self.broker, "--protocol", protocol)
            for _ in range(rounds):  # from the second on, earlier duplicates may still be coming in
                answers = self.call_all(daemon, calls_that_give_up, "1s")
                self.assert_right_or((502, 504), calls_that_give_up, answers)
                answers = self.call_all(daemon, calls_that_wait, "20s")
                self.assert_right_or((), calls_that_wait, answers)
            daemon.stop()

    def test_late_double_and_unordered_answers_to_distinct_texts_are_never_a_wrong_one(self):
        for action in ACTIONS:
            self.assert_no_wrong_answer([(action, f"Late one {n:03}") for n in range(CALLS)],
                                        [(action, f"Prompt {n:03}") for n in range(CALLS)])

    def test_late_double_and_unordered_answers_to_equal_texts_are_never_a_wrong_one(self):
        for action in ("title-case", "shuffle"):
            calls = [(action, "the same for all") for _ in range(CALLS)]
            self.assert_no_wrong_answer(calls, calls)

    def test_late_double_and_unordered_answers_to_a_mixture_are_never_a_wrong_one(self):
        chance = random.Random(2)
        texts = ["Straße", "STRASSE", "strasse", "abc", "cab", "ABC", "ΟΔΟΣ", "οδος", "", "they're",
                 "e\u0301a", "ae\u0301", "👩‍🚀x"]
        calls = [(chance.choice(ACTIONS), chance.choice(texts) + chance.choice(["", " 1", " 2"]))
                 for _ in range(2 * CALLS)]
        self.assert_no_wrong_answer(calls[:CALLS], calls[CALLS:], rounds=3)


if __name__ == "__main__":
    unittest.main()
