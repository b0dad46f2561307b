"""MQTT clients in the test's own process: one that listens, one that answers as it is told, one that
holds on to a client id."""

import contextlib
import queue
import socket
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from harness import PATIENCE, eventually

CALLBACKS = ({"callback_api_version": mqtt.CallbackAPIVersion.VERSION1}
             if hasattr(mqtt, "CallbackAPIVersion") else {})


class Holder:
    """A client that keeps its client id as most do: thrown off, it comes back `pause` later."""

    def __init__(self, broker, client_id, pause=0.3):
        self._broker = broker
        self._client_id = client_id.encode()
        self._pause = pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._hold, daemon=True)
        self.times = 0

    def __enter__(self):
        self._thread.start()
        eventually(lambda: self.times > 0, "the other client has connected")
        return self

    def __exit__(self, *_):
        self._ended.set()
        with contextlib.suppress(OSError):
            self._connected.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _hold(self):
        size = len(self._client_id).to_bytes(2, "big")
        rest = b"\x00\x04MQTT\x04\x02\x00\x3c" + size + self._client_id
        while not self._ended.is_set():
            with contextlib.suppress(OSError), \
                    socket.create_connection(("127.0.0.1", self._broker.port)) as self._connected:
                self._connected.sendall(bytes([0x10, len(rest)]) + rest)
                self._connected.recv(4)
                self.times += 1
                self._connected.recv(1)
            self._ended.wait(self._pause)


class Peer:
    """Hears what is published on `topic`; `answer(client, message)` may answer it."""

    def __init__(self, broker, topic, answer=None, protocol=mqtt.MQTTv311):
        self.messages = queue.Queue()
        self._answer = answer
        self._topic = topic
        self._subscribed = False
        self._unsubscribed = threading.Event()
        self._client = mqtt.Client(client_id="", protocol=protocol, **CALLBACKS)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_unsubscribe = lambda *_: self._unsubscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def _on_subscribe(self, *_):
        self._subscribed = True

    def _on_message(self, client, _, message):
        self.messages.put(message)
        if self._answer:
            self._answer(client, message)

    def __enter__(self):
        eventually(lambda: self._subscribed, "the test's own client has subscribed")
        return self

    def __exit__(self, *_):
        """Returns once the broker sends it nothing more, if the broker is still there."""
        if self._client.unsubscribe(self._topic)[0] == mqtt.MQTT_ERR_SUCCESS:
            self._unsubscribed.wait(PATIENCE)
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic, payload):
        """Returns once the broker has it."""
        self._client.publish(topic, payload, qos=1).wait_for_publish(PATIENCE)

    def next(self):
        """The text of the next message that it has heard."""
        return self.messages.get(timeout=PATIENCE).payload.decode()


def responder(broker, answer):
    """A service that speaks MQTT 5 and answers every request by `answer`."""
    return Peer(broker, "+/+/request", answer, mqtt.MQTTv5)


def silent_service(broker):
    """A subscriber to every request, so that the broker has one, which answers none."""
    return Peer(broker, "+/+/request")


def answer_with(payload, *user_properties):
    """Answers as MQTT 5 wants it: to the Response Topic, with the Correlation Data. `payload` is
    what to say, or makes it of the request's."""
    def answer(client, request):
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = request.properties.CorrelationData
        if user_properties:
            properties.UserProperty = list(user_properties)
        text = payload(request.payload) if callable(payload) else payload
        client.publish(request.properties.ResponseTopic, text, qos=1, properties=properties)
    return answer
