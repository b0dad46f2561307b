// Why a response from the broker was dropped: the reasons that /metrics and /status count.
#pragma once

#include <cstddef>
#include <string_view>

namespace mqtt_bridge {

/// Why a response was no use to any call.
enum class Dropped {
  retained,
  foreign_topic,
  unknown_correlation,
  wrong_topic,
  late,
  unmatched,
  unchecked,  // without correlation data, and too large to be compared with what waits
  interim,    // of a call that waits for another one
  own,        // our own request, come back to us
};
inline constexpr std::size_t dropped_reasons = 9;
std::string_view to_string(Dropped reason);

}  // namespace mqtt_bridge
