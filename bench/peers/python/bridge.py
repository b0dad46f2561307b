"""The bridge that one would write in Python: aiohttp on uvloop, Paho, MQTT 5 with correlation data.

    bridge.py MQTT-PORT HTTP-PORT NETID
"""

import asyncio
import secrets
import sys

import paho.mqtt.client as mqtt
import uvloop
from aiohttp import web
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class Bridge:
    def __init__(self, mqtt_port, netid):
        self._netid = netid
        self._waiting = {}  # correlation data to future
        self._loop = asyncio.get_running_loop()
        self.subscribed = asyncio.Event()
        # Paho 2 wants to be told which kind of callbacks it is given; these fit both of its kinds.
        versions = getattr(mqtt, "CallbackAPIVersion", None)
        self._client = mqtt.Client(*([versions.VERSION2] if versions else []),
                                   client_id=f"{netid}-bridge", protocol=mqtt.MQTTv5)
        self._client.max_inflight_messages_set(1000)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{netid}/+/response", 1)
        self._client.on_subscribe = lambda *_: self._loop.call_soon_threadsafe(self.subscribed.set)
        self._client.on_message = lambda _client, _data, message: self._loop.call_soon_threadsafe(
            self._answered, message)
        self._client.connect("127.0.0.1", mqtt_port)
        self._client.loop_start()

    def _answered(self, message):
        future = self._waiting.get(getattr(message.properties, "CorrelationData", None))
        if future and not future.done():
            future.set_result(message.payload)

    async def call(self, request):
        topic = f"{self._netid}/{request.match_info['action']}"
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = f"{topic}/response"
        correlation = properties.CorrelationData = secrets.token_bytes(16)
        self._waiting[correlation] = future = self._loop.create_future()
        try:
            self._client.publish(f"{topic}/request", await request.read(), 1,
                                 properties=properties)
            answer = await asyncio.wait_for(future, 5)
        except asyncio.TimeoutError:
            return web.Response(status=504, text="no answer")
        finally:
            del self._waiting[correlation]
        return web.Response(body=answer, content_type="text/plain", charset="utf-8")


async def application(mqtt_port, netid):
    bridge = Bridge(mqtt_port, netid)
    await bridge.subscribed.wait()
    app = web.Application(client_max_size=2 ** 21)
    app.router.add_post("/transform/{action}", bridge.call)
    return app


def main():
    mqtt_port, http_port, netid = sys.argv[1:]
    uvloop.install()
    web.run_app(application(int(mqtt_port), netid), host="127.0.0.1", port=int(http_port),
                access_log=None)


if __name__ == "__main__":
    main()
