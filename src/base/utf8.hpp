// Well-formedness of UTF-8. Uses ICU's inline macros only, so that a program can check its input
// without loading ICU's libraries.
#pragma once

#include <cstddef>
#include <string_view>

namespace mqtt_bridge {

/// True when every byte is below 0x80.
bool is_ascii(std::string_view bytes);

/// True when `bytes` is well-formed UTF-8 (Unicode 15.0, table 3-7): no overlong form, no
/// surrogate, nothing above U+10FFFF. The empty string is; U+0000 is allowed.
bool is_utf8(std::string_view bytes);

/// How many bytes a character at the start of `text` has that a terminal or a log must not get from
/// a peer: a control character (U+0000 to U+001F, U+007F to U+009F), one that breaks a line
/// (U+2028, U+2029), or one that turns the direction of writing (U+200E, U+200F, U+202A to U+202E,
/// U+2066 to U+2069). 0 where the first one is none of these.
std::size_t unprintable_at(std::string_view text);

}  // namespace mqtt_bridge
