// What time it was, for people: an Instant as a date. Made where the clocks are read. Value.
#pragma once

#include <chrono>
#include <string>

#include "base/instant.hpp"

namespace mqtt_bridge {

/// What two clocks said at one moment.
struct WallClock {
  Instant now;
  std::chrono::system_clock::time_point wall;

  std::chrono::system_clock::time_point at(Instant instant) const {
    return wall - std::chrono::duration_cast<std::chrono::system_clock::duration>(now - instant);
  }
};

/// RFC 3339 in UTC, such as 2026-11-25T12:00:01.883Z.
std::string date_text(std::chrono::system_clock::time_point time);

}  // namespace mqtt_bridge
