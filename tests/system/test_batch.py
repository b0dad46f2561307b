"""A batch: one request whose body is many calls, a line each, and whose answer is as many lines."""

import contextlib
import json
import queue
import socket
import subprocess
import threading

from harness import PATIENCE, Caller, SystemTest, World, environment, eventually
from mqtt_peer import Peer, answer_with, responder, silent_service

NDJSON = "application/x-ndjson"


class Batch:
    """One batch over its own connection, whose body is sent piece by piece in chunks."""

    def __init__(self, where, target="/transform/uppercase", headers=()):
        self._socket = socket.create_connection(("127.0.0.1", where), PATIENCE)
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self._socket.sendall(f"POST {target} HTTP/1.1\r\nHost: localhost\r\n"
                             f"Content-Type: {NDJSON}\r\nTransfer-Encoding: chunked\r\n"
                             f"{fields}\r\n".encode())
        self._file = self._socket.makefile("rb")
        self.status = None
        self.headers = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._file.close()
        self._socket.close()

    def send(self, piece):
        piece = piece if isinstance(piece, bytes) else piece.encode()
        self._socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))

    def lines(self, *lines):
        self.send("".join(json.dumps(line) + "\n" for line in lines))

    def end(self):
        self._socket.sendall(b"0\r\n\r\n")

    def results(self):
        """Each line of the answer as it comes; ends at its end, and fails where it is cut."""
        if self.status is None:
            self.status = int(self._file.readline().split()[1])
            while (field := self._file.readline().strip()):
                name, _, value = field.decode().partition(": ")
                self.headers[name] = value
        text = b""
        while (size := int(self._file.readline(), 16)) > 0:
            text += self._file.read(size)
            self._file.readline()
            *lines, text = text.split(b"\n")
            for line in lines:
                yield json.loads(line)
        assert text == b"", text

    def result(self):
        return next(self.results())


def by_id(results):
    found = {}
    for result in results:
        assert result["id"] not in found, result
        found[result["id"]] = result.get("answer", result.get("problem"))
    return found


class Batches(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        world.responder(cls.broker)
        cls.daemon = world.daemon(cls.broker)

    def post(self, body, target="/transform/uppercase", headers=None):
        with Caller(self.daemon.port) as caller:
            answer = caller.request("POST", target, body, {"Content-Type": NDJSON} | (headers or {}))
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers["Content-Type"], NDJSON)
        return [json.loads(line) for line in answer.text.splitlines()]

    def test_each_line_gets_its_answer(self):
        lines = [json.dumps({"id": f"call-{i}", "message": f"straße {i}"}) for i in range(1000)]
        results = self.post("\n".join(lines).encode())
        self.assertEqual(by_id(results), {f"call-{i}": f"STRASSE {i}" for i in range(1000)})

    def test_a_line_may_be_a_text_alone_and_is_known_by_its_number(self):
        results = self.post(b'"one"\n\n{"message":"three"}\n{"id":"x","message":"four"}')
        self.assertEqual(by_id(results), {1: "ONE", 3: "THREE", "x": "FOUR"})

    def test_a_bad_line_costs_that_line_only(self):
        results = by_id(self.post(b'"one"\nnonsense\n{"id":7,"mesage":"x"}\n"four"\n'))
        self.assertEqual((results[1], results[4]), ("ONE", "FOUR"))
        self.assertEqual(results[2]["status"], 400)
        self.assertTrue(results[2]["type"].endswith("invalid-payload"), results[2])
        self.assertIn("line 2: it is not JSON", results[2]["detail"])
        self.assertIn("did you mean message?", results[7]["detail"])
        self.daemon.wait_for_line(rf'{results[2]["request_id"]} invalid-payload status=400 netid=alice ')

    def test_a_line_that_is_too_long_costs_that_line_only(self):
        with Batch(self.daemon.port) as batch:
            batch.lines("one")
            for _ in range(50):
                batch.send(b"x" * 65536)
            batch.send("\n")
            batch.lines("three")
            batch.end()
            results = by_id(batch.results())
        self.assertEqual((results[1], results[3]), ("ONE", "THREE"))
        self.assertEqual(results[2]["status"], 413)

    def test_a_result_comes_before_the_next_line_is_sent(self):
        with Batch(self.daemon.port, headers=[("Request-Id", "mine")]) as batch:
            for text in ("one", "two"):
                batch.lines({"id": text, "message": text})
                self.assertEqual(batch.result(), {"id": text, "answer": text.upper()})
            batch.end()
            self.assertEqual(list(batch.results()), [])
            self.assertEqual(batch.headers["Request-Id"], "mine")
        self.daemon.wait_for_line(r"request mine/2 ok status=200 netid=alice action=uppercase by=")

    def test_curl_sends_a_file_and_what_comes_through_a_pipe(self):
        lines = "".join(json.dumps(f"text {i}") + "\n" for i in range(2_000))
        file = self.world.folder / "lines"
        file.write_text(lines)
        url = f"{self.daemon.url}/transform/uppercase"
        for how in (["--data-binary", f"@{file}"], ["--upload-file", "-", "--request", "POST"]):
            with self.subTest(how=how[0]):
                outcome = subprocess.run(
                    ["curl", "--silent", "--show-error", "--header", f"Content-Type: {NDJSON}",
                     *how, url], input=lines, env=environment(), timeout=2 * PATIENCE,
                    capture_output=True, text=True, check=True)
                self.assertEqual(by_id(map(json.loads, outcome.stdout.splitlines())),
                                 {i + 1: f"TEXT {i}" for i in range(2_000)})

    def test_what_is_wrong_with_the_request_is_said_before_any_line(self):
        rows = [("/transform/nothing", 404), ("/transform/uppercase?netid=other", 403),
                ("/transform/uppercase?timout=1s", 400), ("/nowhere", 404), ("/status", 405)]
        for target, status in rows:
            with self.subTest(target=target), Batch(self.daemon.port, target) as batch:
                with contextlib.suppress(StopIteration, ValueError):
                    batch.result()
                self.assertEqual(batch.status, status)

    def test_a_body_that_breaks_off_is_answered_as_far_as_it_came(self):
        with Batch(self.daemon.port) as batch:
            batch.lines("one", "two")
            self.assertEqual({batch.result()["id"], batch.result()["id"]}, {1, 2})
            batch.send('"thr')
            batch._socket.shutdown(socket.SHUT_WR)  # pylint: disable=protected-access
            last, = batch.results()
        self.assertIsNone(last["id"])
        self.assertEqual(last["problem"]["status"], 400)
        self.assertIn("line 3 and those behind it were not begun", last["problem"]["detail"])

    def test_one_who_sends_no_more_still_gets_all_results(self):
        body = b'"one"\n"two"\n"three"\n'
        with socket.create_connection(("127.0.0.1", self.daemon.port), PATIENCE) as connected:
            connected.sendall(b"POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\n"
                              b"Content-Type: application/x-ndjson\r\nConnection: close\r\n"
                              b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            connected.shutdown(socket.SHUT_WR)
            answer = connected.makefile("rb").read()
        for text in (b"ONE", b"TWO", b"THREE"):
            self.assertIn(text, answer)


class Pipelining(SystemTest):
    """What is under way at one time."""

    def setUp(self):
        super().setUp()
        self.broker = self.world.broker()

    def test_the_calls_of_one_batch_are_under_way_together_up_to_a_limit(self):
        waiting = queue.Queue()
        with responder(self.broker, lambda client, request: waiting.put((client, request))):
            daemon = self.world.daemon(self.broker)
            answer = answer_with(lambda payload: payload.upper())
            with Batch(daemon.port, "/transform/uppercase?timeout=30s") as batch:
                sender = threading.Thread(
                    target=lambda: (batch.lines(*(f"text {i}" for i in range(300))), batch.end()))
                sender.start()
                for _ in range(100):  # the window opens as answers come
                    answer(*waiting.get(timeout=PATIENCE))
                eventually(lambda: waiting.qsize() == 64, "64 calls are under way")
                self.assertEqual(self.in_flight(daemon), 64)
                results = batch.results()
                for _ in range(200):
                    answer(*waiting.get(timeout=PATIENCE))
                self.assertEqual(by_id(results), {i + 1: f"TEXT {i}" for i in range(300)})
                sender.join()

    @staticmethod
    def in_flight(daemon):
        with Caller(daemon.port) as caller:
            return json.loads(caller.get("/status").text)["calls"]["in_flight"]

    def test_lines_wait_where_there_is_no_room_for_more_calls(self):
        self.world.responder(self.broker)
        daemon = self.world.daemon(self.broker, "--max-in-flight", "2", "--max-queued", "2")
        with Batch(daemon.port) as batch:
            batch.lines(*(f"text {i}" for i in range(500)))
            batch.end()
            self.assertEqual(by_id(batch.results()), {i + 1: f"TEXT {i}" for i in range(500)})

    def test_a_slow_service_lets_no_line_time_out(self):
        """It takes a quarter of a second for each, one after the other, and each has one second."""
        timers = []

        def answer_late(client, request):
            if timers:
                timers[-1].join()
            timers.append(threading.Timer(0.25, answer_with(request.payload), (client, request)))
            timers[-1].start()

        with responder(self.broker, answer_late):
            daemon = self.world.daemon(self.broker)
            with Batch(daemon.port, "/transform/uppercase?timeout=1s") as batch:
                batch.lines(*(["ONCE"] * 8))
                batch.end()
                self.assertEqual(set(by_id(batch.results()).values()), {"ONCE"})

    def test_a_reader_that_goes_away_cancels_what_is_left(self):
        with Peer(self.broker, "+/+/request") as heard:
            self.world.responder(self.broker)
            daemon = self.world.daemon(self.broker)
            batch = Batch(daemon.port)
            batch.lines(*(f"text {i}" for i in range(10_000)))
            batch.result()
            batch.close()
            eventually(lambda: self.in_flight(daemon) == 0 and self.batches(daemon) == 1,
                       "what was begun has ended")
            self.assertLess(heard.messages.qsize(), 5_000)

    @staticmethod
    def batches(daemon):
        with Caller(daemon.port) as caller:
            return json.loads(caller.get("/status").text)["http_connections"]

    def test_a_reader_that_does_not_read_stops_the_batch_but_nobody_else(self):
        self.world.responder(self.broker)
        daemon = self.world.daemon(self.broker)
        line = json.dumps("x" * 100_000) + "\n"
        with Batch(daemon.port) as batch:
            stuck = threading.Event()

            def send():
                with contextlib.suppress(OSError):
                    while not stuck.is_set():
                        batch.send(line)
            sender = threading.Thread(target=send)
            sender.start()
            with Caller(daemon.port) as caller:
                eventually(lambda: self.unread(daemon) == 1, "the daemon cuts the connection")
                self.assertEqual(caller.transform("uppercase", "hello").text, "HELLO")
            stuck.set()
            sender.join()

    @staticmethod
    def unread(daemon):
        with Caller(daemon.port) as caller:
            text = caller.get("/metrics").text
        return sum(float(line.split()[-1]) for line in text.splitlines()
                   if line.startswith("mqtt_bridge_http_unread_answers_total{"))

    def test_a_batch_ends_with_the_daemon_and_says_where(self):
        with silent_service(self.broker) as service:
            daemon = self.world.daemon(self.broker)
            with Batch(daemon.port, "/transform/uppercase?timeout=2s") as batch:
                batch.lines("one", "two")
                service.next()
                daemon.ask_to_stop()
                first, last = batch.results()
        self.assertEqual(first["id"], 1)
        self.assertEqual(first["problem"]["status"], 504)
        self.assertIsNone(last["id"])
        self.assertTrue(last["problem"]["type"].endswith("shutting-down"))
        self.assertIn("line 2 and those behind it were not begun", last["problem"]["detail"])


class Routes(SystemTest):
    def setUp(self):
        super().setUp()
        self.broker = self.world.broker()

    def daemon(self, text):
        file = self.world.folder / "bridge.toml"
        file.write_text(text)
        return self.world.daemon(self.broker, "--config", str(file))

    def test_a_message_may_be_json_and_so_may_an_answer(self):
        daemon = self.daemon('[[route]]\npath = "/lamp/{name}"\ntopic = "lamp/{name}/get"\n'
                             'response-topic = "lamp/{name}/answer"\n')

        def answer(client, request):
            content = getattr(request.properties, "ContentType", None)
            payload = json.dumps({"got": request.payload.decode(), "type": content}, indent=1)
            answer_with(payload)(client, request)

        with responder_at(self.broker, "lamp/+/get", answer):
            with Batch(daemon.port, "/lamp/kitchen") as batch:
                batch.lines({"id": "a", "message": {"state": "ON"}}, {"id": "b", "message": "text"})
                batch.end()
                results = by_id(batch.results())
        self.assertEqual(results, {
            "a": {"got": '{"state":"ON"}', "type": "application/json"},
            "b": {"got": "text", "type": None}})
        daemon.wait_for_line(r"request \w+/1 ok status=200 route=/lamp/\{name\} by=")


def responder_at(broker, topic, answer):
    from paho.mqtt.client import MQTTv5  # pylint: disable=import-outside-toplevel
    return Peer(broker, topic, answer, MQTTv5)


if __name__ == "__main__":
    import unittest
    unittest.main()
