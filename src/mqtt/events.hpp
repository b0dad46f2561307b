// What happens on one connection to a broker, from CONNECT to its end. Values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mqtt/message.hpp"

namespace mqtt_bridge {

enum class ConnectFailure {
  unreachable,      // no TCP connection, or no CONNACK in time
  closed,           // the broker closed the connection without a CONNACK
  version_refused,  // CONNACK: unsupported protocol version (5.0: 0x84; 3.1.1: 1)
  refused,          // CONNACK: any other refusal; or what it offers is not enough
  ended,            // the broker accepted the connection, and ended it before the link was up
  ended_idle        // the same, though we had sent nothing after CONNECT
};

/// How a link that was up ended.
enum class LinkLoss {
  broken,      // the broker, or the network, ended the connection
  told,        // the same, and the broker said why
  silent,      // the broker owed an answer for too long
  taken_over,  // by another client with our client id
  renewed      // by us, for another connection with other credentials
};

/// What was sent last may be the reason where the broker ends the connection, with a word or
/// without.
constexpr LinkEnd end_of(LinkLoss loss) {
  return loss == LinkLoss::broken || loss == LinkLoss::told ? LinkEnd::broken : LinkEnd::other;
}

namespace mqtt_event {
struct Connected {
  bool session_present;
  // What the broker set for the connection (MQTT 5.0 3.2.2.3), and what holds where it set nothing.
  std::size_t receive_maximum = 65'535;
  std::size_t maximum_packet_size = SIZE_MAX;
  std::optional<std::chrono::seconds> server_keep_alive = {};
  std::optional<std::chrono::seconds> session_expiry = {};  // where it is not what we asked for
  std::string client_id = {};                               // where it gave us another one
  int maximum_qos = 2;
  bool has_retained = true;
  bool has_wildcards = true;
  bool has_shared_subscriptions = true;
  std::vector<std::string> missing_workarounds = {};  // for faults of the MQTT library
};
struct ConnectFailed {
  ConnectFailure failure;
  std::string why;
  int reason_code = 0;  // of a CONNACK that refuses; 0 when there was none
};
/// The reason code for one filter; 0x80 and above is a refusal.
struct Subscribed {
  std::uint64_t id;
  int reason_code;
};
struct Acknowledged {
  std::uint64_t id;
  Subscribers subscribers;
};
/// The broker took no responsibility for a publish (PUBACK with a reason code of 0x80 or above).
struct Refused {
  std::uint64_t id;
  Refusal refusal;
  std::string why;
};
struct Arrived {
  MqttMessage message;
};
/// A PUBLISH that was larger than limits::inbound_packet_bytes, and is gone.
struct TooLarge {};
struct Lost {
  std::string why;
  LinkLoss loss;
};
}  // namespace mqtt_event
using MqttEvent =
    std::variant<mqtt_event::Connected, mqtt_event::ConnectFailed, mqtt_event::Subscribed,
                 mqtt_event::Acknowledged, mqtt_event::Refused, mqtt_event::Arrived,
                 mqtt_event::TooLarge, mqtt_event::Lost>;

}  // namespace mqtt_bridge
