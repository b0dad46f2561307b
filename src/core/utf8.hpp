// Well-formedness of UTF-8. Uses ICU's inline macros only, so that a program can check its input
// without loading ICU's libraries.
#pragma once

#include <string_view>

namespace mqtt_bridge {

/// True when every byte is below 0x80.
bool is_ascii(std::string_view bytes);

/// True when `bytes` is well-formed UTF-8 (Unicode 15.0, table 3-7): no overlong form, no
/// surrogate, nothing above U+10FFFF. The empty string is; U+0000 is allowed.
bool is_utf8(std::string_view bytes);

}  // namespace mqtt_bridge
