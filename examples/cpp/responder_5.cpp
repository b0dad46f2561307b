// A service for MQTT 5. It answers "Ada" on <netid>/greet/request with "Hello, Ada!" on the
// Response Topic, and an empty request with an error.
//
//     apt install g++ libpaho-mqttpp-dev libpaho-mqtt-dev
//     c++ -std=c++17 responder_5.cpp -o responder_5 -lpaho-mqttpp3 -lpaho-mqtt3as
//     ./responder_5 [mqtt://BROKER:PORT]
//     mqtt_bridged --netid alice --action greet
//     curl -d Ada localhost:8426/transform/greet
//
// The answer carries the Correlation Data of its request. So any number of calls run at once, and
// the order of the answers does not matter.
#include <iostream>
#include <string>

#include <mqtt/async_client.h>

int main(int argc, char* argv[]) try {
  const std::string broker = argc > 1 ? argv[1] : "mqtt://localhost:1883";
  mqtt::async_client client(broker, "", mqtt::create_options(MQTTVERSION_5));
  client.start_consuming();
  client.set_connected_handler(
      [&client](const std::string&) { client.subscribe("+/greet/request", 1); });
  auto options = mqtt::connect_options_builder()
                     .mqtt_version(MQTTVERSION_5)
                     .clean_start()
                     .automatic_reconnect()
                     .finalize();
  client.connect(options)->wait();

  while (true) {
    const auto request = client.consume_message();
    if (!request)
      continue;  // the connection broke; Paho connects again
    mqtt::properties asked = request->get_properties();
    if (!asked.contains(mqtt::property::RESPONSE_TOPIC))
      continue;  // sent by something that wants no answer
    mqtt::properties properties;
    if (asked.contains(mqtt::property::CORRELATION_DATA))
      properties.add(asked.get(mqtt::property::CORRELATION_DATA));
    const std::string name = request->to_string();
    if (name.empty()) {  // the caller gets this as an HTTP error with status 422
      properties.add({mqtt::property::USER_PROPERTY, "status", "422"});
      properties.add({mqtt::property::USER_PROPERTY, "error", "whom shall I greet?"});
    }
    const auto topic = mqtt::get<std::string>(asked, mqtt::property::RESPONSE_TOPIC);
    const std::string answer = name.empty() ? "" : "Hello, " + name + "!";
    client.publish(mqtt::message::create(topic, answer, 1, false, properties));
  }
} catch (const mqtt::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
