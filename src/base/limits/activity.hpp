// Limits of what the page and /events show.
#pragma once

#include <cstddef>

namespace mqtt_bridge::limits {

inline constexpr std::size_t event_listeners = 16;  // who read /events
inline constexpr std::size_t shown_seconds = 120;
inline constexpr std::size_t shown_calls = 50;  // and as many dropped responses
inline constexpr std::size_t shown_text_bytes = 256;

}  // namespace mqtt_bridge::limits
