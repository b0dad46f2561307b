#include "http/preferences.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/ascii.hpp"

namespace mqtt_bridge {
namespace {

/// Takes what comes before `mark` outside of quotes, and the mark; the rest where there is none.
std::string_view take_until(char mark, std::string_view& rest) {
  bool is_quoted = false;
  std::size_t i = 0;
  for (; i < rest.size() && (is_quoted || rest[i] != mark); ++i) {
    if (is_quoted && rest[i] == '\\')
      ++i;
    else if (rest[i] == '"')
      is_quoted = !is_quoted;
  }
  const std::string_view taken = rest.substr(0, i);
  rest.remove_prefix(std::min(i + 1, rest.size()));
  return ascii::trim(taken);
}

/// RFC 7240 4.3: delta-seconds; the largest where there are more than can be counted (RFC 9111
/// 1.2.2).
std::optional<std::chrono::seconds> seconds_in(std::string_view text) {
  constexpr std::uint32_t most = 0x7FFFFFFF;
  if (text.size() > 1 && text.starts_with('"') && text.ends_with('"'))
    text = text.substr(1, text.size() - 2);
  if (text.empty() || !std::all_of(text.begin(), text.end(), ascii::is_digit))
    return std::nullopt;
  std::uint32_t seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::chrono::seconds(read.ec == std::errc{} ? std::min(seconds, most) : most);
}

/// The value of a parameter of this name, without its quotes.
std::string callback_in(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view value = take_until(';', parameters);
    if (!ascii::equals_ignoring_case(take_until('=', value), "callback"))
      continue;
    value = ascii::trim(value);
    const bool is_quoted = value.size() > 1 && value.starts_with('"') && value.ends_with('"');
    return std::string(is_quoted ? value.substr(1, value.size() - 2) : value);
  }
  return {};
}

}  // namespace

Preferences parse_preferences(std::string_view field) {
  Preferences found;
  bool has_async = false;
  bool has_wait = false;
  while (!field.empty()) {
    std::string_view parameters = take_until(',', field);
    std::string_view value = take_until(';', parameters);
    const std::string_view name = take_until('=', value);
    value = ascii::trim(value);
    if (!has_async && ascii::equals_ignoring_case(name, "respond-async")) {
      has_async = true;
      found.callback = callback_in(parameters);
      found.respond_async = value.empty() || value == "\"\"";  // RFC 7240 2: an empty value is none
    }
    if (!has_wait && ascii::equals_ignoring_case(name, "wait")) {
      has_wait = true;
      found.wait = seconds_in(value);
    }
  }
  return found;
}

std::string applied(const Preferences& preferences) {
  std::string field = preferences.respond_async ? "respond-async" : "";
  if (preferences.wait) {
    field.append(field.empty() ? "" : ", ").append("wait=");
    field += std::to_string(preferences.wait->count());
  }
  return field;
}

}  // namespace mqtt_bridge
