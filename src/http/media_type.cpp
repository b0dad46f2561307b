#include "http/media_type.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/ascii.hpp"

namespace mqtt_bridge {
namespace {

/// Takes what is before the next ';' that is not quoted (RFC 9110 5.6.4, 5.6.6) off `rest`.
std::string_view next_part(std::string_view& rest) {
  bool is_quoted = false;
  std::size_t end = 0;
  for (; end < rest.size() && (is_quoted || rest[end] != ';'); ++end) {
    if (rest[end] == '"')
      is_quoted = !is_quoted;
    else if (is_quoted && rest[end] == '\\' && end + 1 < rest.size())
      ++end;
  }
  const std::string_view part = ascii::trim(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

std::string unquoted(std::string_view value) {
  if (!value.starts_with('"'))
    return std::string(value);
  std::string text;
  for (std::size_t i = 1; i < value.size() && value[i] != '"'; ++i) {
    if (value[i] == '\\' && i + 1 < value.size())
      ++i;
    text += value[i];
  }
  return text;
}

/// ASCII is the same in UTF-8. An empty name says nothing.
bool is_utf8_charset(std::string_view name) {
  constexpr std::array<std::string_view, 5> names{"", "utf-8", "utf8", "us-ascii", "ascii"};
  return std::any_of(names.begin(), names.end(), [name](std::string_view each) {
    return ascii::equals_ignoring_case(name, each);
  });
}

}  // namespace

std::optional<std::string> foreign_charset(std::string_view content_type) {
  next_part(content_type);  // type "/" subtype
  while (!content_type.empty()) {
    const std::string_view parameter = next_part(content_type);
    const std::size_t name_end = std::min(parameter.find('='), parameter.size());
    if (!ascii::equals_ignoring_case(ascii::trim(parameter.substr(0, name_end)), "charset"))
      continue;
    const std::size_t value = std::min(name_end + 1, parameter.size());
    std::string charset = unquoted(ascii::trim(parameter.substr(value)));
    if (!is_utf8_charset(charset))
      return charset;
  }
  return std::nullopt;
}

bool is_multipart(std::string_view content_type) {
  constexpr std::string_view multipart = "multipart/";
  return ascii::equals_ignoring_case(content_type.substr(0, multipart.size()), multipart);
}

bool is_form(std::string_view content_type) {
  return ascii::equals_ignoring_case(next_part(content_type), "application/x-www-form-urlencoded");
}

bool is_media_type(std::string_view content_type) {
  const bool is_visible = std::all_of(content_type.begin(), content_type.end(),
                                      [](char c) { return c >= ' ' && c <= '~'; });
  const std::string_view kind = next_part(content_type);
  const std::size_t slash = kind.find('/');
  return is_visible && slash != std::string_view::npos && ascii::is_token(kind.substr(0, slash)) &&
         ascii::is_token(kind.substr(slash + 1));
}

}  // namespace mqtt_bridge
