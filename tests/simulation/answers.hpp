// What a responder answers to an action, and which answers are right. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/instant.hpp"
#include "base/problem.hpp"
#include "exchange/call.hpp"
#include "simulation/broker.hpp"
#include "text/transform.hpp"

namespace mqtt_bridge::simulation {

constexpr std::string_view own_action = "translate";

/// How a responder maps letters: as ICU does, ASCII alone, or in a way of its own.
enum class Letters { full, ascii, own };

inline std::string answer_of(std::string_view action, const std::string& request, Letters letters,
                             Schedule& schedule) {
  const auto known = parse_action(action);
  if (!known)
    return "<" + request + ">";
  if (letters == Letters::full || *known == Action::shuffle || *known == Action::title_case)
    return transform(*known, request,
                     [&schedule](std::uint32_t bound) { return schedule.below(bound); });
  std::string answer = request;
  if (*known == Action::reverse) {
    std::reverse(answer.begin(), answer.end());
    return answer;
  }
  const char from = *known == Action::uppercase ? 'a' : 'A';
  for (char& c : answer) {
    if (c >= from && c <= from + 25)
      c = static_cast<char>(c ^ 0x20);
  }
  constexpr std::string_view sharp_s = "\u00df";
  if (const auto at = answer.find(sharp_s); letters == Letters::own && at != std::string::npos)
    answer.replace(at, sharp_s.size(), "\u1e9e");
  return answer;
}

/// Without a look at the rules by which the table matches.
inline bool is_right(std::string_view action, const std::string& request, std::string answer) {
  if (action == "shuffle") {
    std::string sorted = request;
    std::sort(sorted.begin(), sorted.end());
    std::sort(answer.begin(), answer.end());
    return answer == sorted;
  }
  constexpr std::array all_letters{Letters::full, Letters::ascii, Letters::own};
  Schedule schedule(0);
  return std::ranges::any_of(all_letters, [&](Letters letters) {
    return answer_of(action, request, letters, schedule) == answer;
  });
}

}  // namespace mqtt_bridge::simulation
