// The actions that the protocol defines, and their spelling in topics, URLs and on the command
// line. Values; no state.
#pragma once

#include <array>
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

/// Nothing when `name` is not exactly one of the five spellings (case matters, as in topics).
constexpr std::optional<Action> parse_action(std::string_view name) {
  for (const Action action : all_actions) {
    if (to_string(action) == name)
      return action;
  }
  return std::nullopt;
}

}  // namespace mqtt_bridge
