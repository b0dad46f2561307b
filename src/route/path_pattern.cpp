#include "route/path_pattern.hpp"

#include <algorithm>

#include "base/limits/http.hpp"
#include "base/limits/route.hpp"
#include "base/utf8.hpp"
#include "exchange/topic.hpp"
#include "route/text_template.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::string_view dots = "...";

/// Those that stand for themselves in a path (RFC 3986 3.3), but for the percent sign.
bool is_literal_segment(std::string_view text) {
  constexpr std::string_view others = "-._~!$&'()*+,;=:@";
  return !text.empty() && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  others.find(c) != std::string_view::npos;
         });
}

std::optional<PathPattern::Segment> segment_of(std::string_view text) {
  if (is_literal_segment(text))
    return PathPattern::Segment{std::string(text), PathPattern::Kind::literal};
  if (!text.starts_with('{') || !text.ends_with('}'))
    return std::nullopt;
  std::string_view name = text.substr(1, text.size() - 2);
  const bool is_rest = name.ends_with(dots);
  if (is_rest)
    name.remove_suffix(dots.size());
  if (!is_variable_name(name))
    return std::nullopt;
  return PathPattern::Segment{std::string(name),
                              is_rest ? PathPattern::Kind::rest : PathPattern::Kind::one};
}

std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);  // the slash
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

}  // namespace

std::vector<std::string> PathPattern::variables() const {
  std::vector<std::string> names;
  for (const Segment& segment : segments) {
    if (segment.kind != Kind::literal)
      names.push_back(segment.text);
  }
  return names;
}

std::variant<PathPattern, std::string> parse_path_pattern(std::string_view text) {
  const std::string quoted = "'" + std::string(text) + "'";
  if (!text.starts_with('/') || text.size() < 2)
    return quoted + " must begin with '/' and a name";
  if (text.size() > limits::target_bytes)
    return "must not have more than " + std::to_string(limits::target_bytes) + " bytes";
  PathPattern pattern;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view each = next_segment(rest);
    auto segment = segment_of(each);
    if (!segment) {
      return quoted + ": '" + std::string(each) +
             "' is no segment of a path: a name without blanks and '%', {variable}, or "
             "{variable...} for the rest";
    }
    const auto is_namesake = [&segment](const std::string& name) { return name == segment->text; };
    const auto names = pattern.variables();
    if (segment->kind != PathPattern::Kind::literal &&
        std::any_of(names.begin(), names.end(), is_namesake)) {
      return quoted + " has the variable {" + segment->text + "} twice";
    }
    if (segment->kind == PathPattern::Kind::rest && !rest.empty())
      return quoted + ": {" + segment->text + "...} must be at its end";
    pattern.segments.push_back(*std::move(segment));
  }
  if (pattern.segments.front().kind != PathPattern::Kind::literal)
    return quoted + " must begin with a name, not with a variable";
  return pattern;
}

PathValues values_in(const PathPattern& pattern, std::string_view path) {
  PathValues values;
  for (const auto& segment : pattern.segments) {
    if (segment.kind == PathPattern::Kind::rest) {
      values.emplace_back(segment.text, path.substr(1));
      break;
    }
    const std::string_view text = next_segment(path);
    if (segment.kind == PathPattern::Kind::one)
      values.emplace_back(segment.text, text);
  }
  return values;
}

std::optional<std::string> why_not_path_value(std::string_view value, PathPattern::Kind kind) {
  if (value.size() > limits::path_value_bytes)
    return "must not have more than " + std::to_string(limits::path_value_bytes) + " bytes";
  if (kind == PathPattern::Kind::one && value.find('/') != std::string_view::npos)
    return "must not have a '/'";
  if (value.find_first_of("+#") != std::string_view::npos)
    return "must not have a '+' or '#', which are wildcards of MQTT";
  if (!is_broker_safe(value))
    return "must be UTF-8 without control characters and noncharacters";
  for (const std::string_view level : levels_of(value)) {
    if (level.empty())
      return "must not be empty, nor have an empty part";
    if (level == "." || level == "..")
      return "must not be '.' or '..', nor have such a part";
  }
  return std::nullopt;
}

}  // namespace mqtt_bridge
