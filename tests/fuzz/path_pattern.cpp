// The input, in lines: the path of a route, and a path that was asked for, decoded.
#include "route/path_pattern.hpp"

#include <algorithm>

#include "exchange/topic.hpp"
#include "fuzz.hpp"
#include "route/text_template.hpp"

namespace mqtt_bridge {
namespace {

std::string written(const PathPattern& pattern) {
  std::string text;
  for (const auto& [name, kind] : pattern.segments) {
    text += kind == PathPattern::Kind::literal ? "/" + name
            : kind == PathPattern::Kind::one   ? "/{" + name + "}"
                                               : "/{" + name + "...}";
  }
  return text;
}

void check_value(std::string_view value, PathPattern::Kind kind) {
  const auto why = why_not_path_value(value, kind);
  if (why) {
    require(why->starts_with("must "), "what is wrong is said as the end of a sentence");
    return;
  }
  require(is_topic_name(value) && is_broker_safe(value) && value.front() != '/' &&
              value.back() != '/' && value.find("//") == std::string_view::npos,
          "a value is levels of a topic");
  require(kind == PathPattern::Kind::rest || value.find('/') == std::string_view::npos,
          "{x} is one level");
  require(!why_not_path_value(value, PathPattern::Kind::rest), "what is one level may be several");
}

}  // namespace

void fuzz(std::string_view input) {
  std::optional<std::string_view> rest = input;
  const std::string_view text = *take_line(rest);
  const std::string_view path = rest.value_or("");
  check_value(path, PathPattern::Kind::one);
  check_value(path, PathPattern::Kind::rest);

  const auto parsed = parse_path_pattern(text);
  if (const auto* const fault = std::get_if<std::string>(&parsed))
    return require(!fault->empty(), "a fault is said");
  const auto& pattern = std::get<PathPattern>(parsed);
  require(written(pattern) == text, "a pattern is what was written");
  require(pattern.segments.front().kind == PathPattern::Kind::literal, "it begins with a name");
  const auto names = pattern.variables();
  require(std::all_of(names.begin(), names.end(), is_variable_name), "its variables have names");
  const auto values = values_in(pattern, text);
  require(values.size() == names.size(), "each variable has a value");
  for (std::size_t i = 0; i < names.size(); ++i) {
    require(values[i].first == names[i] && (values[i].second == "{" + names[i] + "}" ||
                                            values[i].second == "{" + names[i] + "...}"),
            "a value is what stands in its place");
  }
}

}  // namespace mqtt_bridge
