#include "route/route.hpp"

#include <algorithm>

namespace mqtt_bridge {
namespace {

bool is_like(std::string_view value, std::string_view pattern) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos)
    return value == pattern;
  if (!value.starts_with(pattern.substr(0, star)))
    return false;
  value.remove_prefix(star);
  pattern.remove_prefix(star);
  // What is between two stars is taken where it first is; what is after the last one, at the end.
  while (!pattern.empty()) {
    pattern.remove_prefix(1);
    const std::size_t next = pattern.find('*');
    const std::string_view text = pattern.substr(0, next);
    if (next == std::string_view::npos)
      return value.ends_with(text);
    const std::size_t at = value.find(text);
    if (at == std::string_view::npos)
      return false;
    value.remove_prefix(at + text.size());
    pattern.remove_prefix(next);
  }
  return true;
}

}  // namespace

bool Route::allows(std::string_view method) const {
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

std::string_view to_string(Route::Linked linked) {
  switch (linked) {
    case Route::Linked::by_topic:
      return "topic";
    case Route::Linked::by_id:
      return "id";
    case Route::Linked::by_turn:
      return "turns";
    case Route::Linked::not_at_all:
      return "one-way";
  }
  return {};
}

bool is_allowed_value(std::string_view value, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [value](const std::string& pattern) { return is_like(value, pattern); });
}

}  // namespace mqtt_bridge
