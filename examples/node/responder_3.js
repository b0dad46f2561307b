// A service for MQTT 3.1.1. It answers "Ada" on <netid>/greet/request with "Hello, Ada!" on
// <netid>/greet/response.
//
//     npm install
//     node responder_3.js [mqtt://BROKER:PORT]
//     mqtt_bridged --netid alice --action greet
//     curl -d Ada localhost:8426/transform/greet
//
// In MQTT 3.1.1 an answer cannot say which request it belongs to. So answer each request once. The
// bridge makes one call at a time.
import mqtt from "mqtt";

const client = mqtt.connect(process.argv[2] ?? "mqtt://localhost:1883", { protocolVersion: 4 });

client.on("connect", () => {
  client.stream.setNoDelay(true); // else an answer takes 40 ms longer
  client.subscribe("+/greet/request", { qos: 1 });
});

client.on("message", (topic, request) => {
  client.publish(topic.replace(/request$/, "response"), `Hello, ${request}!`, { qos: 1 });
});

client.on("error", (error) => console.error(error.message));
