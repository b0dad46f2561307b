"""A name server that never answers: no look-up of an address outlasts a call's deadline or delays
the end of a program, and what is said is that it is about the name."""

import contextlib
import json
import socket
import threading
import time
import unittest

import private_machine
from faults import milliseconds, say
from harness import BUILD, Caller, Process, SystemTest, environment, eventually, run
from test_tls import Authority

NAME = "slow.example"
SOON = 10  # seconds; what is promised is 0.1, but a sanitizer starts slowly on a busy machine
RESOLVER = "options timeout:30 attempts:2\n"  # it gives up after 60 s, long after SOON


def setUpModule():
    private_machine.enter()
    private_machine.replace("/etc/resolv.conf", "nameserver 127.0.0.1\n" + RESOLVER)


@contextlib.contextmanager
def silent_name_server():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        yield server


def answer_to(query):
    """127.0.0.1, and no address of IPv6 (RFC 1035 4.1)."""
    name_end = query.index(b"\0", 12) + 1
    question = query[12:name_end + 4]
    is_v4 = query[name_end:name_end + 2] == b"\0\1"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1" if is_v4 else b""
    return (query[:2] + b"\x81\x80\0\1\0" + bytes([is_v4]) + b"\0\0\0\0" + question + record)


def answer_once(server):
    """Answers one look-up, of both families, and falls silent."""
    for _ in range(2):
        query, asker = server.recvfrom(4096)
        server.sendto(answer_to(query), asker)


class SlowNames(SystemTest):
    def setUp(self):
        super().setUp()
        self.name_server = self.world.enter_context(silent_name_server())

    def wait_until_asked(self):
        self.name_server.settimeout(30)
        self.name_server.recv(4096)

    def start(self, program, *options):
        process = self.world.add_ours(Process(program, [
            BUILD / program, "--broker", f"mqtt://{NAME}:1883", *options]))
        self.wait_until_asked()
        return process

    def assert_ends_soon(self, process):
        began = time.monotonic()
        process.ask_to_stop()
        self.assertEqual(process.wait(), 0, process.log())
        took = time.monotonic() - began
        say(f"{process.name}: SIGTERM while a name is looked up",
            f"exit after {milliseconds(took)}")
        self.assertLess(took, SOON)

    def test_the_daemon_ends_at_once_while_a_name_is_looked_up(self):
        self.assert_ends_soon(self.start("mqtt_bridged", "--listen", "127.0.0.1:0"))

    def test_so_does_the_responder(self):
        self.assert_ends_soon(self.start("mqtt_responder"))

    def test_the_library_that_talks_to_the_broker_looks_no_name_up(self):
        authority = Authority(self.world.folder / "authority")
        certificate, key = authority.sign("broker", f"DNS:{NAME}")
        broker = self.world.broker(
            config=f"user root\ncertfile {certificate}\nkeyfile {key}\n")
        answering = threading.Thread(target=answer_once, args=[self.name_server])
        answering.start()
        daemon = self.world.daemon(
            f"mqtts://{NAME}:{broker.port}", "--ca-file", authority.ca, ready=False)
        answering.join()
        daemon.wait_for_line("linked to")
        self.assert_ends_soon(daemon)

    def test_the_daemon_leaves_no_socket_behind(self):
        path = self.world.folder / "daemon.sock"
        daemon = self.start("mqtt_bridged", "--listen", f"unix:{path}")
        self.assertTrue(path.is_socket())
        self.assert_ends_soon(daemon)
        self.assertFalse(path.exists())

    def test_the_daemon_that_is_not_ready_says_that_it_is_about_the_name(self):
        daemon = self.start("mqtt_bridged", "--listen", "127.0.0.1:0")
        port = int(daemon.wait_for_line(r"listening on http://127\.0\.0\.1:(\d+)").group(1))
        with Caller(port) as caller:
            eventually(lambda: NAME in json.loads(caller.get("/readyz").body)["detail"],
                       "/readyz names the host")

    def assert_call_ends_in_time(self, code, *options):
        began = time.monotonic()
        outcome = run([BUILD / "mqtt_client", *options, "--timeout", "500ms", "alice", "uppercase",
                       "abc"], environment())
        took = time.monotonic() - began
        self.assert_one_line(outcome, code, NAME, "address")
        say(f"mqtt_client {' '.join(options)} with 500 ms", f"exit after {milliseconds(took)}")
        self.assertLess(took, SOON)

    def test_a_call_to_a_broker_whose_name_is_not_found_ends_in_time(self):
        self.assert_call_ends_in_time(4, "--direct", "--host", NAME)
        self.assert_call_ends_in_time(4, "--host", NAME)

    def test_a_call_to_a_daemon_whose_name_is_not_found_ends_in_time(self):
        self.assert_call_ends_in_time(1, "--daemon", f"http://{NAME}:8426")


if __name__ == "__main__":
    unittest.main()
