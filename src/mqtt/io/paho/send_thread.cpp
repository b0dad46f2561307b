#include "mqtt/io/paho/send_thread.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <string_view>

#include "mqtt/io/paho/idle_client.hpp"

namespace mqtt_bridge::paho {
namespace {

/// The library's release as a number that can be compared: 1.3.12 is 10312.
int library_release() {
  for (const MQTTAsync_nameValue* info = MQTTAsync_getVersionInfo(); info->name != nullptr;
       ++info) {
    if (std::string_view(info->name) != "Version")
      continue;
    std::array<int, 3> parts{};
    const char* text = info->value;
    const char* const end = text + std::strlen(text);
    for (int& part : parts) {
      text = std::from_chars(text, end, part).ptr;
      if (text != end)
        ++text;
    }
    return (parts[0] * 100 + parts[1]) * 100 + parts[2];
  }
  return 0;
}

constexpr int release_with_a_sound_send_thread = 10316;

}  // namespace

void kick_send_thread() noexcept {
  static const bool can_lose_wake_ups = library_release() < release_with_a_sound_send_thread;
  if (!can_lose_wake_ups)
    return;
  MQTTAsync_message message = MQTTAsync_message_initializer;
  message.qos = 0;
  MQTTAsync_sendMessage(idle_client(), "kick", &message, nullptr);
}

}  // namespace mqtt_bridge::paho
