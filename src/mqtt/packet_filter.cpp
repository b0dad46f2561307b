#include "mqtt/packet_filter.hpp"

#include <algorithm>
#include <optional>

#include "base/limits/mqtt.hpp"
#include "mqtt/packet.hpp"

namespace mqtt_bridge {
namespace {

using packet::byte_at;
using packet::Number;
using packet::number_at;
using packet::puback_type;
using packet::publish_type;
using packet::two_bytes_at;

constexpr unsigned no_matching_subscribers = 0x10;  // MQTT 5.0 3.4.2.1

// More identifiers than this are not in use: the publish window is far smaller.
constexpr std::size_t most_remembered = 1024;

}  // namespace

/// Where the parts of a packet are, counted from its first byte.
struct PacketFilter::Shape {
  std::size_t body;
  std::size_t end;
  std::size_t packet_id;  // of a PUBLISH; where its topic ends
  bool has_packet_id;     // QoS 1 and 2
  std::size_t after_id() const { return packet_id + (has_packet_id ? 2 : 0); }
};

bool PacketFilter::take(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const std::size_t taken = std::min(bytes.size(), rest_ > 0 ? rest_ : needed_ - head_.size());
    const std::string_view piece = bytes.substr(0, taken);
    bytes.remove_prefix(taken);
    if (rest_ > 0) {
      rest_ -= taken;
      if (!is_skipping_)
        out.append(piece);
      continue;
    }
    head_.append(piece);
    if (head_.size() < needed_)
      continue;
    const Judgement judgement = judge();
    if (judgement == Judgement::malformed)
      return false;
    if (judgement == Judgement::needs_more)
      continue;
    is_skipping_ = judgement == Judgement::too_large;
    out.append(head_);  // or what stands for it
    head_.clear();
    needed_ = 1;
  }
  return true;
}

bool PacketFilter::had_no_subscribers(std::uint16_t packet_id) {
  return without_subscribers_.erase(packet_id) > 0;
}

PacketFilter::Judgement PacketFilter::need(std::size_t bytes) {
  needed_ = bytes;
  return Judgement::needs_more;
}

/// Where it is sound or too large, rest_ says what follows of it.
PacketFilter::Judgement PacketFilter::judge() {
  const Number length = number_at(head_, 1);
  if (!length.is_whole)
    return length.bytes < Number::most_bytes ? need(head_.size() + 1) : Judgement::malformed;
  Shape shape{};
  shape.body = 1 + length.bytes;
  shape.end = shape.body + length.value;
  const unsigned type = byte_at(head_, 0) >> 4;
  Judgement judgement = Judgement::sound;
  if (type == publish_type && (version_ == MqttVersion::v5 || shape.end > most_bytes_))
    judgement = judge_publish(shape);
  else if (type == puback_type && version_ == MqttVersion::v5)
    judgement = judge_puback(shape);
  if (judgement == Judgement::sound || judgement == Judgement::too_large)
    rest_ = shape.end - head_.size();
  if (judgement == Judgement::too_large)
    head_ = replacement(shape);
  return judgement;
}

PacketFilter::Judgement PacketFilter::judge_publish(Shape& shape) {
  const std::size_t topic = shape.body + 2;
  if (topic > shape.end)
    return Judgement::malformed;
  if (head_.size() < topic)
    return need(topic);
  shape.packet_id = topic + two_bytes_at(head_, shape.body);
  shape.has_packet_id = (byte_at(head_, 0) & 0x06) != 0;
  const std::size_t properties = shape.after_id();
  const bool is_v5 = version_ == MqttVersion::v5;
  if (properties + (is_v5 ? 1 : 0) > shape.end)
    return Judgement::malformed;
  if (shape.end > most_bytes_)
    return head_.size() < properties ? need(properties) : Judgement::too_large;
  if (head_.size() < properties + 1)
    return need(properties + 1);
  const Number properties_bytes = number_at(head_, properties);
  if (!properties_bytes.is_whole) {
    const bool may_go_on = properties_bytes.bytes < Number::most_bytes && head_.size() < shape.end;
    return may_go_on ? need(head_.size() + 1) : Judgement::malformed;
  }
  const bool ends_within =
      properties + properties_bytes.bytes + properties_bytes.value <= shape.end;
  if (!ends_within)
    return Judgement::malformed;
  return properties_bytes.value > limits::property_bytes ? Judgement::too_large : Judgement::sound;
}

/// MQTT 5.0 3.4: packet identifier, reason code (none: success), properties.
PacketFilter::Judgement PacketFilter::judge_puback(const Shape& shape) {
  constexpr std::size_t identifier_and_reason = 3;
  const std::size_t known = shape.body + identifier_and_reason;
  if (shape.end < known)
    return Judgement::sound;
  if (head_.size() < known)
    return need(known);
  const std::uint16_t packet_id = two_bytes_at(head_, shape.body);
  if (byte_at(head_, known - 1) != no_matching_subscribers)
    return Judgement::sound;
  if (without_subscribers_.size() >= most_remembered)
    without_subscribers_.clear();
  without_subscribers_.insert(packet_id);
  return Judgement::sound;
}

/// A PUBLISH with the same packet identifier and QoS, not retained, and without a payload.
std::string PacketFilter::replacement(const Shape& shape) const {
  std::string body{'\0', static_cast<char>(too_large_topic.size())};
  body.append(too_large_topic);
  body.append(head_, shape.packet_id, shape.after_id() - shape.packet_id);
  if (version_ == MqttVersion::v5)
    body += '\0';  // no properties
  constexpr unsigned without_retain = 0xFE;
  std::string packet{static_cast<char>(byte_at(head_, 0) & without_retain),
                     static_cast<char>(body.size())};
  return packet + body;
}

}  // namespace mqtt_bridge
