"""A cluster of brokers: the daemon and the responder are at different nodes, nodes are killed under
load, and the programs, which know all of them, move over. MQTT_BRIDGE_BROKER names the broker."""

import os
import unittest

import brokers
from faults import FaultTest
from harness import BUILD, Caller, Process, eventually
from load import Load
from test_brokers import fact

NAME, VERSION = os.environ["MQTT_BRIDGE_BROKER"].split("-")


@unittest.skipUnless(NAME in brokers.NODES and not VERSION.startswith(("3.", "23.")),
                     "there is no cluster of it here")
class OnACluster(FaultTest):
    @classmethod
    def share(cls, world):
        make, count = brokers.NODES[NAME]
        cls.nodes = []
        for number in range(1, count + 1):
            node = world.add(make(number))
            if cls.nodes:
                node.join(cls.nodes[0])
            cls.nodes.append(node)

    def options(self, first):
        """All nodes, this one first."""
        nodes = self.nodes[first:] + self.nodes[:first]
        told = [option for node in nodes for option in ("--broker", node.url)]
        return [*told, *nodes[0].options()[2:]]

    def in_use(self, daemon):
        with Caller(daemon.port) as caller:
            return caller.get("/status").text.partition('"broker":"')[2].partition('"')[0]

    def wait_for(self, daemon, *nodes):
        daemon.wait_until_ready()
        eventually(lambda: self.in_use(daemon) in [node.url for node in nodes], "it has moved over")

    def test_calls_hold_while_each_node_is_killed_in_turn(self):
        options = self.options(0)
        daemon = self.world.daemon(options[1], *options[2:])
        responder = self.world.add_ours(Process("mqtt_responder", [
            BUILD / "mqtt_responder", *self.options(1)]))
        responder.wait_for_line(r"\bready$")
        self.assertEqual(self.in_use(daemon), self.nodes[0].url)
        with Caller(daemon.port) as caller:
            eventually(lambda: caller.transform("reverse", "abc").status == 200, "an answer")
        with Load(daemon.port, rate=50, timeout=10.0) as load:
            load.wait_for_calls(100)
            for killed in self.nodes:
                others = [node for node in self.nodes if node is not killed]
                killed.kill()
                self.wait_for(daemon, *others)
                load.wait_for_calls(100)
                killed.start_again()
                load.wait_for_calls(100)
        fact("each node of a cluster killed in turn", f"{load.figures()} ({load.outcomes()})")
        # A node may refuse a request by its own word while it learns that the other one is gone.
        self.assert_ends_with("each node of a cluster killed in turn", load, (502, "broker-refused"))


if __name__ == "__main__":
    unittest.main()
