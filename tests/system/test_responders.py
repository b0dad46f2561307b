"""What a responder says of itself, and what becomes of an action that the daemon knows nothing of."""

import concurrent.futures
import os
import signal
import unittest

from harness import Caller, SystemTest
from mqtt_peer import Peer, answer_with, responder

STATUS = "mqtt-responder/the-one/status"


def transform(daemon, *request, **query):
    with Caller(daemon.port) as caller:
        return caller.transform(*request, **query)


class Presence(SystemTest):
    def test_a_responder_announces_its_actions_and_takes_that_back_when_it_stops(self):
        broker = self.world.broker()
        with Peer(broker, STATUS) as listener:
            responder = self.world.responder(broker, "--id", "the-one")
            self.assertEqual(listener.next(), '{"id":"the-one","actions":["uppercase","lowercase",'
                                              '"title-case","reverse","shuffle"]}')
            responder.stop()
            self.assertEqual(listener.next(), "")

    def test_the_announcement_is_kept_by_the_broker_and_cleared_by_the_will(self):
        broker = self.world.broker()
        responder = self.world.responder(broker, "--id", "the-one")
        with Peer(broker, STATUS) as listener:
            self.assertIn("uppercase", listener.next())
            responder.kill()
            self.assertEqual(listener.next(), "")

    def test_another_responder_of_the_group_takes_over_at_once(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        one = self.world.responder(broker, "--share", "all", "--id", "one")
        self.world.responder(broker, "--share", "all", "--id", "two")
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            os.kill(one.pid, signal.SIGSTOP)  # half of the requests are given to it
            answers = [pool.submit(transform, daemon, "uppercase", f"abc {n}", timeout="30s")
                       for n in range(10)]
            broker.wait_for_line("Received PUBLISH from .*/uppercase/request", 10)
            one.kill()
            for n, answer in enumerate(answers):
                self.assertEqual(answer.result().text, f"ABC {n}")


class LargeAnswers(SystemTest):
    def test_an_answer_that_the_broker_does_not_take_is_an_error_and_disturbs_nobody(self):
        """Or the broker would end the connection each time that it is sent."""
        broker = self.world.broker(config="max_packet_size 2000")
        daemon = self.world.daemon(broker)
        responder = self.world.responder(broker)
        growing = "\u0390"  # three code points in upper case
        answer = transform(daemon, "uppercase", growing * 600)
        self.assertEqual(answer.status, 413, answer)
        self.assertIn("larger than the broker takes", answer.text)
        self.assertEqual(transform(daemon, "uppercase", growing * 200).status, 200)
        self.assertEqual([line for line in responder.lines if "no link" in line], [])


class OwnActions(SystemTest):
    def test_calls_run_at_once_where_answers_carry_correlation_data(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker, "--action", "translate")
        with responder(broker, answer_with(lambda text: b"<" + text + b">")):
            with concurrent.futures.ThreadPoolExecutor(20) as pool:
                answers = list(pool.map(
                    lambda n: transform(daemon, "translate", f"text {n}"), range(20)))
        self.assertEqual([answer.text for answer in answers], [f"<text {n}>" for n in range(20)])

    def test_no_other_answer_is_believed_that_may_be_one_to_an_earlier_run_of_the_daemon(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker, "--action", "translate")

        def answer(client, request):
            client.publish("alice/translate/response", b"<" + request.payload + b">", qos=1)

        with Peer(broker, "alice/translate/request", answer):
            self.assertEqual(transform(daemon, "translate", "text", timeout="100ms").status, 502)

    def test_the_late_answer_to_one_call_is_not_given_to_the_next(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker, "--action", "translate")
        late = []

        def answer_one_behind(client, request):
            late.append(request.payload)
            if len(late) > 1:
                client.publish("alice/translate/response", b"<" + late[-2] + b">", qos=1)

        with Peer(broker, "alice/translate/request", answer_one_behind):
            first = transform(daemon, "translate", "first", timeout="100ms")
            second = transform(daemon, "translate", "second", timeout="100ms")
        self.assertEqual(first.status, 504)
        self.assertEqual(second.status, 503, "nothing may be asked while an answer is owed")
        self.assertEqual(late, [b"first"])


if __name__ == "__main__":
    unittest.main()
