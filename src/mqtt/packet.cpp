#include "mqtt/packet.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/limits/mqtt.hpp"

namespace mqtt_bridge::packet {
namespace {

// Identifiers of properties (MQTT 5.0 2.2.2.2).
enum Property : unsigned {
  payload_format = 0x01,
  message_expiry = 0x02,
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  subscription_identifier = 0x0B,
  topic_alias = 0x23,
  user_property = 0x26,
};

void append_two_bytes(std::string& to, std::size_t number) {
  to += static_cast<char>(number >> 8);
  to += static_cast<char>(number);
}

void append_number(std::string& to, std::size_t number) {
  do {
    const std::size_t rest = number / 128;
    to += static_cast<char>(number % 128 + (rest > 0 ? 128 : 0));
    number = rest;
  } while (number > 0);
}

void append_text(std::string& to, std::string_view text) {
  append_two_bytes(to, text.size());
  to.append(text);
}

std::size_t size_of_number(std::size_t number) {
  return number < 128 ? 1 : number < 128 * 128 ? 2 : number < 128 * 128 * 128 ? 3 : 4;
}

std::size_t size_of_text(std::string_view text) {
  return 2 + text.size();
}

std::uint32_t expiry_of(const MqttPublish& publish) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(*publish.expiry).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, UINT32_MAX));
}

std::size_t size_of_properties(const MqttPublish& publish) {
  std::size_t size = 0;
  for (const std::string_view text :
       {std::string_view(publish.response_topic), publish.correlation, publish.content_type}) {
    if (!text.empty())
      size += 1 + size_of_text(text);
  }
  if (publish.expiry)
    size += 5;
  for (const auto& [name, value] : publish.user_properties)
    size += 1 + size_of_text(name) + size_of_text(value);
  return size;
}

void append_properties(std::string& to, const MqttPublish& publish) {
  const auto add = [&to](Property property, std::string_view text) {
    if (text.empty())
      return;
    to += static_cast<char>(property);
    append_text(to, text);
  };
  add(response_topic, publish.response_topic);
  add(correlation_data, publish.correlation);
  add(content_type, publish.content_type);
  if (publish.expiry) {
    const std::uint32_t seconds = expiry_of(publish);
    to += static_cast<char>(message_expiry);
    append_two_bytes(to, seconds >> 16);
    append_two_bytes(to, seconds & 0xFFFF);
  }
  for (const auto& [name, value] : publish.user_properties) {
    to += static_cast<char>(user_property);
    append_text(to, name);
    append_text(to, value);
  }
}

/// Reads on, within a packet or a part of it; once something does not fit, nothing more is there.
class Reader {
 public:
  Reader(std::string_view bytes, std::size_t at) : bytes_(bytes), at_(at) {}

  std::string_view take(std::size_t size) {
    if (bytes_.size() - at_ < size) {
      is_sound_ = false;
      return {};
    }
    return bytes_.substr(std::exchange(at_, at_ + size), size);
  }
  std::size_t two_bytes() {
    const std::string_view taken = take(2);
    return is_sound_ ? two_bytes_at(taken, 0) : 0;
  }
  std::string_view text() { return take(two_bytes()); }
  std::size_t number() {
    const Number number = number_at(bytes_, at_);
    is_sound_ = is_sound_ && number.is_whole;
    at_ += number.bytes;
    return number.value;
  }
  bool is_sound() const { return is_sound_; }
  bool is_at_end() const { return at_ == bytes_.size(); }
  std::size_t at() const { return at_; }

 private:
  std::string_view bytes_;
  std::size_t at_;
  bool is_sound_ = true;
};

void take_user_property(std::string_view name, std::string_view value, MqttMessage& message) {
  if (name == "status")
    message.status = value;
  else if (name == "error")
    message.error = value;
  else if (name == "responder")
    message.responder = value;
  else if (message.user_properties.size() < limits::user_properties)
    message.user_properties.emplace_back(name, value);
}

/// False where it is none of a PUBLISH (MQTT 5.0 3.3.2.3).
bool take_property(Reader& reader, MqttMessage& message) {
  switch (reader.number()) {
    case payload_format:
      reader.take(1);
      break;
    case message_expiry: {
      const std::size_t high = reader.two_bytes();
      message.expiry = std::chrono::seconds(high << 16 | reader.two_bytes());
      break;
    }
    case content_type:
      message.content_type = reader.text();
      break;
    case response_topic:
      message.response_topic = reader.text();
      break;
    case correlation_data:
      message.correlation = reader.text();
      break;
    case subscription_identifier:
      reader.number();
      break;
    case topic_alias:
      reader.take(2);
      break;
    case user_property: {
      const std::string_view name = reader.text();
      take_user_property(name, reader.text(), message);
      break;
    }
    default:
      return false;
  }
  return reader.is_sound();
}

}  // namespace

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t two_bytes_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

Number number_at(std::string_view bytes, std::size_t at) {
  Number number;
  while (at + number.bytes < bytes.size() && !number.is_whole &&
         number.bytes < Number::most_bytes) {
    const unsigned byte = byte_at(bytes, at + number.bytes);
    number.value |= std::size_t{byte & 0x7F} << (7 * number.bytes);
    number.is_whole = byte < 0x80;
    ++number.bytes;
  }
  return number;
}

void append_publish_head(std::string& to, const MqttPublish& publish, bool retained,
                         MqttVersion version, std::uint16_t packet_id) {
  constexpr unsigned at_qos_1 = publish_type << 4 | 0x02;
  const bool is_v5 = version == MqttVersion::v5;
  const std::size_t properties = is_v5 ? size_of_properties(publish) : 0;
  const std::size_t length = size_of_text(publish.topic) + 2 +
                             (is_v5 ? size_of_number(properties) + properties : 0) +
                             publish.payload.size();
  to += static_cast<char>(at_qos_1 | (retained ? 1U : 0U));
  append_number(to, length);
  append_text(to, publish.topic);
  append_two_bytes(to, packet_id);
  if (!is_v5)
    return;
  append_number(to, properties);
  append_properties(to, publish);
}

void append_puback(std::string& to, std::uint16_t packet_id) {
  to += static_cast<char>(puback_type << 4);
  to += '\2';
  append_two_bytes(to, packet_id);
}

std::optional<PublishHead> read_publish_head(std::string_view packet, std::size_t& at,
                                             MqttVersion version) {
  const unsigned flags = byte_at(packet, 0);
  PublishHead head;
  head.message.retained = (flags & 0x01) != 0;
  head.message.duplicate = (flags & 0x08) != 0;
  Reader reader(packet, at);
  head.message.topic = reader.text();
  if ((flags & 0x06) != 0)
    head.packet_id = static_cast<std::uint16_t>(reader.two_bytes());
  if (version == MqttVersion::v5) {
    const std::size_t size = reader.number();
    Reader properties(reader.take(size), 0);
    while (reader.is_sound() && !properties.is_at_end()) {
      if (!take_property(properties, head.message))
        return std::nullopt;
    }
  }
  if (!reader.is_sound())
    return std::nullopt;
  at = reader.at();
  return head;
}

}  // namespace mqtt_bridge::packet
