// In which version of MQTT to connect to one broker: the newest, and 3.1.1 when that broker refuses
// it. One that is merely down changes nothing. It is told what became of each attempt; it has no
// clock.
// Value; the owner serialises.
#pragma once

#include "base/instant.hpp"
#include "mqtt/events.hpp"
#include "mqtt/message.hpp"

namespace mqtt_bridge {

enum class Protocol { automatic, v5, v3_1_1 };  // automatic: 5, and 3.1.1 when the broker refuses 5

class VersionChoice {
 public:
  explicit VersionChoice(Protocol protocol);

  MqttVersion version() const { return version_; }
  /// Whether the attempt that runs is there to see whether the broker takes the newest version now.
  bool tries_newest_again() const { return tries_newest_again_; }

  void attempt_begins(Instant now);
  /// Whether the next attempt is one in an older version, and due at once.
  bool attempt_failed(ConnectFailure failure, Instant now);
  void link_is_up();

 private:
  bool fall_back(Instant now);

  Protocol protocol_;
  MqttVersion version_;
  int closures_ = 0;       // in a row, without a CONNACK
  bool is_trial_ = false;  // the attempt in 3.1.1 that shows what closures in 5 mean
  bool tries_newest_again_ = false;
  bool has_fallen_back_ = false;  // since the link was last up
  int refusals_of_newest_ = 0;    // in a row, each followed by a link in 3.1.1
  Instant newest_refused_at_{};
};

}  // namespace mqtt_bridge
