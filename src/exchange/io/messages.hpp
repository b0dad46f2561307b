// Between the table of exchanges and the link: what a request and a response are as MQTT messages
// (MQTT 5.0 4.10). Stateless.
#pragma once

#include "exchange/exchanges.hpp"
#include "mqtt/io/link.hpp"

namespace mqtt_bridge {

/// REQUIRES: link.is_up().
void publish_request(MqttLink& link, const Publish& publish);

/// Tells the table of a message: a response, or what a responder says of itself.
void tell(Exchanges& exchanges, const MqttMessage& message, Instant now);

}  // namespace mqtt_bridge
