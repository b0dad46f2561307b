// The input: the version of MQTT in one byte, then what a broker sends. However it is cut, the same
// is told of it; and what is told is no more than came.
#include "mqtt/packet_reader.hpp"

#include <algorithm>
#include <string>

#include "fuzz.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t most_bytes = 300;

class Listener : public PacketReader::User {
 public:
  std::string said;
  std::string others;
  std::size_t bytes = 0;

 private:
  void on_publish(MqttMessage message, std::uint16_t packet_id) override {
    said += "P" + std::to_string(packet_id) + message.topic + "|" + message.payload + "|" +
            message.correlation.value_or("-") + "|" + message.response_topic.value_or("-") + "\n";
    bytes += message.topic.size() + message.payload.size();
  }
  void on_too_large(std::uint16_t packet_id) override {
    said += "L" + std::to_string(packet_id) + "\n";
  }
  bool on_puback(std::uint16_t packet_id, int reason_code) override {
    if (packet_id % 2 != 0)
      return false;
    said += "A" + std::to_string(packet_id) + " " + std::to_string(reason_code) + "\n";
    return true;
  }
  void on_others(std::string_view more) override {
    others.append(more);
    bytes += more.size();
  }
};

struct Told {
  bool is_sound = true;
  Listener listener;
};

Told read(MqttVersion version, std::string_view bytes, std::size_t piece) {
  PacketReader reader(version, most_bytes);
  Told told;
  for (std::size_t at = 0; at < bytes.size() && told.is_sound; at += piece)
    told.is_sound = reader.take(bytes.substr(at, piece), told.listener);
  return told;
}

}  // namespace

void fuzz(std::string_view input) {
  if (input.empty())
    return;
  const auto version = input.front() % 2 == 0 ? MqttVersion::v5 : MqttVersion::v3_1_1;
  const std::string_view bytes = input.substr(1);
  const Told whole = read(version, bytes, std::max<std::size_t>(bytes.size(), 1));
  require(whole.listener.bytes <= bytes.size(), "no more is told than came");
  for (const std::size_t piece : piece_sizes) {
    const Told pieces = read(version, bytes, piece);
    require(pieces.is_sound == whole.is_sound, "cutting changes nothing");
    require(pieces.listener.said == whole.listener.said, "nor what is told");
    require(pieces.listener.others == whole.listener.others, "nor what the library is given");
  }
}

}  // namespace mqtt_bridge
