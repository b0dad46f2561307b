// What a caller prefers of how its call is answered (RFC 7240): at once, or later. What is not
// known here, or is no preference, is ignored, as the standard has it. Pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace mqtt_bridge {

struct Preferences {
  bool respond_async = false;
  std::optional<std::chrono::seconds> wait = {};  // for the answer, before there is none yet
  std::string callback = {};  // of respond-async: where the answer is to be sent; empty: nowhere

  bool are_for_later() const { return respond_async || wait; }
};

/// `field`: the values of all Prefer fields, joined by commas. Of a preference that comes twice the
/// first counts (RFC 7240 2).
Preferences parse_preferences(std::string_view field);

/// As a Preference-Applied field says it (RFC 7240 3); empty without any.
std::string applied(const Preferences& preferences);

}  // namespace mqtt_bridge
