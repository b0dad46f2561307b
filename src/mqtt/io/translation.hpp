// Between our values and those of the Paho C++ client, in both directions, and what the library
// leaves unsaid. Functions of their arguments alone.
#pragma once

#include <string>

#include <mqtt/async_client.h>

#include "mqtt/events.hpp"
#include "mqtt/io/connection.hpp"
#include "mqtt/message.hpp"

namespace mqtt_bridge {

constexpr int wanted_qos = 1;
constexpr int refusal = 0x80;  // the first reason code that is one (MQTT 5.0 2.4)

// To the library.
mqtt::connect_options connect_options_of(const MqttConnectOptions& options);
mqtt::properties properties_of(const MqttPublish& publish);

// From the library.
MqttMessage message_of(const mqtt::message& from);
mqtt_event::Connected connected_of(const mqtt::connect_response& response);
/// REQUIRES: the token of a connect that failed.
mqtt_event::ConnectFailed failure_of(const mqtt::token& token, const MqttConnectOptions& options);
/// REQUIRES: the token of a subscribe that succeeded, for one filter.
int granted_by(const mqtt::token& token);
/// Of what failed: no refusal where the library gave it up, since the connection is gone.
int refusal_code_of(const mqtt::token& token, MqttVersion version);
Refusal refusal_of(int reason_code);
std::string reason_in_words(int reason_code);

}  // namespace mqtt_bridge
