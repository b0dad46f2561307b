// The path of a route: `/z2m/{device}/{attribute...}`. `{x}` stands for one segment, `{x...}`, at
// the end, for the rest, which is one segment at least. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mqtt_bridge {

struct PathPattern {
  enum class Kind { literal, one, rest };
  struct Segment {
    std::string text;  // or the name of the variable
    Kind kind;
  };

  std::vector<Segment> segments;  // the first is a literal

  std::vector<std::string> variables() const;
};

/// The pattern, or what is wrong with it, as a sentence.
std::variant<PathPattern, std::string> parse_path_pattern(std::string_view text);

/// The values of a path's variables, in the order of the pattern.
using PathValues = std::vector<std::pair<std::string, std::string>>;

/// Of a path that is known to be the pattern's, percent-decoded.
PathValues values_in(const PathPattern& pattern, std::string_view path);

/// Why `value` cannot stand for a variable: it would be a wildcard, an empty level or a thing that
/// brokers do not take (MQTT 5.0 4.7.1, 1.5.4), or a proxy would read the path differently (RFC
/// 3986 3.3). As the end of a sentence: "must not ...".
std::optional<std::string> why_not_path_value(std::string_view value, PathPattern::Kind kind);

}  // namespace mqtt_bridge
