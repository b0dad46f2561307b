#!/usr/bin/env python3
"""A responder as the course's students write it: MQTT 3.1.1, Python's string methods, no
correlation data. `--careless N` makes it the worst of its kind: it answers only when it holds N
requests, in a random order, each of them twice. `--moody SEED` makes it unreliable in a livelier
way: it answers each request after a time of its own, so in any order, some twice, some late, some
never; and says on stdout, a line for each answer that the broker has, when that was."""

import argparse
import heapq
import itertools
import json
import random
import sys
import time

import paho.mqtt.client as mqtt


def shuffle(text):
    characters = list(text)
    random.shuffle(characters)
    return "".join(characters)


TRANSFORMS = {
    "uppercase": str.upper,
    "lowercase": str.lower,
    "title-case": str.title,
    "reverse": lambda text: text[::-1],
    "shuffle": shuffle,
}


class Mood:
    """When it answers what, all by chance; times in seconds."""

    def __init__(self, args):
        self._args = args
        self._chance = random.Random(args.moody)
        self._numbers = itertools.count()  # keeps answers that are due at once apart
        self._due = []  # (when, number, topic, answer, what it answers)
        self._unacknowledged = {}  # message id: what it answers

    def receive(self, topic, answer, request):
        args = self._args
        if self._chance.random() < args.never:
            return
        later = self._chance.uniform(0, args.within)
        if self._chance.random() < args.late:
            later += args.late_by
        self._plan(later, topic, answer, request)
        if self._chance.random() < args.twice:
            self._plan(later + self._chance.uniform(0, args.within), topic, answer, request)

    def _plan(self, later, topic, answer, request):
        heapq.heappush(self._due, (time.monotonic() + later, next(self._numbers), topic, answer,
                                   request))

    def publish(self, client):
        """What is due; returns how long nothing will be."""
        while self._due:
            wait = self._due[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, _, topic, answer, request = heapq.heappop(self._due)
            self._unacknowledged[client.publish(topic, answer, qos=1).mid] = request
        return 1.0

    def acknowledged(self, message_id):
        action, text = self._unacknowledged.pop(message_id)
        print(json.dumps([action, text, time.monotonic()]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="localhost")
    parser.add_argument("-p", "--port", type=int, default=1883)
    parser.add_argument("--careless", type=int, metavar="N")
    parser.add_argument("--moody", type=int, metavar="SEED")
    parser.add_argument("--within", type=float, default=0.2, help="how long an answer may take")
    parser.add_argument("--late-by", type=float, default=1.0, help="how much longer, if it is late")
    for chance in ("late", "twice", "never"):
        parser.add_argument(f"--{chance}", type=float, default=0.0, help="how likely, 0 to 1")
    args = parser.parse_args()
    held = []
    mood = Mood(args) if args.moody is not None else None

    def on_connect(client, userdata, flags, rc):
        if rc != 0:
            sys.exit(f"connection refused: {rc}")
        client.subscribe([(f"+/{action}/request", 1) for action in TRANSFORMS])

    def on_subscribe(client, userdata, mid, granted_qos):
        print("ready", file=sys.stderr)

    def on_message(client, userdata, message):
        netid, action, _ = message.topic.split("/")
        text = message.payload.decode("utf-8")
        answer = TRANSFORMS[action](text)
        if mood:
            mood.receive(f"{netid}/{action}/response", answer, (action, text))
            return
        if not args.careless:
            client.publish(f"{netid}/{action}/response", answer, qos=1)
            return
        held.append((f"{netid}/{action}/response", answer))
        if len(held) == args.careless:
            answers = held * 2
            held.clear()
            random.shuffle(answers)
            for topic, answer in answers:
                client.publish(topic, answer, qos=1)

    client = mqtt.Client(protocol=mqtt.MQTTv311)
    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_message = on_message
    if mood:
        client.on_publish = lambda client, userdata, mid: mood.acknowledged(mid)
    client.connect(args.host, args.port)
    if not mood:
        client.loop_forever()
    while client.loop(mood.publish(client)) == mqtt.MQTT_ERR_SUCCESS:
        pass
    sys.exit("the connection broke")


if __name__ == "__main__":
    main()
