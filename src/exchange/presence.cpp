#include "exchange/presence.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/limits/call.hpp"
#include "base/limits/exchange.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {

std::string birth_message(std::string_view id, const std::vector<std::string>& actions,
                          Correlates correlates) {
  nlohmann::ordered_json birth{{"id", id}, {"actions", actions}};
  if (correlates == Correlates::yes)
    birth["correlates"] = true;
  return birth.dump();
}

Correlates correlates(std::string_view birth_message) {
  constexpr bool throws = false;
  const auto birth = nlohmann::json::parse(birth_message, nullptr, throws);
  const bool says_so = birth.is_object() && birth.value("correlates", nlohmann::json()) == true;
  return says_so ? Correlates::yes : Correlates::perhaps;
}

std::optional<std::vector<std::string>> parse_birth_message(std::string_view payload) {
  if (payload.size() > limits::birth_bytes)
    return std::nullopt;
  constexpr bool throws = false;
  const auto birth = nlohmann::json::parse(payload, nullptr, throws);
  if (!birth.is_object() || !birth.contains("actions") || !birth["actions"].is_array())
    return std::nullopt;
  if (birth["actions"].size() > limits::birth_actions)
    return std::nullopt;
  std::vector<std::string> actions;
  for (const auto& element : birth["actions"]) {
    const auto* const action = element.get_ptr<const std::string*>();
    if (action == nullptr || !is_action_name(*action))
      return std::nullopt;
    if (std::find(actions.begin(), actions.end(), *action) == actions.end())
      actions.push_back(*action);
  }
  return actions;
}

std::vector<std::string> Presence::announced(std::string_view id,
                                             const std::vector<std::string>& actions, Heard heard,
                                             Instant now, Correlates correlates) {
  hears_retained_ = hears_retained_ || heard == Heard::retained;
  std::vector<std::string> fresh;
  std::copy_if(actions.begin(), actions.end(), std::back_inserter(fresh), [&](const auto& action) {
    return std::none_of(responders_.begin(), responders_.end(), [&](const auto& responder) {
      return responder.second.state == State::here && responder.second.actions.contains(action);
    });
  });
  if (responders_.size() >= limits::responders && !responders_.contains(id))
    make_room();
  if (responders_.size() >= limits::responders && !responders_.contains(id)) {
    is_incomplete_ = true;
    return fresh;
  }
  const auto before = responders_.find(id);
  const bool was_here = before != responders_.end() && before->second.state != State::gone;
  const Instant since = was_here ? before->second.since : now;
  responders_.insert_or_assign(
      std::string(id), Responder{State::here, {actions.begin(), actions.end()}, since, correlates});
  for (auto& [action, answered] : unannounced_) {
    if (const auto found = answered.find(id); found != answered.end())
      answered.erase(found);
  }
  return fresh;
}

std::vector<std::string> Presence::gone(std::string_view id, Instant now) {
  const auto responder = responders_.find(id);
  if (responder == responders_.end() || responder->second.state == State::gone)
    return {};
  responder->second.state = State::gone;
  responder->second.since = now;
  return {responder->second.actions.begin(), responder->second.actions.end()};
}

std::vector<std::string> Presence::unserved_of(const Responder& responder, Instant now) const {
  std::vector<std::string> unserved;
  std::copy_if(responder.actions.begin(), responder.actions.end(), std::back_inserter(unserved),
               [&](const auto& action) { return is_unserved(action, now); });
  return unserved;
}

void Presence::answered(std::string_view action, std::string_view id, Instant now) {
  if (!answered_.contains(action) && answered_.size() < limits::responders)
    answered_.emplace(action);
  if (id.empty() ? is_here(action) : responders_.contains(id))
    return;
  if (unannounced_.size() >= limits::responders && !unannounced_.contains(action)) {
    is_incomplete_ = true;
    return;
  }
  auto& answered = unannounced_[std::string(action)];
  const bool is_known = answered.contains(id);
  const bool has_room = answered.size() < limits::responders && id.size() <= limits::netid_bytes;
  answered.insert_or_assign(std::string(is_known || has_room ? id : ""), now);
}

void Presence::session_lost(Instant until) {
  for (auto& [id, responder] : responders_) {
    if (responder.state == State::gone)
      continue;
    responder.state = State::doubtful;
    doubtful_until_ = until;
  }
}

std::vector<std::string> Presence::expire(Instant now) {
  if (!doubtful_until_ || now < *doubtful_until_)
    return {};
  doubtful_until_.reset();
  if (!hears_retained_)
    return {};
  std::vector<std::string> unserved;
  for (auto& [id, responder] : responders_) {
    if (responder.state != State::doubtful)
      continue;
    responder.state = State::gone;
    responder.since = now;
    std::ranges::move(unserved_of(responder, now), std::back_inserter(unserved));
  }
  return unserved;
}

std::vector<std::string> Presence::unserved(Instant now) const {
  std::set<std::string> unserved;
  for (const auto& [id, responder] : responders_) {
    for (auto& action : unserved_of(responder, now))
      unserved.insert(std::move(action));
  }
  return {unserved.begin(), unserved.end()};
}

bool Presence::is_unserved(std::string_view action, Instant now) const {
  if (is_incomplete_ || !is_announced(action))
    return false;
  const auto unannounced = unannounced_.find(action);
  if (unannounced != unannounced_.end() &&
      std::any_of(unannounced->second.begin(), unannounced->second.end(),
                  [now](const auto& each) { return now < each.second + limits::memory_age; })) {
    return false;
  }
  return !is_here(action);
}

bool Presence::is_here(std::string_view action) const {
  return std::any_of(responders_.begin(), responders_.end(), [action](const auto& responder) {
    return responder.second.state != State::gone && responder.second.actions.contains(action);
  });
}

bool Presence::is_correlated(std::string_view action) const {
  const auto others = unannounced_.find(action);
  if (is_incomplete_ || (others != unannounced_.end() && !others->second.empty()))
    return false;
  return is_here(action) &&
         std::all_of(responders_.begin(), responders_.end(), [&](const auto& each) {
           const Responder& responder = each.second;
           return responder.state == State::gone || !responder.actions.contains(action) ||
                  responder.correlates == Correlates::yes;
         });
}

bool Presence::is_unheard_of(std::string_view action) const {
  return !is_announced(action) && !answered_.contains(action);
}

std::vector<KnownResponder> Presence::known() const {
  std::vector<KnownResponder> known;
  for (const auto& [id, responder] : responders_) {
    known.push_back({id,
                     {responder.actions.begin(), responder.actions.end()},
                     responder.state != State::gone,
                     responder.since});
  }
  return known;
}

std::size_t Presence::count_here() const {
  return static_cast<std::size_t>(
      std::count_if(responders_.begin(), responders_.end(),
                    [](const auto& each) { return each.second.state != State::gone; }));
}

bool Presence::is_announced(std::string_view action) const {
  return std::any_of(responders_.begin(), responders_.end(), [&](const auto& responder) {
    return responder.second.actions.contains(action);
  });
}

/// Forgets a responder that is gone. That leaves at most an action in doubt.
void Presence::make_room() {
  const auto found = std::find_if(responders_.begin(), responders_.end(), [](const auto& each) {
    return each.second.state == State::gone;
  });
  if (found != responders_.end())
    responders_.erase(found);
}

}  // namespace mqtt_bridge
