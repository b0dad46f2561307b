// A service for MQTT 5. It answers "Ada" on <netid>/greet/request with "Hello, Ada!" on the Response
// Topic, and an empty request with an error.
//
//     npm install
//     node responder_5.js [mqtt://BROKER:PORT]
//     mqtt_bridged --netid alice --action greet
//     curl -d Ada localhost:8426/transform/greet
//
// The answer carries the Correlation Data of its request. So any number of calls run at once, and the
// order of the answers does not matter.
import mqtt from "mqtt";

const client = mqtt.connect(process.argv[2] ?? "mqtt://localhost:1883", { protocolVersion: 5 });

client.on("connect", () => {
  client.stream.setNoDelay(true); // else an answer takes 40 ms longer
  client.subscribe("+/greet/request", { qos: 1 });
});

client.on("message", (topic, request, packet) => {
  const { responseTopic, correlationData } = packet.properties ?? {};
  if (responseTopic === undefined) return; // sent by something that wants no answer
  const properties = correlationData === undefined ? {} : { correlationData };
  const name = request.toString();
  // The caller gets this as an HTTP error with status 422.
  if (name === "") properties.userProperties = { status: "422", error: "whom shall I greet?" };
  client.publish(responseTopic, name && `Hello, ${name}!`, { qos: 1, properties });
});

client.on("error", (error) => console.error(error.message));
