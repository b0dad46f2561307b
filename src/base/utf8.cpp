#include "base/utf8.hpp"

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

std::size_t unprintable_at(std::string_view text) {
  const auto byte = [text](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  if (!text.empty() && (byte(0) < 0x20 || byte(0) == 0x7f))
    return 1;
  if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) < 0xa0)
    return 2;
  const bool turns_or_breaks =
      byte(0) == 0xe2 && ((byte(1) == 0x80 && (byte(2) == 0x8e || byte(2) == 0x8f ||
                                               (byte(2) >= 0xa8 && byte(2) <= 0xae))) ||
                          (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9));
  return turns_or_breaks ? 3 : 0;
}

}  // namespace mqtt_bridge
