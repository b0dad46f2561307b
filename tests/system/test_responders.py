"""What a responder says of itself, and what becomes of an action that the daemon knows nothing of."""

import concurrent.futures
import http.client
import os
import signal
import time
import unittest

from harness import Caller, SystemTest, eventually
from mqtt_peer import Peer, answer_with, responder

STATUS = "mqtt-responder/the-one/status"


def answer_in_brackets(client, request):
    """As a service of MQTT 3.1.1: without correlation data, on the topic of the convention."""
    client.publish(request.topic.replace("/request", "/response"), b"<" + request.payload + b">",
                   qos=1)


def transform(daemon, *request, **query):
    with Caller(daemon.port) as caller:
        return caller.transform(*request, **query)


class Presence(SystemTest):
    def test_a_responder_announces_its_actions_and_takes_that_back_when_it_stops(self):
        broker = self.world.broker()
        with Peer(broker, STATUS) as listener:
            responder = self.world.responder(broker, "--id", "the-one")
            self.assertEqual(listener.next(), '{"id":"the-one","actions":["uppercase","lowercase",'
                                              '"title-case","reverse","shuffle"],"correlates":true}')
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


class TruthOfTheMoment(SystemTest):
    """`no-responder` is said only while it is true."""

    def student(self, broker):
        """A responder of MQTT 3.1.1 that does not announce itself."""
        return Peer(broker, "+/uppercase/request",
                    lambda client, request: client.publish(
                        request.topic.replace("/request", "/response"), request.payload.upper(),
                        qos=1))

    def assert_answered_soon(self, daemon):
        """The first call is answered, or one within 1.5 s: a call a second is published anyway."""
        end = time.monotonic() + 1.5
        answer = transform(daemon, "uppercase", "abc")
        while answer.status == 503 and time.monotonic() < end:
            answer = transform(daemon, "uppercase", "abc")
        self.assertEqual(answer.text, "ABC", answer)

    def test_a_students_responder_is_heard_after_ours_was_stopped(self):
        for protocol in ("5", "3.1.1"):
            with self.subTest(protocol=protocol):
                broker = self.world.broker()
                daemon = self.world.daemon(broker, "--protocol", protocol)
                ours = self.world.responder(broker)
                self.assertEqual(transform(daemon, "uppercase", "abc").text, "ABC")
                ours.stop()
                alone = transform(daemon, "uppercase", "abc", timeout="500ms").status
                # In 3.1.1 the broker does not say it, and one call in each second is published.
                self.assertIn(alone, {503} if protocol == "5" else {503, 504})
                with self.student(broker):
                    self.assert_answered_soon(daemon)
                    for _ in range(20):
                        self.assertEqual(transform(daemon, "uppercase", "abc").text, "ABC")

    def test_a_stray_message_does_not_make_calls_wait_for_a_responder_that_is_gone(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        ours = self.world.responder(broker)
        self.assertEqual(transform(daemon, "uppercase", "abc").text, "ABC")
        with Peer(broker, "x", lambda *_: None) as peer:
            peer.publish("alice/uppercase/response", b"a stray message")
        ours.kill()
        answer = transform(daemon, "uppercase", "abc", timeout="20s")
        self.assertEqual(answer.status, 503)
        self.assertIn("no-responder", answer.text)


class LargeAnswers(SystemTest):
    def test_an_answer_that_the_broker_does_not_take_is_an_error_and_disturbs_nobody(self):
        """Or the broker would end the connection each time that it is sent, or drop it."""
        growing = "\u0390"  # three code points in upper case
        for daemon, responder in self.on_brokers_with_a_limit():
            answer = transform(daemon, "uppercase", growing * 600)
            self.assertEqual(answer.status, 413, answer)
            self.assertIn("larger than the broker takes", answer.text)
            self.assertEqual(transform(daemon, "uppercase", growing * 200).status, 200)
            self.assertEqual([line for line in responder.lines if "no link" in line], [])

    def test_a_request_that_the_broker_does_not_take_is_too_large(self):
        for daemon, _ in self.on_brokers_with_a_limit():
            answer = transform(daemon, "uppercase", "a" * 3000)
            self.assertEqual(answer.status, 413, answer)
            self.assertIn("payload-too-large", answer.text)

    def on_brokers_with_a_limit(self):
        """mosquitto says the one in CONNACK, and the other when it refuses a message."""
        for option in ("max_packet_size 2000", "message_size_limit 1500"):
            with self.subTest(option=option):
                broker = self.world.broker(config=option)
                yield self.world.daemon(broker), self.world.responder(broker)


class Poison(SystemTest):
    """Answers on which the broker ends the connection."""

    # Above, mosquitto ends the connection; MQTT 3.1.1 does not say so beforehand.
    PACKET_BYTES = 200

    def setUp(self):
        super().setUp()
        self.broker = self.world.broker(config=f"max_packet_size {self.PACKET_BYTES}")
        self.responder = self.world.responder(self.broker, "--protocol", "3.1.1")
        self.daemon = self.world.daemon(self.broker)

    def poison(self, client, netid="poison"):
        """Makes the longest request that the broker takes; its answer is longer."""
        topic = f"{netid}/uppercase/request"
        client.publish(topic, "x" * (self.PACKET_BYTES - 1 - 2 - len(topic) - 2))

    def assert_answered(self, text):
        """Soon: requests may meet the responder while it reconnects."""
        eventually(lambda: transform(self.daemon, "uppercase", text).text == text.upper(),
                   f"{text} is answered")

    def broken_links(self):
        return sum("linked to" in line for line in list(self.responder.lines)) - 1

    def test_an_answer_that_breaks_the_connection_is_given_up_and_all_others_are_sent(self):
        with Peer(self.broker, "nothing") as client:
            self.assert_answered("before")
            self.poison(client)
            for number in range(20):
                self.assert_answered(f"after {number}")
            self.responder.wait_for_line("warn +answers given up .*poison/uppercase/response")
            self.assert_answered("at the end")
        self.assertEqual(self.broken_links(), 3, "with others, and twice alone")

    def test_the_connections_that_they_break_are_not_laid_to_another_client(self):
        with Peer(self.broker, "nothing") as client:
            for number in range(6):
                self.assert_answered(f"text {number}")  # so it is there to get the next one
                before = self.broken_links()
                self.poison(client, f"poison-{number}")
                eventually(lambda: self.broken_links() > before, "it has broken the connection")
            self.assert_answered("at the end")
        self.assertNotIn("client id", "\n".join(self.responder.lines))

    def test_a_requester_that_repeats_it_does_not_keep_others_from_their_answers(self):
        with Peer(self.broker, "nothing") as client:
            for number in range(100):
                self.poison(client)
                self.assert_answered(f"text {number}")
        self.assertLess(self.broken_links(), 10)


class OwnActions(SystemTest):
    def test_calls_run_at_once_where_answers_carry_correlation_data(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker, "--action", "translate")
        with responder(broker, answer_with(lambda text: b"<" + text + b">")):
            with concurrent.futures.ThreadPoolExecutor(20) as pool:
                answers = list(pool.map(
                    lambda n: transform(daemon, "translate", f"text {n}"), range(20)))
        self.assertEqual([answer.text for answer in answers], [f"<text {n}>" for n in range(20)])

    def test_the_first_call_to_a_fresh_daemon_is_answered(self):
        broker = self.world.broker()
        with Peer(broker, "alice/translate/request", answer_in_brackets):
            daemon = self.world.daemon(broker, "--action", "translate")
            self.assertEqual(transform(daemon, "translate", "text").text, "<text>")

    def test_no_answer_is_believed_that_may_be_one_to_an_earlier_run_which_was_killed(self):
        broker = self.world.broker()
        state = self.world.folder / "state"
        state.mkdir()
        options = ("--action", "translate", "--state-dir", state)
        with Peer(broker, "alice/translate/request") as service:
            killed = self.world.daemon(broker, *options)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                call = pool.submit(transform, killed, "translate", "left behind")
                self.assertEqual(service.next(), "left behind")
                killed.kill()
                self.assertIsInstance(call.exception(), (OSError, http.client.HTTPException))
        with Peer(broker, "alice/translate/request", answer_in_brackets):
            daemon = self.world.daemon(broker, *options)
            refused = transform(daemon, "translate", "text")
            self.assertEqual(refused.status, 503)
            self.assertIn("turn-pending", refused.text)
            self.assertGreater(int(refused.headers["Retry-After"]), 30)
            self.assertEqual(daemon.stop(), 0)
            after_a_clean_end = self.world.daemon(broker, *options)
            self.assertEqual(transform(after_a_clean_end, "translate", "text").status, 503,
                             "the doubt goes on")

    def test_a_clean_end_leaves_no_doubt(self):
        broker = self.world.broker()
        state = self.world.folder / "state"
        state.mkdir()
        options = ("--action", "translate", "--state-dir", state)
        with Peer(broker, "alice/translate/request", answer_in_brackets):
            first = self.world.daemon(broker, *options)
            self.assertEqual(transform(first, "translate", "text").text, "<text>")
            self.assertEqual(first.stop(), 0)
            second = self.world.daemon(broker, *options)
            self.assertEqual(transform(second, "translate", "text").text, "<text>")

    def test_a_kill_costs_nothing_where_answers_carry_correlation_data(self):
        broker = self.world.broker()
        state = self.world.folder / "state"
        state.mkdir()
        options = ("--action", "translate", "--state-dir", state)
        with responder(broker, answer_with(lambda text: b"<" + text + b">")):
            killed = self.world.daemon(broker, *options)
            self.assertEqual(transform(killed, "translate", "text").text, "<text>")
            killed.kill()
            daemon = self.world.daemon(broker, *options)
            self.assertEqual(transform(daemon, "translate", "text").text, "<text>")

    def test_a_call_before_the_service_is_there_does_not_hold_up_those_after(self):
        broker = self.world.broker()
        daemon = self.world.daemon(broker, "--action", "translate")
        self.assertEqual(transform(daemon, "translate", "too early").status, 503)
        with Peer(broker, "alice/translate/request", answer_in_brackets):
            self.assertEqual(transform(daemon, "translate", "text").text, "<text>")

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
