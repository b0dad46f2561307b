// A text as a string of JSON (RFC 8259 7), in one pass and one block of memory: the library for JSON
// takes a tenth of a second for a large text of control characters. Pure function.
#pragma once

#include <string>
#include <string_view>

namespace mqtt_bridge {

/// With its quotes, and between `before` and `after`, which stay as they are. REQUIRES: `text` is
/// UTF-8.
std::string json_string(std::string_view text, std::string_view before = {},
                        std::string_view after = {});

}  // namespace mqtt_bridge
