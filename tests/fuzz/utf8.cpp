// The input: a text that may be UTF-8.
#include "base/utf8.hpp"

#include <algorithm>
#include <cstdint>

#include "fuzz.hpp"

namespace mqtt_bridge {
namespace {

/// By decoding it: what is encoded in more bytes than it takes, a surrogate or above U+10FFFF is
/// not well-formed (Unicode 15.0, D92).
bool naive(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const auto first = static_cast<std::uint8_t>(bytes[at++]);
    const int more = first < 0x80 ? 0 : first < 0xc0 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (more < 0 || first >= 0xf8)
      return false;
    std::uint32_t code_point = more == 0 ? first : first & (0x3fu >> more);
    for (int i = 0; i < more; ++i) {
      const auto next = at < bytes.size() ? static_cast<std::uint8_t>(bytes[at++]) : 0u;
      if (next / 0x40 != 2)
        return false;
      code_point = code_point * 0x40 + next % 0x40;
    }
    constexpr std::array<std::uint32_t, 4> least{0, 0x80, 0x800, 0x10000};
    if (code_point < least[static_cast<std::size_t>(more)] || code_point / 0x800 == 0x1b ||
        code_point > 0x10ffff) {
      return false;
    }
  }
  return true;
}

}  // namespace

void fuzz(std::string_view input) {
  for (std::size_t from = 0; from <= std::min<std::size_t>(input.size(), 8); ++from) {
    const std::string_view text = input.substr(from);
    require(is_utf8(text) == naive(text), "UTF-8 is what can be decoded as such");
    const bool is_plain = std::all_of(text.begin(), text.end(),
                                      [](char c) { return static_cast<std::uint8_t>(c) < 0x80; });
    require(is_ascii(text) == is_plain, "ASCII is what is below 0x80");
  }
}

}  // namespace mqtt_bridge
