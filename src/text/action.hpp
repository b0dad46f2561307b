// The five actions that the protocol defines, and their spelling in topics, URLs and on the command
// line; and what other names an operator may add. Values; no state.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace mqtt_bridge {

enum class Action { uppercase, lowercase, title_case, reverse, shuffle };

inline constexpr std::array all_actions{Action::uppercase, Action::lowercase, Action::title_case,
                                        Action::reverse, Action::shuffle};

constexpr std::string_view to_string(Action action) {
  switch (action) {
    case Action::uppercase:
      return "uppercase";
    case Action::lowercase:
      return "lowercase";
    case Action::title_case:
      return "title-case";
    case Action::reverse:
      return "reverse";
    case Action::shuffle:
      return "shuffle";
  }
  return {};
}

/// Whether it changes the case of letters, and not their order.
constexpr bool is_case_action(Action action) {
  switch (action) {
    case Action::uppercase:
    case Action::lowercase:
    case Action::title_case:
      return true;
    case Action::reverse:
    case Action::shuffle:
      break;
  }
  return false;
}

/// Nothing when `name` is not exactly one of the five spellings (case matters, as in topics).
constexpr std::optional<Action> parse_action(std::string_view name) {
  for (const Action action : all_actions) {
    if (to_string(action) == name)
      return action;
  }
  return std::nullopt;
}

/// Whether an action may have this name: 1 to 64 of `A-Z a-z 0-9 - . _`, so that it is one level of
/// a topic and one segment of a path as it stands.
constexpr bool is_action_name(std::string_view name) {
  constexpr std::size_t longest = 64;
  if (name.empty() || name.size() > longest)
    return false;
  for (const char c : name) {
    const bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const bool is_other = (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    if (!is_letter && !is_other)
      return false;
  }
  return true;
}

}  // namespace mqtt_bridge
