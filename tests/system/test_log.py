"""What a peer can do to the log: cause lines, but not flood it."""

import contextlib
import socket
import threading
import unittest

import paho.mqtt.client as mqtt

from harness import Daemon, SystemTest, eventually
from mqtt_peer import Peer


@contextlib.contextmanager
def port_that_closes():
    """Accepts every connection and closes it, after CONNECT came or at once, in turns: what is wrong
    with it looks like several faults that alternate. How many came so far."""
    came = []

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:
                connected, _ = listener.accept()
                if len(came) % 2:
                    connected.recv(4096)
                came.append(1)
                connected.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1], came
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


class Floods(SystemTest):
    def test_a_broker_whose_faults_alternate_does_not_flood_the_log(self):
        with port_that_closes() as (port, came):
            daemon = self.world.add_ours(Daemon(self.world.folder, "--broker",
                                                f"mqtt://127.0.0.1:{port}"))
            eventually(lambda: len(came) >= 24, "it tries again and again")
            daemon.stop()
        lines = [line for line in daemon.lines if "no link to" in line]
        texts = {line.partition("no link to")[2] for line in lines}
        self.assertGreater(len(texts), 1, daemon.log())
        self.assertEqual(len(lines), len(texts), daemon.log())

    def test_requests_that_are_no_text_do_not_flood_the_responders_log(self):
        broker = self.world.broker()
        responder = self.world.responder(broker)
        with Peer(broker, "nothing", lambda *_: None, protocol=mqtt.MQTTv5) as peer:
            for number in range(1000):
                peer._client.publish(f"n{number}/uppercase/request", b"\xff", qos=1)
            peer._client.publish("done/uppercase/request", b"x", qos=1).wait_for_publish(30)
        eventually(lambda: any("done/uppercase/response" in line for line in broker.lines),
                   "all have come")
        lines = [line for line in responder.lines if "is not UTF-8 text" in line]
        self.assertGreaterEqual(len(lines), 1)
        self.assertLessEqual(len(lines), 65)


if __name__ == "__main__":
    unittest.main()
