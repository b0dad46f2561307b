// Which of some known names a misspelt one is meant to be. Pure function.
#pragma once

#include <span>
#include <string_view>

namespace mqtt_bridge {

/// The one of `known` that takes the fewest letters put in, taken out or replaced to become `name`,
/// at most two and whatever their case; empty when none is that near.
std::string_view did_you_mean(std::string_view name, std::span<const std::string_view> known);

}  // namespace mqtt_bridge
