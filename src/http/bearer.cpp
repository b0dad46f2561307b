#include "http/bearer.hpp"

#include <algorithm>
#include <cstddef>

#include "base/ascii.hpp"

namespace mqtt_bridge {
namespace {

/// RFC 6750 2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
bool is_b64token(std::string_view text) {
  const auto last = text.find_last_not_of('=');
  if (last == std::string_view::npos)
    return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(last) + 1,
                     [](char c) {
                       return ascii::is_digit(c) || ascii::is_alpha(c) ||
                              std::string_view("-._~+/").find(c) != std::string_view::npos;
                     });
}

}  // namespace

std::optional<std::string_view> parse_bearer(std::string_view authorization) {
  const auto scheme_end = authorization.find(' ');
  if (scheme_end == std::string_view::npos ||
      !ascii::equals_ignoring_case(authorization.substr(0, scheme_end), "Bearer")) {
    return std::nullopt;
  }
  // RFC 9110 11.4: one or more spaces.
  std::string_view token = authorization.substr(scheme_end);
  token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
  if (!is_b64token(token))
    return std::nullopt;
  return token;
}

bool constant_time_equal(std::string_view presented, std::string_view expected) {
  // Volatile, so that no compiler may leave the loop once the answer is known.
  volatile unsigned difference = presented.size() == expected.size() ? 0 : 1;
  for (std::size_t i = 0; i < presented.size(); ++i) {
    const char other = expected.empty() ? '\0' : expected[i % expected.size()];
    difference = difference | (static_cast<unsigned char>(presented[i]) ^
                               static_cast<unsigned>(static_cast<unsigned char>(other)));
  }
  return difference == 0;
}

}  // namespace mqtt_bridge
