// What goes over the link to the broker, in either version of MQTT: messages, what the broker says
// of them, and what it offers. Values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/instant.hpp"

namespace mqtt_bridge {

enum class MqttVersion { v3_1_1, v5 };

constexpr std::string_view to_string(MqttVersion version) {
  return version == MqttVersion::v5 ? "5" : "3.1.1";
}

/// A PUBLISH that arrived (MQTT 5.0 3.3); a property is absent where it was not sent, and always in
/// version 3.1.1.
struct MqttMessage {
  std::string topic;
  std::string payload;
  bool retained = false;
  bool duplicate = false;
  std::optional<std::string> response_topic = {};
  std::optional<std::string> correlation = {};
  std::optional<std::string> status = {};  // user properties of these names
  std::optional<std::string> error = {};
  std::optional<std::string> responder = {};
  std::vector<std::pair<std::string, std::string>> user_properties = {};  // the others
  std::string content_type = {};                                          // empty: not said
  std::optional<std::chrono::seconds> expiry = {};  // what is left of its Message Expiry Interval
};

/// A PUBLISH to send, with a lower QoS where the broker does not take that. Empty and absent
/// properties are not sent; version 3.1.1 sends none.
struct MqttPublish {
  std::uint64_t id;  // comes back with the acknowledgement
  std::string topic;
  std::string_view payload;
  std::string response_topic = {};
  std::string_view correlation = {};
  std::optional<Duration> expiry = {};  // Message Expiry Interval, rounded up to whole seconds
  std::vector<std::pair<std::string, std::string>> user_properties = {};
  bool retained = false;
  int qos = 1;
  std::string_view content_type = {};
};

/// Whether a subscription brings the retained messages (MQTT 5.0 3.8.3.1); in version 3.1.1 they
/// are always sent.
enum class Retained { sent, left };

/// Whether it brings what we publish ourselves (No Local, likewise).
enum class Echo { sent, none };

/// What the broker says of a publish when it acknowledges it (MQTT 5.0 3.4.2.1).
/// none: the reason code was 0x10, No matching subscribers. A broker that does not say so, as in
/// MQTT 3.1.1, may have some or none.
enum class Subscribers { perhaps, none };

/// Why it took no responsibility: 0x95, 0x97, or any other reason code from 0x80 on.
enum class Refusal { too_large, quota_exceeded, other };

/// What the link offers once its subscriptions are answered.
struct LinkUp {
  bool session_present;                 // the broker kept our subscriptions and what it owes us
  std::size_t window;                   // publishes that may be unacknowledged at once; at least 1
  std::size_t packet_bytes = SIZE_MAX;  // the largest packet that the broker takes
  bool may_tell_subscribers = false;    // MQTT 5: a PUBACK can say that there are none
  bool has_no_local = false;            // MQTT 5: we need not be given what we publish ourselves
};

/// Why a link that was up ended. broken: the broker or the network ended the connection, perhaps
/// because of what was sent on it. other: we did, or another client with our client id.
enum class LinkEnd { broken, other };

/// Messages that were dropped unread, since the start.
struct LostMessages {
  std::uint64_t too_large = 0;   // above limits::inbound_packet_bytes
  std::uint64_t inbox_full = 0;  // they came faster than the loop could handle them
};

}  // namespace mqtt_bridge
