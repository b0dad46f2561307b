// Puts a value into a text that is JSON, and leaves the rest as it is, byte for byte: a service may
// count beyond what we can, or care how a number is written. Pure function.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json_scalar.hpp"

namespace mqtt_bridge {

/// `json` with the value of `test` at its pointer, and with what leads there. Nothing where
/// something else is in the way. REQUIRES: JsonText::parse() takes `json`; an is_json_pointer().
std::optional<std::string> json_with(std::string_view json, const JsonTest& test);

}  // namespace mqtt_bridge
