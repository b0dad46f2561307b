#!/usr/bin/env python3
"""A service for MQTT 3.1.1. It answers "Ada" on <netid>/greet/request with "Hello, Ada!" on
<netid>/greet/response.

    apt install python3-paho-mqtt
    python3 responder_3.py [BROKER [PORT]]
    mqtt_bridged --netid alice --action greet
    curl -d Ada localhost:8426/transform/greet

In MQTT 3.1.1 an answer cannot say which request it belongs to. So answer each request once. The bridge makes
one call at a time."""

import socket
import sys

import paho.mqtt.client as mqtt


def on_connect(client, *_):
    client.subscribe("+/greet/request", qos=1)


def on_message(client, _, request):
    topic = request.topic.removesuffix("request") + "response"
    client.publish(topic, f"Hello, {request.payload.decode()}!", qos=1)


def send_at_once(_client, _userdata, connection):
    """Without this the kernel holds small packets back, and an answer takes 40 ms longer."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


client = mqtt.Client()
client.on_connect = on_connect
client.on_message = on_message
client.on_socket_open = send_at_once
broker, port = (sys.argv[1:] + ["localhost", "1883"][len(sys.argv) - 1:])[:2]
client.connect(broker, int(port))
client.loop_forever()
