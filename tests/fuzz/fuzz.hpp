// What the fuzz targets share. Each of them is one file that defines fuzz(); see CMakeLists.txt.
#pragma once

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace mqtt_bridge {

/// Checks the target's properties on one input. It is called millions of times in one process.
void fuzz(std::string_view input);

/// Ends the process, for libFuzzer to keep the input, unless the property holds. `property`: what
/// always holds, as one clause.
inline void require(bool holds, const char* property) {
  if (holds)
    return;
  std::fprintf(stderr, "This does not hold: %s\n", property);
  std::abort();
}

/// How an input is cut for a parser that takes it piece by piece.
inline constexpr std::array<std::size_t, 4> piece_sizes{1, 2, 3, 7};

/// Takes the first line off `rest`, without its LF; nothing once `rest` is used up.
inline std::optional<std::string_view> take_line(std::optional<std::string_view>& rest) {
  if (!rest)
    return std::nullopt;
  const auto end = rest->find('\n');
  const std::string_view line = rest->substr(0, end);
  if (end == std::string_view::npos)
    rest.reset();
  else
    rest->remove_prefix(end + 1);
  return line;
}

/// A control character of ASCII: no line of ours that a person reads holds one.
inline bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

}  // namespace mqtt_bridge
