// Filters what the broker sends before the MQTT library reads it. It looks at PUBLISH and PUBACK,
// understands no more of MQTT than that takes, and passes all else on as it came.
//
// - A PUBLISH whose properties do not end within it (MQTT 5.0 2.2.2 and 3.3.2.3) makes the
//   connection malformed: libraries read out of bounds on it.
// - A PUBLISH of more bytes than we take becomes one without a payload on `too_large_topic`, so
//   that it is acknowledged like any other and holds no memory. In MQTT 5 a broker that keeps to
//   our Maximum Packet Size sends none (MQTT 5.0 3.1.2.11.4); MQTT 3.1.1 has no such limit. So
//   does one with too many properties (limits::property_bytes), which Paho would hold in more
//   than a hundred times their bytes.
// - A PUBACK with the reason code 0x10, No matching subscribers (MQTT 5.0 3.4.2.1), is remembered.
// Value; the owner serialises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "mqtt/message.hpp"

namespace mqtt_bridge {

class PacketFilter {
 public:
  /// No client of ours can be sent anything on it by others: brokers keep `$` for themselves (MQTT
  /// 5.0 4.7.2).
  static constexpr std::string_view too_large_topic = "$mqtt-bridge/too-large";

  /// `most_bytes`: of a whole packet.
  PacketFilter(MqttVersion version, std::size_t most_bytes)
      : version_(version), most_bytes_(most_bytes) {}

  /// The bytes that come next; appends to `out` what the library is given of them. False when they
  /// are malformed: then nothing may follow. Holds back at most what comes before a payload.
  [[nodiscard]] bool take(std::string_view bytes, std::string& out);

  /// How many of the next bytes pass as they come, so that take() need not see them; then passed()
  /// must.
  std::size_t passes() const { return is_skipping_ ? 0 : rest_; }
  void passed(std::size_t bytes) { rest_ -= bytes; }

  /// Whether what comes next begins a packet.
  bool is_between_packets() const { return rest_ == 0 && head_.empty(); }

  /// Whether the last PUBACK for it said that there was no subscriber; forgets it.
  bool had_no_subscribers(std::uint16_t packet_id);

 private:
  enum class Judgement { needs_more, sound, too_large, malformed };
  struct Shape;
  Judgement judge();
  Judgement judge_publish(Shape& shape);
  Judgement judge_puback(const Shape& shape);
  Judgement need(std::size_t bytes);
  std::string replacement(const Shape& shape) const;

  MqttVersion version_;
  std::size_t most_bytes_;
  std::string head_;                             // of the present packet, up to its payload at most
  std::size_t needed_ = 1;                       // bytes in head_ before it can be judged
  std::size_t rest_ = 0;                         // of a packet that was judged
  bool is_skipping_ = false;                     // that one is too large
  std::set<std::uint16_t> without_subscribers_;  // packet identifiers
};

}  // namespace mqtt_bridge
