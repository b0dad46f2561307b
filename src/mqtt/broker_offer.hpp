// What a broker offers less of than we ask for (MQTT 5.0 3.2.2.3, 3.9.3): in words, and what to ask
// for instead.
// Pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "mqtt/events.hpp"
#include "mqtt/link_options.hpp"

namespace mqtt_bridge {

struct AskedOfBroker {
  std::chrono::seconds session_expiry{0};
  bool wildcards = false;  // subscriptions with wildcards
};

/// `grants_less`: subscriptions with QoS 0 where QoS 1 was asked for. Empty when nothing is
/// missing.
std::string what_is_missing(const mqtt_event::Connected& offer, bool grants_less,
                            const AskedOfBroker& asked);

/// What to try next with a broker that did not take `will`, and does not say why: QoS 0, then not
/// retained, then both. Nothing when all was tried.
std::optional<MqttWill> lesser_will(const MqttWill& will, const MqttWill& wanted);

}  // namespace mqtt_bridge
