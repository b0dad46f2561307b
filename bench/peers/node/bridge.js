// The bridge that one would write in Node: fastify, mqtt.js, MQTT 5 with correlation data.
//
//   node bridge.js MQTT-PORT HTTP-PORT NETID
'use strict';

const { randomBytes } = require('node:crypto');
const fastify = require('fastify');
const mqtt = require('mqtt');

const [mqttPort, httpPort, netid] = process.argv.slice(2);
const waiting = new Map(); // correlation data, in hexadecimal, to what ends the call

const broker = mqtt.connect({
  host: '127.0.0.1',
  port: Number(mqttPort),
  protocolVersion: 5,
  clientId: `${netid}-bridge`,
});

broker.on('message', (topic, payload, packet) => {
  const key = packet.properties?.correlationData?.toString('hex');
  waiting.get(key)?.(payload);
});

function call(action, text) {
  return new Promise((resolve, reject) => {
    const correlationData = randomBytes(16);
    const key = correlationData.toString('hex');
    const end = (settle) => (value) => {
      clearTimeout(timer);
      waiting.delete(key);
      settle(value);
    };
    const timer = setTimeout(() => end(reject)(new Error('no answer')), 5000);
    waiting.set(key, end(resolve));
    broker.publish(`${netid}/${action}/request`, text, {
      qos: 1,
      properties: { responseTopic: `${netid}/${action}/response`, correlationData },
    });
  });
}

const app = fastify({ logger: false });

app.post('/transform/:action', async (request, reply) => {
  const answer = await call(request.params.action, request.body);
  reply.type('text/plain; charset=utf-8').send(answer);
});

broker.once('connect', async () => {
  await broker.subscribeAsync(`${netid}/+/response`, { qos: 1 });
  await app.listen({ host: '127.0.0.1', port: Number(httpPort) });
  console.log('ready');
});
