// A service of NATS: nats_service.cjs PORT. A publish of MQTT has no reply subject, so it answers on
// one of its own.
const { connect, JSONCodec } = require("nats");

(async () => {
  const codec = JSONCodec();
  const nats = await connect({ servers: `127.0.0.1:${process.argv[2]}` });
  for await (const message of nats.subscribe("math.sum")) {
    const { id, data } = codec.decode(message.data);
    const isRight = data.every(Number.isFinite);
    nats.publish(`${message.subject}.answer`, codec.encode(isRight
      ? { id, sum: data.reduce((a, b) => a + b, 0) } : { id, error: "these are no numbers" }));
  }
})();
