// The input: the version of MQTT in one byte, then what a broker sends. It is also judged by a
// second reader that is given all of it at once.
#include "mqtt/packet_filter.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "fuzz.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t most_bytes = 300;

/// Whether all is sound, and what the library is given.
struct Filtered {
  bool is_sound = true;
  std::string out;
};

Filtered filter(MqttVersion version, std::string_view bytes, std::size_t piece) {
  PacketFilter filter(version, most_bytes);
  Filtered filtered;
  for (std::size_t at = 0; at < bytes.size() && filtered.is_sound; at += piece)
    filtered.is_sound = filter.take(bytes.substr(at, piece), filtered.out);
  return filtered;
}

/// Reads `bytes` as if zeros followed.
struct Reader {
  std::string_view bytes;
  std::size_t at = 0;

  unsigned byte() {
    const std::size_t here = at++;
    return here < bytes.size() ? static_cast<std::uint8_t>(bytes[here]) : 0;
  }
  unsigned two_bytes() {
    const unsigned high = byte();
    return high * 256 + byte();
  }
  /// MQTT 5.0 1.5.5; nothing when it is longer than four bytes.
  std::optional<std::size_t> number() {
    std::size_t value = 0;
    for (std::size_t factor = 1; factor <= 128 * 128 * 128; factor *= 128) {
      const unsigned byte_here = byte();
      value += (byte_here % 128) * factor;
      if (byte_here < 128)
        return value;
    }
    return std::nullopt;
  }
};

struct Packet {
  std::size_t end;
  bool is_sound;
  bool is_too_large;
};

Packet first_packet(MqttVersion version, std::string_view bytes) {
  Reader reader{bytes};
  const unsigned first = reader.byte();
  const auto length = reader.number();
  if (!length)
    return {reader.at, false, false};
  const std::size_t end = reader.at + *length;
  const bool is_large = end > most_bytes;
  if (first / 16 != 3 || (version != MqttVersion::v5 && !is_large))
    return {end, true, false};
  const unsigned topic_bytes = reader.two_bytes();
  reader.at += topic_bytes + (first / 2 % 4 != 0 ? 2 : 0);
  if (is_large)
    return {end, reader.at + (version == MqttVersion::v5 ? 1 : 0) <= end, true};
  const auto properties = reader.number();
  return {end, properties && reader.at + *properties <= end, false};
}

}  // namespace

void fuzz(std::string_view input) {
  if (input.empty())
    return;
  const auto version = input.front() % 2 == 0 ? MqttVersion::v5 : MqttVersion::v3_1_1;
  std::string_view bytes = input.substr(1);
  const Filtered whole = filter(version, bytes, std::max<std::size_t>(bytes.size(), 1));
  const bool all_passes = whole.is_sound;
  for (const std::size_t piece : piece_sizes) {
    const Filtered pieces = filter(version, bytes, piece);
    require(pieces.is_sound == whole.is_sound, "cutting changes nothing");
    require(!whole.is_sound || pieces.out == whole.out, "nor what the library is given");
  }
  bool is_any_too_large = false;
  const std::string_view all = bytes;

  while (!bytes.empty()) {
    const Packet packet = first_packet(version, bytes);
    if (packet.end > bytes.size()) {
      // Other bytes than zeros may come yet: what is unsound with them may still be sound.
      require(all_passes || !packet.is_sound, "what may still be sound passes");
      return;
    }
    if (!packet.is_sound)
      return require(!all_passes, "what passes has only sound packets");
    is_any_too_large |= packet.is_too_large;
    bytes.remove_prefix(packet.end);
  }
  require(is_any_too_large || whole.out == all,
          "sound packets that are not too large stay as they are");
  require(all_passes, "sound packets pass");
}

}  // namespace mqtt_bridge
