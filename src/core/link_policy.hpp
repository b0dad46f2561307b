// When to connect to the broker next, and in which version of MQTT. It is told what became of each
// attempt; it has no clock, socket or randomness: `jitter` is a number in [0, 1).
// Value; the owner serialises.
#pragma once

#include <optional>
#include <string_view>

#include "core/instant.hpp"

namespace mqtt_bridge {

enum class Protocol { automatic, v5, v3_1_1 };  // automatic: 5, and 3.1.1 when the broker refuses 5
enum class MqttVersion { v3_1_1, v5 };

constexpr std::string_view to_string(MqttVersion version) {
  return version == MqttVersion::v5 ? "5" : "3.1.1";
}

enum class ConnectFailure {
  unreachable,      // no TCP connection, or no CONNACK in time
  closed,           // the broker closed the connection without a CONNACK
  version_refused,  // CONNACK: unsupported protocol version (5.0: 0x84; 3.1.1: 1)
  refused           // CONNACK: any other refusal
};

class LinkPolicy {
 public:
  /// The first attempt is due at `now`.
  LinkPolicy(Protocol protocol, Instant now);

  /// When the next attempt is due; nothing while one runs or the link is up.
  std::optional<Instant> next_attempt() const { return next_attempt_; }
  MqttVersion version() const { return version_; }

  void attempt_begins() { next_attempt_.reset(); }
  void attempt_failed(ConnectFailure failure, Instant now, double jitter);
  /// Connected and subscribed.
  void link_is_up(Instant now);
  void link_lost(Instant now, double jitter);
  /// Another client uses our client id (MQTT 5.0 4.13, 0x8E). Never fights back at once.
  void taken_over(Instant now, double jitter);

 private:
  void schedule(Instant now, double jitter);

  Protocol protocol_;
  MqttVersion version_;
  std::optional<Instant> next_attempt_;
  Instant down_since_;
  std::optional<Instant> up_since_;
  int failures_ = 0;  // in a row
  int closures_ = 0;  // in a row, without a CONNACK, in version 5
};

}  // namespace mqtt_bridge
