#include "core/utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <unicode/utf8.h>

namespace mqtt_bridge {

namespace {

/// Where the first byte above 0x7F may be: everything before it is ASCII, looked at in words.
std::size_t ascii_prefix(std::string_view bytes) {
  constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080;
  std::size_t at = 0;
  std::uint64_t word = 0;
  for (; bytes.size() - at >= sizeof word; at += sizeof word) {
    std::memcpy(&word, bytes.data() + at, sizeof word);
    if ((word & high_bits) != 0)
      break;
  }
  return at;
}

}  // namespace

bool is_ascii(std::string_view bytes) {
  const auto rest = bytes.substr(ascii_prefix(bytes));
  return std::all_of(rest.begin(), rest.end(), [](unsigned char c) { return c < 0x80; });
}

bool is_utf8(std::string_view bytes) {
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t at = ascii_prefix(bytes);
  while (at < bytes.size()) {
    UChar32 code_point = 0;
    U8_NEXT(begin, at, bytes.size(), code_point);
    if (code_point < 0)
      return false;
  }
  return true;
}

}  // namespace mqtt_bridge
