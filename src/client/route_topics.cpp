#include "client/route_topics.hpp"

#include <algorithm>
#include <cstddef>
#include <variant>
#include <vector>

#include "route/path_pattern.hpp"

namespace mqtt_bridge {
namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(path.starts_with('/') ? 1 : 0);
  while (true) {
    const std::size_t end = path.find('/');
    segments.push_back(path.substr(0, end));
    if (end == std::string_view::npos)
      return segments;
    path.remove_prefix(end + 1);
  }
}

bool is_of(const PathPattern& pattern, std::string_view path) {
  const auto segments = segments_of(path);
  const bool has_rest = pattern.segments.back().kind == PathPattern::Kind::rest;
  const std::size_t count = pattern.segments.size();
  if (has_rest ? segments.size() < count : segments.size() != count)
    return false;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [text, kind] = pattern.segments[i];
    if (kind == PathPattern::Kind::literal && text != segments[i])
      return false;
  }
  return true;
}

/// Nothing: it has a variable of another kind.
std::optional<std::string> fill(std::string_view level, const PathValues& values) {
  std::string filled;
  while (true) {
    const std::size_t begin = level.find('{');
    filled += level.substr(0, begin);
    if (begin == std::string_view::npos)
      return filled;
    const std::size_t end = level.find('}', begin);
    if (end == std::string_view::npos)
      return std::nullopt;
    std::string_view name = level.substr(begin + 1, end - begin - 1);
    name.remove_suffix(name.ends_with("...") ? 3 : 0);
    const auto value = std::find_if(values.begin(), values.end(),
                                    [name](const auto& each) { return each.first == name; });
    if (value == values.end())
      return std::nullopt;
    filled += value->second;
    level.remove_prefix(end + 1);
  }
}

}  // namespace

std::optional<std::string> topic_filter_of(std::string_view text, std::string_view pattern_text,
                                           std::string_view path) {
  const auto parsed = parse_path_pattern(pattern_text);
  const auto* const pattern = std::get_if<PathPattern>(&parsed);
  path = path.substr(0, path.find('?'));
  if (pattern == nullptr || !is_of(*pattern, path))
    return std::nullopt;
  const PathValues values = values_in(*pattern, path);
  std::string filter;
  for (const std::string_view level : segments_of(text))
    filter += (filter.empty() ? "" : "/") + fill(level, values).value_or("+");
  return filter;
}

}  // namespace mqtt_bridge
