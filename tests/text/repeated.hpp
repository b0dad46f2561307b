// Long texts for tests.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mqtt_bridge {

/// `text` as often as it fits into `bytes`.
inline std::string repeated(std::string_view text, std::size_t bytes) {
  std::string result;
  while (result.size() + text.size() <= bytes)
    result += text;
  return result;
}

}  // namespace mqtt_bridge
