// Limits of the MQTT link.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/limits/call.hpp"

namespace mqtt_bridge::limits {

using namespace std::chrono_literals;

// Requests.
inline constexpr std::size_t publish_window = 16;  // published, not yet acknowledged

// Packets from the broker.
inline constexpr std::size_t inbound_packet_bytes =
    response_bytes + payload_bytes;                       // with its topic
inline constexpr std::size_t property_bytes = 66 * 1024;  // of one; the longest property has 64 KiB
inline constexpr std::size_t user_properties = 64;        // of one that are looked at
inline constexpr std::size_t inbox_events = 65'536;  // from the MQTT library, not yet looked at
inline constexpr std::size_t inbox_bytes = 8 << 20;  // of the messages among these

// The connection.
inline constexpr auto puback_timeout = 4s;  // then the link is taken for dead
inline constexpr auto keep_alive = 5s;
inline constexpr auto connect_timeout = 5s;
inline constexpr auto broker_timeout = 2s;         // where there is another broker to try
inline constexpr std::size_t brokers = 16;         // of one link
inline constexpr auto library_stall_timeout = 3s;  // its threads wake up every second
inline constexpr auto reconnect_base = 50ms;
inline constexpr auto reconnect_cap = 10s;
inline constexpr auto yield_cap = 60s;      // while another client uses our client id
inline constexpr auto version_pause = 60s;  // before MQTT 5 is tried again where it was refused
inline constexpr auto version_pause_cap = 3600s;

}  // namespace mqtt_bridge::limits
