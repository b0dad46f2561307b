// What each action does to a text, Unicode-correct: the responder's whole job.
// Pure: randomness comes in as an argument.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "text/action.hpp"

namespace mqtt_bridge {

/// Gives a number below `bound` (bound > 0), each equally likely.
using RandomBelow = std::function<std::uint32_t(std::uint32_t bound)>;

/// REQUIRES: is_utf8(text). Upper and lower case by the full, untailored (root locale) mappings;
/// title-case by Unicode word boundaries, the rest of each word in lower case ("they're" gives
/// "They're"); reverse and shuffle by extended grapheme cluster (UAX #29).
std::string transform(Action action, std::string_view text, const RandomBelow& random_below);

}  // namespace mqtt_bridge
