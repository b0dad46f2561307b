// A server of mqtt-json-rpc: json_rpc_service.cjs PORT
const MQTT = require("mqtt");
const RPC = require("mqtt-json-rpc");

const mqtt = MQTT.connect(`mqtt://127.0.0.1:${process.argv[2]}`);
const rpc = new RPC(mqtt);
mqtt.on("connect", () => {
  rpc.register("example/hello", (a, b) => `${a}:${b}`);
  rpc.register("example/fail", () => { throw new Error("it never works"); });
});
