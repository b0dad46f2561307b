"""The command that one would write in Python: one call with Paho, MQTT 5 with correlation data.

    call.py PORT NETID ACTION TEXT
"""

import secrets
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def main():
    port, netid, action, text = sys.argv[1:]
    topic = f"{netid}/{action}"
    correlation = secrets.token_bytes(16)

    def ask(client, *_):
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = f"{topic}/response"
        properties.CorrelationData = correlation
        client.publish(f"{topic}/request", text, 1, properties=properties)

    def answered(client, _data, message):
        if getattr(message.properties, "CorrelationData", None) == correlation:
            print(message.payload.decode())
            client.disconnect()

    versions = getattr(mqtt, "CallbackAPIVersion", None)
    client = mqtt.Client(*([versions.VERSION2] if versions else []), protocol=mqtt.MQTTv5)
    client.on_connect = lambda client, *_: client.subscribe(f"{topic}/response", 1)
    client.on_subscribe = ask
    client.on_message = answered
    client.connect("127.0.0.1", int(port))
    client.loop_forever()


if __name__ == "__main__":
    main()
