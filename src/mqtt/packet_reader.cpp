#include "mqtt/packet_reader.hpp"

#include <algorithm>
#include <utility>

#include "base/limits/mqtt.hpp"

namespace mqtt_bridge {
namespace {

using packet::byte_at;
using packet::Number;
using packet::number_at;
using packet::two_bytes_at;

// A payload of which so much is to come is read to its place.
constexpr std::size_t large_payload = 16 * 1024;

std::string_view cut(std::string_view& bytes, std::size_t size) {
  const std::string_view taken = bytes.substr(0, size);
  bytes.remove_prefix(taken.size());
  return taken;
}

}  // namespace

/// Where the parts of a packet are, counted from its first byte.
struct PacketReader::Shape {
  std::size_t body;
  std::size_t end;
};

bool PacketReader::take(std::string_view bytes, User& user) {
  continue_packet(bytes, user);
  if (bytes.empty())
    return true;
  std::string joined;
  if (!rest_.empty()) {
    joined = std::exchange(rest_, {});
    joined.append(bytes);
    bytes = joined;
  }
  while (!bytes.empty()) {
    const Step step = read_packet(bytes, user);
    if (step == Step::malformed)
      return false;
    if (step == Step::needs_more) {
      rest_ = bytes;
      return true;
    }
  }
  return true;
}

/// What is left of the packet before.
void PacketReader::continue_packet(std::string_view& bytes, User& user) {
  skipping_ -= cut(bytes, skipping_).size();
  if (passing_ > 0) {
    const std::string_view passed = cut(bytes, passing_);
    passing_ -= passed.size();
    if (!passed.empty())
      user.on_others(passed);
  }
  if (large_ && !bytes.empty()) {
    const auto [to, size] = room();
    put(cut(bytes, size).copy(to, size), user);
  }
}

std::pair<char*, std::size_t> PacketReader::room() {
  if (!large_)
    return {nullptr, 0};
  std::string& payload = large_->message.payload;
  return {payload.data() + filled_, payload.size() - filled_};
}

void PacketReader::put(std::size_t bytes, User& user) {
  filled_ += bytes;
  if (filled_ < large_->message.payload.size())
    return;
  auto whole = *std::exchange(large_, std::nullopt);
  user.on_publish(std::move(whole.message), whole.packet_id);
}

PacketReader::Step PacketReader::read_packet(std::string_view& bytes, User& user) {
  const Number length = number_at(bytes, 1);
  if (!length.is_whole)
    return length.bytes < Number::most_bytes ? Step::needs_more : Step::malformed;
  const Shape shape{1 + length.bytes, 1 + length.bytes + length.value};
  const unsigned type = byte_at(bytes, 0) >> 4;
  const unsigned qos = byte_at(bytes, 0) >> 1 & 0x03;
  if (type == packet::publish_type && qos < 2)
    return read_publish(bytes, shape, user);
  if (type == packet::publish_type && (qos > 2 || shape.end > limit_))
    return Step::malformed;  // we subscribe at QoS 1 at most
  if (type == packet::puback_type) {
    // MQTT 5.0 3.4: packet identifier, reason code (none: success), properties.
    if (bytes.size() < std::min(shape.end, shape.body + 3))
      return Step::needs_more;
    const bool has_reason = version_ == MqttVersion::v5 && shape.end > shape.body + 2;
    if (shape.end >= shape.body + 2 &&
        user.on_puback(two_bytes_at(bytes, shape.body),
                       has_reason ? static_cast<int>(byte_at(bytes, shape.body + 2)) : 0)) {
      skipping_ = shape.end - cut(bytes, shape.end).size();
      return Step::whole;
    }
  }
  const std::string_view others = cut(bytes, shape.end);
  passing_ = shape.end - others.size();
  user.on_others(others);
  return Step::whole;
}

PacketReader::Step PacketReader::read_publish(std::string_view& bytes, const Shape& shape,
                                              User& user) {
  const std::size_t topic = shape.body + 2;
  if (topic > shape.end)
    return Step::malformed;
  if (bytes.size() < topic)
    return Step::needs_more;
  const bool has_packet_id = (byte_at(bytes, 0) & 0x06) != 0;
  const std::size_t packet_id = topic + two_bytes_at(bytes, shape.body);
  std::size_t head_end = packet_id + (has_packet_id ? 2 : 0);
  const bool is_v5 = version_ == MqttVersion::v5;
  if (head_end + (is_v5 ? 1 : 0) > shape.end)
    return Step::malformed;
  if (bytes.size() < head_end)
    return Step::needs_more;
  const std::size_t id_at = has_packet_id ? packet_id : 0;
  if (shape.end > limit_)
    return drop_publish(bytes, shape, id_at, user);
  if (is_v5) {
    const Number size = number_at(bytes.substr(0, shape.end), head_end);
    if (!size.is_whole) {
      const bool may_go_on = size.bytes < Number::most_bytes && bytes.size() < shape.end;
      return may_go_on ? Step::needs_more : Step::malformed;
    }
    head_end += size.bytes + size.value;
    if (head_end > shape.end)
      return Step::malformed;
    if (size.value > limits::property_bytes)
      return drop_publish(bytes, shape, id_at, user);
    if (bytes.size() < head_end)
      return Step::needs_more;
  }
  if (bytes.size() < shape.end && shape.end - bytes.size() < large_payload)
    return Step::needs_more;
  std::size_t payload = shape.body;
  auto head = packet::read_publish_head(bytes.substr(0, shape.end), payload, version_);
  if (!head || (has_packet_id && head->packet_id == 0))
    return Step::malformed;
  if (bytes.size() >= shape.end) {
    head->message.payload = bytes.substr(payload, shape.end - payload);
    bytes.remove_prefix(shape.end);
    user.on_publish(std::move(head->message), head->packet_id);
    return Step::whole;
  }
  head->message.payload.resize(shape.end - payload);
  filled_ = bytes.copy(head->message.payload.data(), bytes.size() - payload, payload);
  large_ = std::move(head);
  bytes = {};
  return Step::whole;
}

/// `packet_id`: where that is; 0: nowhere.
PacketReader::Step PacketReader::drop_publish(std::string_view& bytes, const Shape& shape,
                                              std::size_t packet_id, User& user) {
  user.on_too_large(packet_id > 0 ? two_bytes_at(bytes, packet_id) : std::uint16_t(0));
  skipping_ = shape.end - cut(bytes, shape.end).size();
  return Step::whole;
}

}  // namespace mqtt_bridge
