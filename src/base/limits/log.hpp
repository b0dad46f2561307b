// Limits of the log.
#pragma once

#include <chrono>
#include <cstddef>

namespace mqtt_bridge::limits {

using namespace std::chrono_literals;

// The log: what a peer can cause again and again.
inline constexpr auto repeat_pause = 10s;  // until the same text is logged again; doubles each time
inline constexpr auto repeat_pause_cap = 600s;
inline constexpr auto repeat_memory = 60s;       // then the same text is new
inline constexpr std::size_t repeat_texts = 64;  // told apart

}  // namespace mqtt_bridge::limits
