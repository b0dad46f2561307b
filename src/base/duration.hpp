// Durations as people write them in options, the configuration and `?timeout=`: a number and a
// unit, or a number of seconds. Pure functions on values, the same in every locale.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace mqtt_bridge {

/// `<digits>[.<digits>]` and one of `ms`, `s`, `m`, or none for seconds, with nothing before,
/// between or after: "1500ms", "2s", "1.5s", "1m", "5". Nothing for anything else, for what is no
/// whole number of milliseconds and for what does not fit; so a value is never rounded and never
/// negative.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// What parse_duration() reads back as `duration`, in the largest unit that takes no fraction:
/// "1500ms", "5s", "90s", "1m".
/// REQUIRES: `duration` is not negative.
std::string duration_text(std::chrono::milliseconds duration);

}  // namespace mqtt_bridge
