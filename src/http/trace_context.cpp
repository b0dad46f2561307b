#include "http/trace_context.hpp"

#include <algorithm>
#include <cstddef>

namespace mqtt_bridge {
namespace {

constexpr std::size_t known_bytes = 55;  // 2 + 32 + 16 + 2 digits, and three dashes
constexpr std::size_t tracestate_bytes = 512;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

bool is_traceparent(std::string_view text) {
  if (text.size() < known_bytes)
    return false;
  const std::string_view version = text.substr(0, 2);
  const bool has_good_end = text.size() == known_bytes || (version != "00" && text[55] == '-');
  return has_good_end && is_hex(version) && version != "ff" && text[2] == '-' &&
         is_id(text.substr(3, 32)) && text[35] == '-' && is_id(text.substr(36, 16)) &&
         text[52] == '-' && is_hex(text.substr(53, 2));
}

bool is_tracestate(std::string_view text) {
  return !text.empty() && text.size() <= tracestate_bytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace mqtt_bridge
