// The input: a responder's birth message.
#include "exchange/presence.hpp"

#include <algorithm>

#include "base/limits/exchange.hpp"
#include "fuzz.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {

void fuzz(std::string_view input) {
  const auto actions = parse_birth_message(input);
  if (!actions)
    return;
  require(input.size() <= limits::birth_bytes && actions->size() <= limits::birth_actions,
          "a birth message keeps within its limits");
  require(std::all_of(actions->begin(), actions->end(), is_action_name), "actions have a name");
  require(std::set<std::string>(actions->begin(), actions->end()).size() == actions->size(),
          "an action is named once");
  require(parse_birth_message(birth_message("a", *actions)) == actions,
          "a birth message is read back");

  constexpr Instant now{};
  Presence presence;
  require(presence.announced("a", *actions) == *actions, "the first to announce an action is new");
  require(presence.announced("b", *actions).empty(), "the second is not");
  require(presence.gone("a").size() == actions->size() && presence.unserved(now).empty(),
          "while one responder is there, nothing is unserved");
  presence.gone("b");
  auto sorted = *actions;
  std::sort(sorted.begin(), sorted.end());
  require(presence.unserved(now) == sorted, "when all are gone, everything is unserved");
  for (const auto& action : *actions) {
    require(presence.is_unserved(action, now), "when all are gone, each action is unserved");
    presence.answered(action, "", now);
    require(!presence.is_unserved(action, now), "an action that somebody answers is not unserved");
  }
}

}  // namespace mqtt_bridge
