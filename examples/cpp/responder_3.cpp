// A service for MQTT 3.1.1. It answers "Ada" on <netid>/greet/request with "Hello, Ada!" on
// <netid>/greet/response.
//
//     apt install g++ libpaho-mqttpp-dev libpaho-mqtt-dev
//     c++ -std=c++17 responder_3.cpp -o responder_3 -lpaho-mqttpp3 -lpaho-mqtt3as
//     ./responder_3 [mqtt://BROKER:PORT]
//     mqtt_bridged --netid alice --action greet
//     curl -d Ada localhost:8426/transform/greet
//
// In MQTT 3.1.1 an answer cannot say which request it belongs to. So answer each request once. The
// bridge makes one call at a time.
#include <iostream>
#include <string>

#include <mqtt/async_client.h>

int main(int argc, char* argv[]) try {
  const std::string broker = argc > 1 ? argv[1] : "mqtt://localhost:1883";
  mqtt::async_client client(broker, "", mqtt::create_options(MQTTVERSION_3_1_1));
  client.start_consuming();
  client.set_connected_handler(
      [&client](const std::string&) { client.subscribe("+/greet/request", 1); });
  auto options = mqtt::connect_options_builder()
                     .mqtt_version(MQTTVERSION_3_1_1)
                     .clean_session()
                     .automatic_reconnect()
                     .finalize();
  client.connect(options)->wait();

  while (true) {
    const auto request = client.consume_message();
    if (!request)
      continue;  // the connection broke; Paho connects again
    std::string topic = request->get_topic();
    topic.replace(topic.rfind("request"), std::string::npos, "response");
    client.publish(mqtt::make_message(topic, "Hello, " + request->to_string() + "!", 1, false));
  }
} catch (const mqtt::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
