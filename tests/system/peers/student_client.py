#!/usr/bin/env python3
"""A client as the course's students write it: MQTT 3.1.1, the NetID as client id, no correlation
data. It believes the first message that arrives on its response topic."""

import argparse
import queue
import sys

import paho.mqtt.client as mqtt

ACTIONS = ["uppercase", "lowercase", "title-case", "reverse", "shuffle"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--host", default="localhost")
    parser.add_argument("-p", "--port", type=int, default=1883)
    parser.add_argument("netid")
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("message", nargs="?", help="without it, each line of the standard input")
    args = parser.parse_args()

    request_topic = f"{args.netid}/{args.action}/request"
    response_topic = f"{args.netid}/{args.action}/response"
    subscribed = queue.Queue()
    responses = queue.Queue()

    def on_connect(client, userdata, flags, rc):
        if rc != 0:
            sys.exit(f"connection refused: {rc}")
        client.subscribe(response_topic, qos=1)

    def on_subscribe(client, userdata, mid, granted_qos):
        subscribed.put(True)

    def on_message(client, userdata, message):
        if args.verbose:
            print("received", message.topic, file=sys.stderr)
        responses.put(message.payload.decode("utf-8"))

    def ask(message):
        client.publish(request_topic, message, qos=1)
        print(responses.get())

    client = mqtt.Client(client_id=args.netid, protocol=mqtt.MQTTv311)
    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_message = on_message
    client.connect(args.host, args.port)
    client.loop_start()
    subscribed.get()
    if args.message is not None:
        ask(args.message)
    else:
        for line in sys.stdin:
            ask(line.rstrip("\n"))
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
