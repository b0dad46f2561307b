"""Calls that are answered later, or once, over the end of the daemon: what is in its state directory
goes on in the next run."""

import json
import pathlib
import sqlite3
import unittest

import private_machine
from harness import BUILD, Caller, Daemon, SystemTest, environment, eventually, run
from mqtt_peer import answer_with, responder, silent_service
from test_later import ASYNC, Sleeper

KEY = {"Idempotency-Key": '"a key"'}


def setUpModule():
    private_machine.enter()


class Kept(SystemTest):
    def setUp(self):
        super().setUp()
        self.broker = self.world.broker()
        self.state = self.world.folder / "state"
        self.state.mkdir()

    def start(self, *options, **more):
        return self.world.daemon(self.broker, "--state-dir", self.state, *options, **more)

    def later(self, daemon, text="abc", action="uppercase", headers=ASYNC, **query):
        with Caller(daemon.port) as caller:
            answer = caller.transform(action, text, headers, **query)
        self.assertEqual(answer.status, 202, answer)
        return answer.headers["Location"]

    def get(self, daemon, location, method="GET", headers=None):
        with Caller(daemon.port) as caller:
            return caller.request(method, location, headers=headers)

    def answered(self, daemon, location):
        def ask():
            answer = self.get(daemon, location)
            return None if answer.status == 202 else answer
        return eventually(ask, f"{location} is answered")

    def published(self, topic):
        self.broker.settle()
        return sum("Received PUBLISH" in line and topic in line for line in self.broker.lines)

    def settle(self, daemon):
        """Returns when what the broker acknowledged before is on the disk."""
        self.later(daemon, action="reverse", timeout="1ms")

    def end_of(self, daemon, how):
        daemon.kill() if how == "killed" else self.assertEqual(daemon.stop(), 0)

    def test_a_call_that_waits_goes_on_and_is_not_published_again(self):
        for how in ("killed", "stopped"):
            with self.subTest(how), Sleeper(self.broker, "alice/uppercase/request") as sleeper:
                sleeper.sleep()
                first = self.start()
                before = self.published("alice/uppercase/request")
                location = self.later(first, how)
                eventually(lambda: self.published("alice/uppercase/request") == before + 1,
                           "it is published")
                self.settle(first)
                self.end_of(first, how)
                second = self.start()
                self.assertEqual(self.get(second, location).status, 202)
                sleeper.wake()
                self.assertEqual(self.answered(second, location).text, how.upper())
                self.assertEqual(second.stop(), 0)
        self.assertEqual(self.published("alice/uppercase/request"), 2)

    def test_an_answer_that_comes_while_the_daemon_is_away_is_not_lost(self):
        with Sleeper(self.broker, "alice/uppercase/request") as sleeper:
            sleeper.sleep()
            first = self.start()
            location = self.later(first)
            eventually(lambda: self.published("alice/uppercase/request") == 1, "it is published")
            first.kill()
            sleeper.wake()
            eventually(lambda: self.published("alice/uppercase/response") == 1, "it is answered")
            self.assertEqual(self.answered(self.start(), location).text, "ABC")
        self.assertEqual(self.published("alice/uppercase/request"), 1)

    def test_an_answer_is_kept(self):
        self.world.responder(self.broker)
        for how in ("killed", "stopped"):
            with self.subTest(how):
                first = self.start()
                location = self.later(first, how)
                answer = self.answered(first, location)
                self.end_of(first, how)
                second = self.start()
                again = self.get(second, location)
                self.assertEqual((again.status, again.text), (200, how.upper()))
                self.assertEqual(again.headers["Server-Timing"], answer.headers["Server-Timing"])
                self.assertEqual(self.get(second, location, "DELETE").status, 204)
                self.assertEqual(second.stop(), 0)
                third = self.start()
                self.assertEqual(self.get(third, location).status, 404)
                self.assertEqual(third.stop(), 0)

    def test_a_problem_is_kept(self):
        with responder(self.broker, answer_with(b"", ("status", "409"), ("error", "taken"))):
            first = self.start()
            location = self.later(first)
            answer = self.answered(first, location)
        self.assertEqual(answer.status, 409)
        first.kill()
        again = self.get(self.start(), location)
        self.assertEqual((again.status, again.body), (409, answer.body))

    def test_a_key_is_kept(self):
        self.world.responder(self.broker)
        first = self.start()
        text = "a text that is hardly ever shuffled in one way twice"
        with Caller(first.port) as caller:
            answer = caller.transform("shuffle", text, KEY)
        self.assertEqual(answer.status, 200)
        first.kill()
        with Caller(self.start().port) as caller:
            self.assertEqual(caller.transform("shuffle", text, KEY).text, answer.text)
            self.assertEqual(caller.transform("shuffle", text + "!", KEY).status, 422)
        self.assertEqual(self.published("alice/shuffle/request"), 1)

    def test_a_key_whose_call_waits_is_kept(self):
        with silent_service(self.broker):
            first = self.start()
            self.later(first, headers={**ASYNC, **KEY})
            eventually(lambda: self.published("alice/uppercase/request") == 1, "it is published")
            self.settle(first)
            first.kill()
            second = self.start()
            self.later(second, headers={**ASYNC, **KEY})
        self.world.responder(self.broker)
        with Caller(second.port) as caller:
            location = caller.transform("uppercase", "abc", {**ASYNC, **KEY}).headers["Location"]
        self.assertEqual(self.get(second, location).status, 202, "the silent one had it")
        self.assertEqual(self.published("alice/uppercase/request"), 1)

    def test_a_call_that_was_never_published_is_now(self):
        self.broker.kill()
        first = self.start(ready=False)
        location = self.later(first)
        first.kill()
        self.broker.start_again()
        self.world.responder(self.broker)
        self.assertEqual(self.answered(self.start(), location).text, "ABC")

    def test_what_is_configured_no_more_is_told(self):
        first = self.start("--action", "translate")
        location = self.later(first, action="translate", timeout="30m")
        first.kill()
        answer = self.get(self.start(), location)
        self.assertEqual(answer.status, 404)
        self.assertIn("unknown-action", answer.text)

    def test_it_belongs_to_who_asked_still(self):
        first = self.start()
        with Caller(first.socket_path) as caller:
            location = caller.transform("uppercase", "abc", ASYNC).headers["Location"]
        first.kill()
        second = self.start()
        self.assertEqual(self.get(second, location).status, 404)
        with Caller(second.socket_path) as caller:
            self.assertEqual(caller.get(location).status, 202)

    def test_no_secret_is_on_the_disk(self):
        token = self.world.folder / "token"
        token.write_text("a-secret-token\n")
        token.chmod(0o600)
        headers = {"Authorization": "Bearer a-secret-token"}
        first = self.start("--token-file", token, ready=False)
        first.wait_until_ready(headers)
        with Caller(first.port) as caller:
            location = caller.transform("uppercase", "abc", {
                **ASYNC, "Idempotency-Key": "a-secret-key", **headers}).headers["Location"]
            self.assertEqual(caller.get(location, headers).status, 202)
        self.assertEqual(first.stop(), 0)
        for file in self.state.iterdir():
            self.assertNotIn(b"a-secret", file.read_bytes(), file)
        self.assertEqual((self.state / "calls.db").stat().st_mode & 0o777, 0o600)

    def test_nothing_is_made_before_it_is_needed(self):
        self.world.responder(self.broker)
        daemon = self.start()
        with Caller(daemon.port) as caller:
            caller.transform("uppercase", "abc")
            status = json.loads(caller.get("/status").body)["later_calls"]
        self.assertEqual(status["state"], str(self.state / "calls.db"))
        self.assertFalse((self.state / "calls.db").exists())

    # What cannot be kept ---------------------------------------------------------------------

    def refused_at_start(self):
        done = run([BUILD / "mqtt_bridged", "--broker", self.broker.url, "--listen", "127.0.0.1:0",
                    "--state-dir", self.state], environment())
        self.assertEqual(done.code, 2, done)
        self.assertIn("--state-dir", done.stderr)
        self.assertIn("calls.db", done.stderr)
        return done.stderr

    def test_a_file_of_a_newer_version_is_left_alone(self):
        first = self.start()
        self.later(first)
        self.assertEqual(first.stop(), 0)
        with sqlite3.connect(self.state / "calls.db") as database:
            database.execute("PRAGMA user_version = 2")
        database.close()
        before = (self.state / "calls.db").read_bytes()
        self.assertIn("newer version", self.refused_at_start())
        self.assertEqual((self.state / "calls.db").read_bytes(), before)

    def test_a_file_that_is_something_else_is_left_alone(self):
        (self.state / "calls.db").write_bytes(b"not a database, but 100 bytes" + 100 * b".")
        self.assertIn("not a database", self.refused_at_start())
        self.assertTrue((self.state / "calls.db").read_bytes().startswith(b"not a database"))

    def test_two_daemons_do_not_share_it(self):
        self.later(self.start())
        self.assertIn("locked", self.refused_at_start())

    def mount(self, *options):
        private_machine.run("mount", "-t", "tmpfs", *options, "tmpfs", str(self.state))
        self.addCleanup(private_machine.run, "umount", str(self.state))

    def test_a_directory_that_cannot_be_written_costs_these_calls_only(self):
        self.mount("-o", "ro")
        self.world.responder(self.broker)
        daemon = self.start()
        with Caller(daemon.port) as caller:
            for headers in (ASYNC, KEY):
                answer = caller.transform("uppercase", "abc", headers)
                self.assertEqual(answer.status, 503)
                problem = json.loads(answer.body)
                self.assertEqual(problem["type"], "/problems/state-unavailable")
                self.assertIn("calls.db", problem["detail"])
                self.assertIs(problem["retryable"], True)
            self.assertEqual(caller.transform("uppercase", "abc").text, "ABC")
        daemon.wait_for_line("cannot keep calls in")
        self.assertEqual(self.published("alice/uppercase/request"), 1)
        self.assertEqual(daemon.stop(), 0)

    def test_a_file_that_cannot_be_written_any_more_stops_the_start(self):
        first = self.start()
        location = self.later(first)
        self.assertEqual(first.stop(), 0)
        private_machine.run("mount", "--bind", str(self.state), str(self.state))
        self.addCleanup(private_machine.run, "umount", str(self.state))
        private_machine.run("mount", "-o", "remount,ro,bind", str(self.state))
        self.refused_at_start()
        private_machine.run("mount", "-o", "remount,rw,bind", str(self.state))
        second = self.start()
        self.assertEqual(self.get(second, location).status, 202)
        self.assertEqual(second.stop(), 0)

    def test_a_full_disk_costs_no_call_that_was_accepted(self):
        self.mount("-o", "size=400k")
        with Sleeper(self.broker, "alice/uppercase/request") as sleeper:
            sleeper.sleep()
            daemon = self.start()
            accepted = []
            with Caller(daemon.port) as caller:
                for number in range(1000):
                    answer = caller.transform("uppercase", f"{number} " + 10_000 * "x", ASYNC)
                    if answer.status != 202:
                        break
                    accepted.append((answer.headers["Location"], number))
                self.assertEqual(answer.status, 503, answer)
                self.assertIn("state-unavailable", answer.text)
            self.assertGreater(len(accepted), 5)
            (pathlib.Path(self.state) / "calls.db").stat()
            private_machine.run("mount", "-o", "remount,size=4m", str(self.state))
            daemon.kill()
            second = self.start()
            sleeper.wake()
            for location, number in accepted:
                self.assertTrue(self.answered(second, location).text.startswith(f"{number} X"))
            self.assertEqual(second.stop(), 0)


if __name__ == "__main__":
    unittest.main()
