// Which known word a misspelt one may stand for: for "did you mean". Pure
// functions.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace mqtt_bridge {

/// The first of `known` that differs least from `word`, by at most two letters put in, taken out or
/// replaced, and by no more than half of them, whatever their case; empty when none does.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

/// "; did you mean '...'?" for the end of a sentence that refuses `word`; empty when no word of
/// `known` is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace mqtt_bridge
