// The clock's vocabulary. What is pure never reads a clock: its driver passes `now`, read once
// from std::chrono::steady_clock at the edge, or made up by a test.
#pragma once

#include <chrono>

namespace mqtt_bridge {

using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

inline bool is_due(Instant at, Instant now) {
  return at <= now;
}

}  // namespace mqtt_bridge
