#!/usr/bin/env python3
"""A service for MQTT 5. It answers "Ada" on <netid>/greet/request with "Hello, Ada!" on the Response
Topic, and an empty request with an error.

    apt install python3-paho-mqtt
    python3 responder_5.py [BROKER [PORT]]
    mqtt_bridged --netid alice --action greet
    curl -d Ada localhost:8426/transform/greet

The answer carries the Correlation Data of its request. So any number of calls run at once, and the
order of the answers does not matter."""

import socket
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def on_connect(client, *_):
    client.subscribe("+/greet/request", qos=1)


def on_message(client, _, request):
    asked = request.properties
    if not hasattr(asked, "ResponseTopic"):
        return  # sent by something that wants no answer
    answer = Properties(PacketTypes.PUBLISH)
    if hasattr(asked, "CorrelationData"):
        answer.CorrelationData = asked.CorrelationData
    name = request.payload.decode()
    if not name:  # the caller gets this as an HTTP error with status 422
        answer.UserProperty = [("status", "422"), ("error", "whom shall I greet?")]
    client.publish(asked.ResponseTopic, f"Hello, {name}!" if name else "", qos=1, properties=answer)


def send_at_once(_client, _userdata, connection):
    """Without this the kernel holds small packets back, and an answer takes 40 ms longer."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


client = mqtt.Client(protocol=mqtt.MQTTv5)
client.on_connect = on_connect
client.on_message = on_message
client.on_socket_open = send_at_once
broker, port = (sys.argv[1:] + ["localhost", "1883"][len(sys.argv) - 1:])[:2]
client.connect(broker, int(port))
client.loop_forever()
