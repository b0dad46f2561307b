// Reads along what a broker sends over one connection, and finds a PUBLISH whose properties do not
// end within it (MQTT 5.0 2.2.2 and 3.3.2.3). It understands no more of MQTT than that takes, and
// lets all else pass. Value; the owner serialises.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/link_policy.hpp"

namespace mqtt_bridge {

class PacketGuard {
 public:
  explicit PacketGuard(MqttVersion version) : version_(version) {}

  /// The bytes that come next. False when they belong to such a packet; then nothing may follow.
  [[nodiscard]] bool take(std::string_view bytes);

 private:
  enum class Judgement { needs_more, sound, malformed };
  Judgement judge();

  MqttVersion version_;
  std::string head_;        // of the present packet, up to the length of its properties at most
  std::size_t needed_ = 1;  // bytes in head_ before it can be judged
  std::size_t rest_ = 0;    // of a packet that was found sound
};

}  // namespace mqtt_bridge
