#include "http/idempotency_key.hpp"

#include <algorithm>

#include "base/limits/later.hpp"

namespace mqtt_bridge {
namespace {

Failure no_key(std::string why) {
  return {Problem::invalid_idempotency_key,
          "Idempotency-Key " + std::move(why) + ": send a quoted string of 1 to " +
              std::to_string(limits::idempotency_key_bytes) + " characters of ASCII",
          {}};
}

bool is_printable(char c) {
  return c >= ' ' && c <= '~';
}

/// `text`: what is between the quotes.
std::variant<std::string, Failure> key_within(std::string_view text) {
  std::string key;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"')
      return no_key("has something behind its second quote");
    if (text[i] == '\\' && (++i == text.size() || (text[i] != '"' && text[i] != '\\')))
      return no_key("has a backslash before neither a quote nor a backslash");
    key += text[i];
  }
  return key;
}

}  // namespace

std::variant<std::string, Failure> parse_idempotency_key(std::string_view field) {
  if (!std::all_of(field.begin(), field.end(), is_printable))
    return no_key("has a character that is not printable ASCII");
  std::string key(field);
  if (field.starts_with('"')) {
    if (field.size() < 2 || !field.ends_with('"'))
      return no_key("has no quote at its end");
    auto read = key_within(field.substr(1, field.size() - 2));
    if (std::holds_alternative<Failure>(read))
      return read;
    key = std::get<std::string>(std::move(read));
  } else if (field.find_first_of(" \",;\\") != std::string_view::npos) {
    return no_key("is not quoted, and has a blank, a quote, a comma, a semicolon or a backslash");
  }
  if (key.empty())
    return no_key("is empty");
  if (key.size() > limits::idempotency_key_bytes)
    return no_key("is too long");
  return key;
}

}  // namespace mqtt_bridge
