"""`mqtt_responder --check-health` asks the one responder that has its socket, whatever others do."""

import contextlib
import socket
import subprocess
import unittest

from faults import paused
from harness import BUILD, Process, SystemTest, World, eventually, environment, run, unused_port


class ResponderHealth(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()

    def setUp(self):
        super().setUp()
        self.path = self.world.folder / "health.sock"

    def start(self, url=None, path=None):
        return self.world.add_ours(Process("mqtt_responder", [
            BUILD / "mqtt_responder", "--broker", url or self.broker.url, "--health-socket",
            path or self.path]))

    def ask(self, path=None):
        return run([BUILD / "mqtt_responder", "--check-health", "--health-socket",
                    path or self.path])

    def test_one_that_is_ready_is_healthy(self):
        self.start().wait_for_line(r"\bready\b")
        self.assert_answered(self.ask(), "ready")
        self.assert_answered(run([BUILD / "mqtt_responder", "--check-health"], environment(
            MQTT_RESPONDER_HEALTH_SOCKET=str(self.path))), "ready")

    def test_many_that_ask_at_once_are_all_answered(self):
        self.start().wait_for_line(r"\bready\b")
        asking = [subprocess.Popen([BUILD / "mqtt_responder", "--check-health", "--health-socket",
                                    self.path], stdout=subprocess.PIPE, env=environment())
                  for _ in range(20)]
        self.assertEqual([each.communicate()[0] for each in asking], [b"ready\n"] * 20)
        self.assertEqual({each.returncode for each in asking}, {0})

    def test_one_without_its_broker_is_not_healthy_though_another_one_is(self):
        other = self.world.folder / "other.sock"
        self.start(path=other).wait_for_line(r"\bready\b")
        with unused_port() as port:
            self.start(f"mqtt://127.0.0.1:{port}")
            eventually(lambda: "there is no broker" in self.ask().stderr, "it says why not")
            self.assert_one_line(self.ask(), 1, "not ready: there is no broker", str(port))
        self.assert_answered(self.ask(other), "ready")

    def test_one_that_stands_still_is_not_healthy(self):
        responder = self.start()
        responder.wait_for_line(r"\bready\b")
        with paused(responder):
            self.assert_one_line(self.ask(), 1, "no answer from", str(self.path))
        self.assert_answered(self.ask(), "ready")

    def test_one_that_is_gone_is_not_healthy_and_leaves_no_socket(self):
        responder = self.start()
        responder.wait_for_line(r"\bready\b")
        responder.stop()
        self.assertFalse(self.path.exists())
        self.assert_one_line(self.ask(), 1, "nothing answers at", str(self.path))

    def test_what_a_killed_one_left_is_replaced(self):
        killed = self.start()
        killed.wait_for_line(r"\bready\b")
        killed.kill()
        self.assert_one_line(self.ask(), 1, "nothing answers at")
        self.start().wait_for_line(r"\bready\b")
        self.assert_answered(self.ask(), "ready")

    def test_a_file_that_is_no_socket_is_neither_replaced_nor_asked(self):
        self.path.write_text("precious")
        outcome = run([BUILD / "mqtt_responder", "--broker", self.broker.url, "--health-socket",
                       self.path])
        self.assert_one_line(outcome, 2, "--health-socket", str(self.path))
        self.assertEqual(self.path.read_text(), "precious")
        self.assert_one_line(self.ask(), 1, str(self.path))

    def test_askers_that_say_nothing_and_stay_do_not_matter(self):
        self.start().wait_for_line(r"\bready\b")
        with contextlib.ExitStack() as staying:
            for _ in range(50):
                asker = staying.enter_context(socket.socket(socket.AF_UNIX))
                asker.connect(str(self.path))
            self.assert_answered(self.ask(), "ready")

    def test_without_the_socket_it_says_what_is_missing(self):
        self.assert_one_line(run([BUILD / "mqtt_responder", "--check-health"]), 2,
                             "--health-socket")


if __name__ == "__main__":
    unittest.main()
