// The clock's vocabulary. The core never reads a clock: whoever drives it passes `now`, read once
// from std::chrono::steady_clock at the edge, or made up by a test.
#pragma once

#include <chrono>

namespace mqtt_bridge {

using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

}  // namespace mqtt_bridge
