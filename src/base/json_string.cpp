#include "base/json_string.hpp"

#include <array>
#include <cstddef>

namespace mqtt_bridge {
namespace {

/// For each byte what stands for it behind a backslash: a letter, `u` for its number, 0 where it
/// may stand itself.
constexpr std::array<char, 256> escapes = [] {
  std::array<char, 256> table{};
  constexpr std::size_t first_printable = 0x20;
  for (std::size_t i = 0; i < first_printable; ++i)
    table[i] = 'u';
  table['"'] = '"';
  table['\\'] = '\\';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  return table;
}();

char escape_of(char c) {
  return escapes[static_cast<unsigned char>(c)];
}

std::size_t size_of(char c) {
  const char escape = escape_of(c);
  return escape == '\0' ? 1 : escape == 'u' ? 6 : 2;
}

/// Returns where the next character goes.
char* write(char* to, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  const char escape = escape_of(c);
  if (escape == '\0') {
    *to = c;
    return to + 1;
  }
  to[0] = '\\';
  to[1] = escape;
  if (escape != 'u')
    return to + 2;
  const auto number = static_cast<unsigned char>(c);
  to[2] = '0';
  to[3] = '0';
  to[4] = digits[number / 16];
  to[5] = digits[number % 16];
  return to + 6;
}

}  // namespace

std::size_t json_size(std::string_view text) {
  std::size_t size = 0;
  for (const char c : text)
    size += size_of(c);
  return size;
}

void append_json(std::string& json, std::string_view text) {
  const std::size_t begin = json.size();
  json.resize(begin + json_size(text));
  char* to = json.data() + begin;
  for (const char c : text)
    to = write(to, c);
}

}  // namespace mqtt_bridge
