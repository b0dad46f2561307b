// PUBLISH and PUBACK as bytes, in both versions of MQTT (MQTT 5.0 3.3 and 3.4; 3.1.1 the same): to
// append what we send, and to read what came. Functions of their arguments alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mqtt/message.hpp"

namespace mqtt_bridge::packet {

// The upper half of a packet's first byte (MQTT 5.0 2.1.2).
inline constexpr unsigned publish_type = 3;
inline constexpr unsigned puback_type = 4;
inline constexpr unsigned subscribe_type = 8;
inline constexpr unsigned unsubscribe_type = 10;

/// A Variable Byte Integer (MQTT 5.0 1.5.5), as far as it is there.
struct Number {
  static constexpr std::size_t most_bytes = 4;
  std::size_t value = 0;
  std::size_t bytes = 0;
  bool is_whole = false;
};
Number number_at(std::string_view bytes, std::size_t at);

unsigned byte_at(std::string_view bytes, std::size_t at);
/// REQUIRES: two bytes at `at`.
std::uint16_t two_bytes_at(std::string_view bytes, std::size_t at);

/// Appends a PUBLISH at QoS 1 up to its payload, which is to follow.
void append_publish_head(std::string& to, const MqttPublish& publish, bool retained,
                         MqttVersion version, std::uint16_t packet_id);
/// Appends a PUBACK that says success.
void append_puback(std::string& to, std::uint16_t packet_id);

/// What a PUBLISH has before its payload, as a message without one; `at` is where the first byte
/// behind its fixed header is, and, in the end, where the payload begins. Nothing where it is
/// malformed. REQUIRES: all of it is there, as far as its own lengths are right.
struct PublishHead {
  MqttMessage message;
  std::uint16_t packet_id = 0;  // 0: at QoS 0
};
std::optional<PublishHead> read_publish_head(std::string_view packet, std::size_t& at,
                                             MqttVersion version);

}  // namespace mqtt_bridge::packet
