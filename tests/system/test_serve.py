"""`mqtt_responder --serve`: any program answers an action of one's own."""

import concurrent.futures
import contextlib
import os
import pathlib
import shlex
import stat
import time
import unittest

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from harness import BUILD, Caller, Process, SystemTest, environment, eventually, run
from mqtt_peer import Peer

LIMIT = 4 * 1024 * 1024  # limits::response_bytes
WAITING = 1024  # limits::serve_waiting
MARK = "MQTT_TEST_OF_SERVE"  # in the environment of the programs of one test


def transform(daemon, action, text, **query):
    with Caller(daemon.port) as caller:
        return caller.transform(action, text, **query)


def sh(script):
    """As a command that a shell carries out."""
    return f"sh -c {shlex.quote(script)}"


class Requester(Peer):
    """Asks over MQTT 5, with a Response Topic and Correlation Data of its own."""

    def __init__(self, broker):
        super().__init__(broker, "answers/here", protocol=mqtt.MQTTv5)

    def ask(self, topic, payload, correlation=b"\x00one", expiry=None):
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = "answers/here"
        if correlation:
            properties.CorrelationData = correlation
        if expiry:
            properties.MessageExpiryInterval = expiry
        self._client.publish(topic, payload, qos=1, properties=properties)

    def next_answer(self):
        """Its correlation data, what it says, and the user properties."""
        answer = self.messages.get(timeout=30)
        properties = dict(getattr(answer.properties, "UserProperty", []))
        return getattr(answer.properties, "CorrelationData", None), answer.payload, properties


class ServeTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.broker = self.world.broker()
        self.mark = f"{os.getpid()}-{id(self)}"

    def serve(self, commands, *options):
        """A daemon and a responder for these commands, by action."""
        url = self.broker.url
        arguments = [BUILD / "mqtt_responder", "--broker", url, "--id", "server", *options]
        for action, command in commands.items():
            arguments += ["--serve", f"{action}={command}"]
        self.responder = self.world.add_ours(Process(
            "mqtt_responder", arguments, environment(**{MARK: self.mark})))
        self.responder.wait_for_line(r"\bready\b")
        actions = [text for action in commands for text in ("--action", action)]
        self.daemon = self.world.daemon(self.broker, *actions)

    def gate(self, name):
        """A FIFO: a program that writes to it says so, and one that reads from it waits."""
        path = self.world.folder / name
        os.mkfifo(path)
        return path

    def programs(self):
        """The processes that were started by the responder, their own children included."""
        wanted = f"{MARK}={self.mark}".encode()
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (wanted in (folder / "environ").read_bytes().split(b"\0")
                        and int(folder.name) != self.responder.pid):
                    found.append((folder / "cmdline").read_bytes())
        return found

    def assert_no_programs(self):
        eventually(lambda: not self.programs(), "no program is left")

    def assert_failed(self, answer, status, *words):
        self.assertEqual(answer.status, status, answer)
        self.assertIn("responder-error", answer.text)
        for word in words:
            self.assertIn(word, answer.text)


class Answers(ServeTest):
    def test_the_request_is_its_stdin_and_what_it_prints_is_the_answer(self):
        self.serve({"shout": "tr a-z A-Z", "count": "wc -c", "python": "/usr/bin/python3 -c "
                    "'import sys; print(sys.stdin.read()[::-1], end=\"\")'"})
        self.assertEqual(transform(self.daemon, "shout", "hello").text, "HELLO")
        self.assertEqual(transform(self.daemon, "count", "").text, "0\n")
        self.assertEqual(transform(self.daemon, "python", "naïve 日本").text, "本日 evïan")
        self.assertEqual(transform(self.daemon, "uppercase", "hello").text, "HELLO")

    def test_a_failure_is_told_in_the_words_of_its_stderr(self):
        self.serve({"fail": sh("echo 'no such\tcity' >&2; printf '\\377' >&2; exit 3"),
                    "quiet": sh("echo half; exit 3"), "dead": sh("kill -KILL $$"),
                    "warn": sh("echo careful >&2; echo fine")})
        self.assert_failed(transform(self.daemon, "fail", "secret"), 500, "no such city \ufffd")
        self.assert_failed(transform(self.daemon, "quiet", "secret"), 500, "sh exited with 3")
        self.assert_failed(transform(self.daemon, "dead", "secret"), 500, "sh was ended by SIGKILL")
        self.assertEqual(transform(self.daemon, "warn", "secret").text, "fine\n")
        self.responder.wait_for_line("quiet: sh exited with 3")
        self.assertFalse([line for line in self.responder.lines if "city" in line],
                         "what it printed may be of the request")

    def test_it_is_ended_after_its_time_with_all_that_it_started(self):
        self.serve({"slow": sh("sleep 1000 & wait"), "deaf": sh("trap '' TERM; sleep 1000")},
                   "--serve-timeout", "100ms")
        for action in ("slow", "deaf"):
            answer = transform(self.daemon, action, "x", timeout="30s")
            self.assert_failed(answer, 504, "sh took longer than 100ms")
            self.assert_no_programs()

    def test_an_answer_has_a_limit(self):
        self.serve({"zeros": sh("head -c $(cat) /dev/zero"), "endless": "cat /dev/zero"})
        largest = transform(self.daemon, "zeros", str(LIMIT), timeout="30s")
        self.assertEqual((largest.status, len(largest.body)), (200, LIMIT))
        for answer in (transform(self.daemon, "zeros", str(LIMIT + 1), timeout="30s"),
                       transform(self.daemon, "endless", "", timeout="30s")):
            self.assert_failed(answer, 500, f"printed more than {LIMIT} bytes")
        self.assert_no_programs()

    def test_any_bytes_go_in_and_out_and_topic_and_correlation_are_echoed(self):
        self.serve({"same": "cat", "fail": "false"})
        payload = bytes(range(256)) * 1000
        with Requester(self.broker) as requester:
            requester.ask("bob/same/request", payload, b"\x00\xff")
            self.assertEqual(requester.next_answer(),
                             (b"\x00\xff", payload, {"responder": "server"}))
            requester.ask("bob/fail/request", payload, b"\x01")
            self.assertEqual(requester.next_answer(), (b"\x01", b"", {
                "responder": "server", "status": "500", "error": "false exited with 1"}))
            # Without correlation data an error would be taken for an answer.
            requester.ask("bob/fail/request", payload, correlation=None)
            self.responder.wait_for_line("fail: false exited with 1")
            requester.ask("bob/same/request", b"x", correlation=None)
            self.assertEqual(requester.next_answer(), (None, b"x", {"responder": "server"}))

    def test_a_program_need_not_read_its_stdin(self):
        self.serve({"deaf": "echo done", "brief": "head -c 3"})
        for _ in range(10):
            self.assertEqual(transform(self.daemon, "deaf", "x" * 1_000_000).text, "done\n")
            self.assertEqual(transform(self.daemon, "brief", "x" * 1_000_000).text, "xxx")

    def test_what_a_request_says_is_never_carried_out(self):
        canary = self.world.folder / "canary"
        self.serve({"same": "cat", "shell": sh("cat"), "words": r"printf '%s\n' $HOME `id` *",
                    "where": sh('printf "%s %s %s" "$MQTT_TOPIC" "$MQTT_NETID" "$MQTT_ACTION"')})
        payload = f"$(touch {canary}) `touch {canary}`; touch {canary} | x & '\"\\\n() {{ :; }};"
        for action in ("same", "shell"):
            self.assertEqual(transform(self.daemon, action, payload).text, payload)
        self.assertEqual(transform(self.daemon, "words", payload).text, "$HOME\n`id`\n*\n")
        self.assertEqual(transform(self.daemon, "where", payload).text,
                         "alice/where/request alice where")
        with Requester(self.broker) as requester:
            netid = f"() {{ :; }}; touch {canary.name}; $(touch {canary.name})"
            requester.ask(f"{netid}/where/request", payload)
            self.assertEqual(requester.next_answer()[1].decode(),
                             f"{netid}/where/request {netid} where")
        self.assertFalse(canary.exists())


class Many(ServeTest):
    def test_a_hundred_at_once_are_answered_two_at_a_time(self):
        folder = self.world.folder / "running"
        folder.mkdir()
        # Each says how many run while it does.
        self.serve({"count": sh(f"touch {folder}/$$; cat; echo; ls {folder} | wc -l; "
                                f"rm {folder}/$$")}, "--serve-jobs", "2")
        # Calls take turns until the daemon has seen that answers carry correlation data.
        self.assertEqual(transform(self.daemon, "count", "first").status, 200)
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(
                lambda n: transform(self.daemon, "count", str(n), timeout="60s"), range(100)))
        self.assertEqual([answer.status for answer in answers], [200] * 100)
        texts = [answer.text.split() for answer in answers]
        self.assertEqual([text for text, _ in texts], [str(n) for n in range(100)])
        self.assertLessEqual({count for _, count in texts}, {"1", "2"})

    def test_a_flood_is_refused_beyond_the_queue_and_leaves_the_rest_alone(self):
        gate = self.gate("gate")
        self.serve({"wait": sh(f"cat; cat {gate}"), "same": "cat"}, "--serve-jobs", "1")
        beyond = 50
        with Requester(self.broker) as requester:
            requester.ask("alice/wait/request", b"first", b"first")
            for n in range(WAITING + beyond):
                requester.ask("alice/same/request", b"%d" % n, b"%d" % n)
            refused = [requester.next_answer() for _ in range(beyond)]
            self.assertEqual([correlation for correlation, *_ in refused],
                             [b"%d" % n for n in range(WAITING, WAITING + beyond)])
            self.assertEqual({properties["status"] for *_, properties in refused}, {"503"})
            self.assertIn("as may already wait", refused[0][2]["error"])
            self.assert_failed(transform(self.daemon, "same", "x"), 503, "as may already wait")
            self.assertEqual(transform(self.daemon, "uppercase", "abc").text, "ABC")
            gate.write_text(" and last")
            self.assertEqual(requester.next_answer()[:2], (b"first", b"first and last"))
            self.assertEqual([requester.next_answer()[1] for _ in range(WAITING)],
                             [b"%d" % n for n in range(WAITING)])
            self.assertEqual(transform(self.daemon, "same", "x").text, "x")

    def test_mqtt_client_calls_it_through_the_daemon(self):
        self.serve({"shout": "tr a-z A-Z"})
        url = f"http://127.0.0.1:{self.daemon.port}"
        self.assert_answered(self.client(self.broker, "alice", "shout", "abc", daemon_url=url),
                             "ABC")
        self.assert_one_line(self.client(self.broker, "alice", "whisper", "abc", daemon_url=url),
                             2, "there is no action 'whisper'", "shout")

    def test_a_request_that_expired_while_it_waited_is_not_run(self):
        gate = self.gate("gate")
        ran = self.world.folder / "ran"
        self.serve({"wait": f"cat {gate}", "note": f"tee -a {ran}"}, "--serve-jobs", "1")
        with Requester(self.broker) as requester:
            requester.ask("alice/wait/request", b"")
            requester.ask("alice/note/request", b"expires", b"expires", expiry=1)
            requester.ask("alice/note/request", b"stays", b"stays", expiry=60)
            # Handled in turn, so once this is answered both wait.
            self.assertEqual(transform(self.daemon, "uppercase", "abc").text, "ABC")
            end = time.monotonic() + 1.5  # the broker and we count an expiry in whole seconds
            eventually(lambda: time.monotonic() > end, "more than the expiry has passed")
            gate.write_text("")
            self.assertEqual(requester.next_answer()[0], b"\x00one")
            self.assertEqual(requester.next_answer()[0], b"stays")
        self.assertEqual(ran.read_text(), "stays")
        self.responder.wait_for_line("requests expired")


class End(ServeTest):
    def begun(self, script, timeout="20s"):
        """Calls a program that says when it runs; gives what will be its answer, and who waits for
        that."""
        gate = self.gate("begun")
        self.serve({"work": sh(f"echo begun >{gate}; {script}"), "same": "cat"},
                   "--serve-jobs", "1")
        pool = concurrent.futures.ThreadPoolExecutor(2)
        self.addCleanup(pool.shutdown)
        answer = pool.submit(transform, self.daemon, "work", "x", timeout=timeout)
        self.assertEqual(gate.read_text(), "begun\n")
        return pool, answer

    def test_one_that_runs_may_finish_its_answer_and_none_begins(self):
        gate = self.gate("finish")
        pool, answer = self.begun(f"cat {gate}")
        waiting = pool.submit(transform, self.daemon, "same", "x", timeout="20s")
        self.broker.wait_for_line("Received PUBLISH from .*/same/request")
        self.responder.ask_to_stop()
        self.assert_failed(waiting.result(), 503, "the responder stops")
        gate.write_text("finished")
        self.assertEqual(answer.result().text, "finished")
        self.assertEqual(self.responder.wait(), 0)
        self.assert_no_programs()

    def test_one_that_does_not_end_is_killed_with_all_that_it_started(self):
        _, answer = self.begun("trap '' TERM; sleep 1000 & sleep 1000")
        self.assertGreaterEqual(len(self.programs()), 1)
        self.assertEqual(self.responder.stop(), 0)
        self.assert_failed(answer.result(), 503, "the responder stops")
        self.assert_no_programs()

    def test_without_a_broker_it_is_killed_at_once(self):
        _, answer = self.begun("trap '' TERM; sleep 1000", timeout="1s")
        self.broker.kill()
        self.responder.wait_for_line("no link")
        self.assertEqual(self.responder.stop(), 0)
        self.assert_no_programs()
        self.assertEqual(answer.result().status, 504)

    def test_no_zombie_stays_while_it_runs(self):
        self.serve({"same": "cat", "leave": sh("sleep 1000 & echo left")})
        for _ in range(20):
            transform(self.daemon, "same", "x")
        self.assertEqual(transform(self.daemon, "leave", "x").text, "left\n")
        children = f"/proc/{self.responder.pid}/task/{self.responder.pid}/children"
        self.assertEqual(pathlib.Path(children).read_text().split(), [])
        self.assert_no_programs()


class Start(ServeTest):
    def check(self, *options, env=None):
        return run([BUILD / "mqtt_responder", "--check-config", *options], env)

    def test_the_actions_are_announced(self):
        with Peer(self.broker, "mqtt-responder/server/status") as listener:
            self.serve({"shout": "tr a-z A-Z"})
            self.assertEqual(listener.next(), '{"id":"server","actions":["uppercase","lowercase",'
                                              '"title-case","reverse","shuffle","shout"],'
                                              '"correlates":true}')

    def test_callers_hear_at_once_that_the_last_one_who_served_it_is_gone(self):
        self.serve({"same": "cat"})
        self.assertEqual(transform(self.daemon, "same", "x").text, "x")
        self.responder.stop()
        self.assertIn("no-responder", transform(self.daemon, "same", "x", timeout="20s").text)

    def test_a_program_that_is_not_there_is_an_error_at_once(self):
        plain = self.world.folder / "plain"
        plain.write_text("no program")
        for command, words in (("no-such-program x", "there is no program 'no-such-program' in PATH"),
                               ("/no/such", "/no/such cannot be executed: No such file"),
                               (str(plain), f"{plain} cannot be executed: Permission denied")):
            self.assert_one_line(self.check("--serve", f"one={command}"), 2, "--serve: one: ", words)
            self.assert_one_line(
                run([BUILD / "mqtt_responder", "--broker", self.broker.url, "--serve",
                     f"one={command}"]), 2, "--serve: one: ", words)

    def test_programs_come_from_path_and_the_options_from_everywhere(self):
        program = self.world.folder / "our-program"
        program.write_text("#!/bin/sh\ncat\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        path = f"/no/such:{self.world.folder}:{os.environ['PATH']}"
        config = self.world.folder / "responder.toml"
        config.write_text('serve = ["one=our-program"]\nserve-jobs = 2\nserve-timeout = "3s"\n')
        good = "the configuration is good"
        self.assert_answered(self.check("--config", config, env=environment(PATH=path)), good)
        self.assert_answered(self.check(env=environment(
            PATH=path, MQTT_RESPONDER_SERVE="one=our-program, two=cat")), good)
        self.assert_one_line(self.check("--serve", "uppercase=cat"), 2, "'uppercase' is served anyway")


if __name__ == "__main__":
    unittest.main()
