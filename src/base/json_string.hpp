// A text as the inside of a string of JSON (RFC 8259 7), piece by piece: the library for JSON wants
// all of it at once, and takes a tenth of a second for a large one of control characters. Pure
// functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mqtt_bridge {

/// How many bytes append_json() makes of it.
std::size_t json_size(std::string_view text);

/// Without quotes. `text` may begin and end within a character. REQUIRES: the whole text is UTF-8.
void append_json(std::string& json, std::string_view text);

}  // namespace mqtt_bridge
