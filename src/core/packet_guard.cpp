#include "core/packet_guard.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace mqtt_bridge {
namespace {

constexpr unsigned publish = 3;  // MQTT 5.0 2.1.2

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

/// A Variable Byte Integer (MQTT 5.0 1.5.5), as far as it is there.
struct Number {
  std::size_t value = 0;
  std::size_t bytes = 0;
  bool is_whole = false;
};

Number number_at(std::string_view bytes, std::size_t at) {
  Number number;
  while (at + number.bytes < bytes.size() && !number.is_whole) {
    const unsigned byte = byte_at(bytes, at + number.bytes);
    number.value |= std::size_t{byte & 0x7F} << std::min<std::size_t>(7 * number.bytes, 28);
    number.is_whole = byte < 0x80;
    ++number.bytes;
  }
  return number;
}

constexpr std::size_t longest_number = 4;

}  // namespace

bool PacketGuard::take(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t taken = std::min(bytes.size(), rest_ > 0 ? rest_ : needed_ - head_.size());
    if (rest_ > 0) {
      rest_ -= taken;
    } else {
      head_.append(bytes.substr(0, taken));
      if (head_.size() == needed_ && judge() == Judgement::malformed)
        return false;
    }
    bytes.remove_prefix(taken);
  }
  return true;
}

PacketGuard::Judgement PacketGuard::judge() {
  const auto need = [this](std::size_t bytes) {
    needed_ = bytes;
    return Judgement::needs_more;
  };
  const Number length = number_at(head_, 1);
  if (!length.is_whole)
    return length.bytes < longest_number ? need(head_.size() + 1) : Judgement::malformed;
  const std::size_t body = 1 + length.bytes;
  const std::size_t end = body + length.value;
  const auto pass = [&] {
    rest_ = end - head_.size();
    head_.clear();
    need(1);
    return Judgement::sound;
  };
  const unsigned type = byte_at(head_, 0) >> 4;
  if (type != publish || version_ != MqttVersion::v5)
    return pass();

  const std::size_t topic = body + 2;
  if (topic > end)
    return Judgement::malformed;
  if (head_.size() < topic)
    return need(topic);
  const std::size_t topic_bytes = byte_at(head_, body) << 8 | byte_at(head_, body + 1);
  const bool has_packet_id = (byte_at(head_, 0) & 0x06) != 0;  // QoS 1 and 2
  const std::size_t properties = topic + topic_bytes + (has_packet_id ? 2 : 0);
  if (properties + 1 > end)
    return Judgement::malformed;
  if (head_.size() < properties + 1)
    return need(properties + 1);
  const Number properties_bytes = number_at(head_, properties);
  if (!properties_bytes.is_whole) {
    const bool may_go_on = properties_bytes.bytes < longest_number && head_.size() < end;
    return may_go_on ? need(head_.size() + 1) : Judgement::malformed;
  }
  const bool ends_within = properties + properties_bytes.bytes + properties_bytes.value <= end;
  return ends_within ? pass() : Judgement::malformed;
}

}  // namespace mqtt_bridge
