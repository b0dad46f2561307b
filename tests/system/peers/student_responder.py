#!/usr/bin/env python3
"""A responder as the course's students write it: MQTT 3.1.1, Python's string methods, no
correlation data. `--careless N` makes it the worst of its kind: it answers only when it holds N
requests, in a random order, each of them twice."""

import argparse
import random
import sys

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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="localhost")
    parser.add_argument("-p", "--port", type=int, default=1883)
    parser.add_argument("--careless", type=int, metavar="N")
    args = parser.parse_args()
    held = []

    def on_connect(client, userdata, flags, rc):
        if rc != 0:
            sys.exit(f"connection refused: {rc}")
        client.subscribe([(f"+/{action}/request", 1) for action in TRANSFORMS])

    def on_subscribe(client, userdata, mid, granted_qos):
        print("ready", file=sys.stderr)

    def on_message(client, userdata, message):
        netid, action, _ = message.topic.split("/")
        answer = TRANSFORMS[action](message.payload.decode("utf-8"))
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
    client.connect(args.host, args.port)
    client.loop_forever()


if __name__ == "__main__":
    main()
