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
// Actions whose answers have a key: an id at the end of their topic, or in their JSON.
constexpr std::string_view keyed_by_topic = "read";
constexpr std::string_view keyed_by_id = "call";

/// Where a client subscribes for requests or responses.
inline std::string filter_of(const std::string& topic, std::string_view action) {
  return action == keyed_by_topic ? topic + "/+" : topic;
}

/// Takes the id off the end of a topic, with its slash; nothing where there is none.
inline std::string take_id(std::string& topic) {
  for (const std::string_view end : {"/request/", "/response/"}) {
    if (const auto at = topic.find(end); at != std::string::npos) {
      std::string id = topic.substr(at + end.size() - 1);
      topic.erase(at + end.size() - 1);
      return id;
    }
  }
  return {};
}

/// How a responder maps letters: as ICU does, ASCII alone, or in a way of its own.
enum class Letters { full, ascii, own };

inline std::string answer_of(std::string_view action, const std::string& request, Letters letters,
                             Schedule& schedule) {
  const auto known = parse_action(action);
  if (action == keyed_by_id)
    return R"({"re":)" + request + "}";
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
