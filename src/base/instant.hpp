// The clock's vocabulary. What is pure never reads a clock: its driver passes `now`, read once
// from Clock at the edge, or made up by a test.
#pragma once

#include <chrono>

namespace mqtt_bridge {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;
using Duration = Clock::duration;

inline bool is_due(Instant at, Instant now) {
  return at <= now;
}

}  // namespace mqtt_bridge
