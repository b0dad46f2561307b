"""What the environment of the machine may not do to the programs: send MQTT elsewhere, write what
callers send into a file or to stdout, or refuse to be read."""

import contextlib
import socket
import threading
import unittest

from harness import BUILD, Caller, Process, SystemTest, World, environment, run
from test_tls import Authority


@contextlib.contextmanager
def proxy():
    """The address of a port that accepts connections, and how many came so far."""
    came = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connected, _ = listener.accept()
                    came.append(connected)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", came
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connected in came:
        connected.close()


class Environments(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()

    def assert_answered_with(self, broker, *options, client=True, **env):
        """Each of the three programs that use MQTT, with these variables."""
        for program in ("mqtt_responder", "mqtt_bridged"):
            more = ["--listen", "127.0.0.1:0"] if program == "mqtt_bridged" else []
            process = self.world.add_ours(Process(
                program, [BUILD / program, "--broker", broker, *options, *more],
                environment(**env)))
            process.wait_for_line(r"linked to ")
        port = int(process.wait_for_line(r"listening on http://127\.0\.0\.1:(\d+)").group(1))
        with Caller(port) as caller:
            answer = caller.transform("uppercase", "abc")
            self.assertEqual((answer.status, answer.text), (200, "ABC"))
        if client:
            outcome = run([BUILD / "mqtt_client", "--direct", "--host", "127.0.0.1", "-p",
                           str(self.broker.port), "alice", "uppercase", "abc"], environment(**env))
            self.assert_answered(outcome, "ABC")

    def test_mqtt_goes_to_the_broker_that_was_named_and_not_to_a_proxy(self):
        with proxy() as (address, came):
            for scheme in ("http://", "http://user:secret@", ""):
                url = f"{scheme}{address}"
                self.assert_answered_with(self.broker.url, http_proxy=url, https_proxy=url,
                                          HTTP_PROXY=url, HTTPS_PROXY=url, ALL_PROXY=url)
            self.assertEqual(came, [], "the proxy was asked")

    def test_mqtt_over_tls_does_neither(self):
        authority = Authority(self.world.folder / "authority")
        certificate, key = authority.sign("broker", "DNS:localhost,IP:127.0.0.1")
        broker = self.world.broker(
            config=f"user root\ncertfile {certificate}\nkeyfile {key}\n")
        with proxy() as (address, came):
            self.assert_answered_with(f"mqtts://127.0.0.1:{broker.port}", "--ca-file", authority.ca,
                                      client=False, http_proxy=f"http://{address}",
                                      https_proxy=f"http://{address}")
            self.assertEqual(came, [], "the proxy was asked")

    def test_the_librarys_trace_writes_no_texts(self):
        trace = self.world.folder / "trace"
        for value in ("ON", str(trace), "/no/such/folder/trace"):
            self.assert_answered_with(self.broker.url, MQTT_C_CLIENT_TRACE=value,
                                      MQTT_C_CLIENT_TRACE_LEVEL="PROTOCOL")
        self.assertFalse(trace.exists())


if __name__ == "__main__":
    unittest.main()
