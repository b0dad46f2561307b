// Reads ids out of a response that is JSON. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mqtt_bridge {

/// What is at each of `pointers` (JSON Pointer, RFC 6901): a string as it is, an integer in decimal
/// digits. Nothing where there is neither, where `json` is not JSON, or larger than
/// limits::id_bytes.
std::vector<std::optional<std::string>> ids_at(std::string_view json,
                                               const std::vector<std::string>& pointers);

}  // namespace mqtt_bridge
