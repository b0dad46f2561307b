"""A broker's name that has several addresses, one of which swallows packets: the others are tried
meanwhile (RFC 8305), and what is wrong with an address is not said of a certificate."""

import contextlib
import socket
import unittest

import private_machine
from harness import BUILD, Caller, SystemTest, environment, run, unused_port
from test_tls import Authority

NAME = "dual.example"  # its IPv6 address comes first (RFC 6724)
TWO = "two.example"  # it has two addresses of IPv4


def setUpModule():
    private_machine.enter()
    private_machine.replace("/etc/hosts", f"127.0.0.1 localhost {NAME} {TWO}\n"
                                          f"127.0.0.2 {TWO}\n::1 localhost {NAME}\n")


@contextlib.contextmanager
def swallowing(host, port):
    """SYN packets to this address get no answer: the queue of connections is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(
            socket.AF_INET6 if ":" in host else socket.AF_INET))
        listener.bind((host, port))
        listener.listen(0)
        filler = stack.enter_context(socket.socket(listener.family))
        filler.connect((host, port))
        yield


def refusing(_host, _port):
    """Nothing listens there."""
    return contextlib.nullcontext()


class Addresses(SystemTest):
    @classmethod
    def share(cls, world):
        cls.authority = Authority(world.folder / "authority")

    def broker_behind_a_dead_address(self):
        broker = self.world.broker()
        self.world.enter_context(swallowing("::1", broker.port))
        return broker

    def test_an_address_that_swallows_packets_does_not_keep_the_daemon_from_the_other(self):
        broker = self.broker_behind_a_dead_address()
        self.world.responder(f"mqtt://{NAME}:{broker.port}")
        daemon = self.world.daemon(f"mqtt://{NAME}:{broker.port}")
        with Caller(daemon.port) as caller:
            self.assertEqual(caller.transform("uppercase", "abc").text, "ABC")

    def test_nor_the_client(self):
        broker = self.broker_behind_a_dead_address()
        self.world.responder(broker)
        outcome = run([BUILD / "mqtt_client", "--direct", "--host", NAME, "-p", str(broker.port),
                       "alice", "uppercase", "abc"], environment())
        self.assertEqual((outcome.code, outcome.stdout), (0, "ABC\n"), outcome.stderr)

    def test_nor_the_client_from_its_daemon(self):
        broker = self.world.broker()
        self.world.responder(broker)
        daemon = self.world.daemon(broker, "--host", NAME)
        self.world.enter_context(swallowing("::1", daemon.port))
        outcome = run([BUILD / "mqtt_client", "--daemon", f"http://{NAME}:{daemon.port}", "-p",
                       str(broker.port), "alice", "uppercase", "abc"], environment())
        self.assertEqual((outcome.code, outcome.stdout), (0, "ABC\n"), outcome.stderr)

    def test_a_call_that_ends_before_any_address_answers_names_them(self):
        with unused_port() as port:
            pass
        with swallowing("::1", port), swallowing("127.0.0.1", port):
            outcome = run([BUILD / "mqtt_client", "--direct", "--host", NAME, "-p", str(port),
                           "--timeout", "500ms", "alice", "uppercase", "abc"], environment())
        self.assert_one_line(
            outcome, 4, f"no answer yet from [::1]:{port} or 127.0.0.1:{port}")

    def test_with_tls_every_address_of_a_name_is_tried(self):
        for name, first, second in ((NAME, "::1", "127.0.0.1"), (TWO, "127.0.0.1", "127.0.0.2")):
            certificate, key = self.authority.sign(name, f"DNS:{name}")
            for dead in (swallowing, refusing):
                with unused_port() as port:
                    pass
                with self.subTest(name=name, dead=dead.__name__), dead(first, port):
                    self.world.broker(config=f"listener {port} {second}\nuser root\n"
                                             f"certfile {certificate}\nkeyfile {key}\n")
                    self.world.daemon(f"mqtts://{name}:{port}", "--ca-file", self.authority.ca)

    def test_where_no_address_answers_each_is_named_and_no_certificate_is_blamed(self):
        with unused_port() as port:
            pass
        for scheme in ("mqtt", "mqtts"):
            daemon = self.world.daemon(f"{scheme}://{NAME}:{port}", ready=False)
            daemon.wait_for_line(
                rf"there is no broker at \[::1\]:{port} or 127\.0\.0\.1:{port}$")
        with swallowing("::1", port):
            daemon = self.world.daemon(f"mqtts://{NAME}:{port}", ready=False)
            daemon.wait_for_line(
                rf"there is no broker at \[::1\]:{port} \(no answer\) or 127\.0\.0\.1:{port}$")
            self.assertFalse([line for line in daemon.lines if "certificate" in line])


if __name__ == "__main__":
    unittest.main()
