#include "core/json_string.hpp"

#include <cstddef>

namespace mqtt_bridge {
namespace {

/// What stands for `c` behind a backslash: a letter, `u` for its number, 0 where `c` may stand
/// itself.
char escape_of(char c) {
  constexpr unsigned char first_printable = 0x20;
  switch (c) {
    case '"':
    case '\\':
      return c;
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return static_cast<unsigned char>(c) < first_printable ? 'u' : '\0';
  }
}

std::size_t size_of(char c) {
  const char escape = escape_of(c);
  return escape == '\0' ? 1 : escape == 'u' ? 6 : 2;
}

}  // namespace

std::string json_string(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::size_t size = 2;
  for (const char c : text)
    size += size_of(c);
  std::string json(size, '"');
  auto to = json.begin() + 1;
  for (const char c : text) {
    const char escape = escape_of(c);
    if (escape == '\0') {
      *to++ = c;
      continue;
    }
    *to++ = '\\';
    *to++ = escape;
    if (escape == 'u') {
      *to++ = '0';
      *to++ = '0';
      *to++ = digits[static_cast<unsigned char>(c) / 16];
      *to++ = digits[static_cast<unsigned char>(c) % 16];
    }
  }
  return json;
}

}  // namespace mqtt_bridge
