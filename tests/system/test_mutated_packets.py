"""Well-formed packets of a broker, mutated by chance, by the ten thousand: the daemon lives. The
environment variable SEED asks for other mutations than the usual ones, and LANES for fewer of them:
it is the number of daemons that get them at the same time, each as many as ever."""

import concurrent.futures
import os
import random
import unittest

from faulty_broker import RESPONSE_TOPIC, Bridge, FaultTest, status_and_error
from harness import PATIENCE
from scripted_broker import (
    END, PINGRESP, PUBACK, PUBCOMP, PUBREC, PUBREL, connack, correlation_data, packet, prefixed,
    puback, publish, suback, user_property, variable)

LANES = int(os.environ.get("LANES") or 25)


def chosen_seed():
    return int(os.environ.get("SEED") or 1)


class AtRandom(FaultTest):
    """Well-formed packets, mutated. What is not read any more after a fault is sent again on the
    next connection, so that all of them are met."""

    MUTATIONS = 400  # for each lane
    BATCH = 64

    def well_formed(self):
        """What a broker says to a daemon that calls."""
        v5 = self.protocol == "5"
        correlated = (correlation_data("c" * 16), user_property("responder", "r")) if v5 else ()
        failed = correlated + status_and_error("422") if v5 else ()
        rich = (b"\x01\x01", b"\x02\x00\x00\x00\x0a", b"\x03" + prefixed("text/plain"),
                b"\x08" + prefixed("a/b"), b"\x0b\x81\x01", b"\x23\x00\x01") if v5 else ()
        reason = b"\x10\x08\x1f" + prefixed("quota") if v5 else b""
        return [
            connack(0, b"\x21\x00\x10", b"\x12" + prefixed("id"), b"\x13\x00\x05") if v5
            else connack(v5=False),
            suback(1, [1] * 6, user_property("n", "v"), v5=v5) if v5 else suback(1, [1] * 6, v5=v5),
            puback(9),
            packet(PUBACK, b"\x00\x09" + reason),
            packet(PUBREC, b"\x00\x09" + reason),
            packet(PUBREL, b"\x00\x09", flags=2),
            packet(PUBCOMP, b"\x00\x09"),
            packet(PINGRESP),
            publish(RESPONSE_TOPIC, "Größe", *correlated, v5=v5, qos=1, packet_id=9),
            publish(RESPONSE_TOPIC, "", *failed, v5=v5, qos=1, packet_id=10),
            publish(RESPONSE_TOPIC, "ABC", *rich, v5=v5, qos=0),
            publish("mqtt-responder/r/status", b'{"actions":["reverse"]}', v5=v5, qos=1,
                    packet_id=11, retained=True),
        ]

    @staticmethod
    def mutate(chance, data):
        kind, body = data[:1], bytearray(data[2:])  # all are shorter than 128 bytes
        is_sized_right = chance.random() < 0.9
        mutated = body if is_sized_right else bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 1, 3))):
            at = chance.randrange(len(mutated) + 1)
            end = min(at + chance.choice((1, 1, 2, 8)), len(mutated))
            way = chance.randrange(5)
            if way == 0:
                mutated[at:end] = chance.randbytes(end - at)
            elif way == 1:
                mutated[at:end] = bytes([chance.choice((0, 1, 0x7f, 0x80, 0xff))]) * (end - at)
            elif way == 2:
                mutated[at:at] = chance.randbytes(chance.choice((1, 1, 2, 8)))
            elif way == 3:
                del mutated[at:end]
            else:
                mutated[at:at] = mutated[at:end]
        if not is_sized_right:
            return bytes(mutated)
        if chance.random() < 0.05:
            kind = bytes([chance.randrange(256)])
        return kind + variable(len(mutated)) + bytes(mutated)

    def feed(self, bridge, packets):
        """Says all of these packets to linked daemons."""
        at = 0
        while at < len(packets):
            bridge.renew_if_worn_out()
            connection = bridge.wait_for_link()
            batch = packets[at:at + self.BATCH]
            markers = [0x8000 + number for number in range(len(batch))]
            connection.send(b"".join(
                data + publish(RESPONSE_TOPIC, "", correlation_data("m"), qos=1, packet_id=marker,
                               v5=self.protocol == "5")
                for data, marker in zip(batch, markers)))
            connection.say_no_more()
            self.assertTrue(connection.has_ended.wait(PATIENCE))
            read = [connection.wait_for_acknowledgement(marker, 0) for marker in markers]
            at += min(sum(read) + 1, len(batch))  # the one after those is what ended it
            try:
                bridge.check_alive()
            except AssertionError as death:
                raise AssertionError(f"after one of {[d.hex() for d in batch[:sum(read) + 2]]}, "
                                     f"{at} of {len(packets)}: {death}") from None
        self.assert_next_call_succeeds(bridge)
        bridge.retire()

    def test_mutated_packets_by_the_ten_thousand(self):
        seed = chosen_seed()
        well_formed = self.well_formed()

        def run(lane):
            chance = random.Random(f"{seed} {lane}")
            packets = [self.mutate(chance, chance.choice(well_formed))
                       for _ in range(self.MUTATIONS)]
            self.feed(Bridge(self.world, self.protocol), packets)

        self.in_lanes(run, seed)

    def in_lanes(self, run, seed):
        with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
            lanes = [pool.submit(run, lane) for lane in range(LANES)]
        for lane, done in enumerate(lanes):
            with self.subTest(f"SEED={seed} repeats this", lane=lane):
                done.result()

    def test_mutated_handshakes_by_the_hundred(self):
        seed = chosen_seed()

        def run(lane):
            chance = random.Random(f"{seed} {lane}")
            bridge = Bridge(self.world, self.protocol)
            for stage in ("connack", "suback") * 5:
                played = []

                def mutated(_, good):
                    played.append(self.mutate(chance, good))
                    return played[-1]
                bridge.renew(ready=False, play=[(stage, mutated, END)])
                try:
                    bridge.wait_until(bridge.broker.is_played, "it has asked")
                    self.assert_next_call_succeeds(bridge)
                except Exception as error:
                    raise AssertionError(f"after {[data.hex() for data in played]}") from error
            bridge.retire()
        self.in_lanes(run, seed)


class AtRandomInVersion3(AtRandom):
    protocol = "3.1.1"
    MUTATIONS = 80


if __name__ == "__main__":
    unittest.main()
