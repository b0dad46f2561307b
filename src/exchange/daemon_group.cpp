#include "exchange/daemon_group.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/limits/exchange.hpp"
#include "exchange/topic.hpp"

namespace mqtt_bridge {

std::string daemon_status_message(const DaemonStatus& status) {
  return nlohmann::ordered_json{{"takes_turns", status.takes_turns}, {"id_range", status.id_range}}
      .dump();
}

std::optional<DaemonStatus> parse_daemon_status(std::string_view payload) {
  if (payload.size() > limits::birth_bytes)
    return std::nullopt;
  constexpr bool throws = false;
  const auto json = nlohmann::json::parse(payload, nullptr, throws);
  if (!json.is_object())
    return std::nullopt;
  const auto turns = json.find("takes_turns");
  const auto range = json.find("id_range");
  if (turns == json.end() || !turns->is_boolean() || range == json.end() ||
      !range->is_number_unsigned() || range->get<std::uint64_t>() >= limits::id_ranges)
    return std::nullopt;
  return DaemonStatus{turns->get<bool>(), range->get<unsigned>()};
}

DaemonGroup::DaemonGroup(std::string name, std::string client_id, Turns turns, Duration turn_rest)
    : name_(std::move(name)),
      client_id_(std::move(client_id)),
      turn_rest_(turn_rest),
      status_{turns == Turns::are_taken,
              static_cast<unsigned>(std::hash<std::string>{}(client_id_) % limits::id_ranges)} {}

std::string DaemonGroup::topic_of(std::string_view client_id) const {
  return "mqtt-bridge/" + name_ + "/" + std::string(client_id) + "/status";
}

void DaemonGroup::link_up() {
  is_settled_ = false;
  is_due_ = true;
}

/// The others that are still there are heard of again.
void DaemonGroup::link_down(Instant now) {
  if (std::any_of(others_.begin(), others_.end(),
                  [](const auto& each) { return each.second.takes_turns; }))
    turns_of_another_ = now;
  others_.clear();
  has_too_many_others_ = false;
  is_settled_ = false;
  is_due_ = false;
}

std::optional<std::string> DaemonGroup::next_message() {
  if (!std::exchange(is_due_, false))
    return std::nullopt;
  return daemon_status_message(status_);
}

bool DaemonGroup::heard(std::string_view topic, std::string_view payload, bool is_retained,
                        Instant now) {
  const auto levels = levels_of(topic);
  if (levels.size() != 4 || levels[0] != "mqtt-bridge" || levels[1] != name_ ||
      levels[3] != "status")
    return false;
  if (levels[2] == client_id_)
    heard_itself(payload, is_retained);
  else
    heard_of(levels[2], payload, now);
  return true;
}

/// What is retained may be of an earlier run, or of an earlier connection, as is a will.
void DaemonGroup::heard_itself(std::string_view payload, bool is_retained) {
  if (is_retained)
    return;
  if (parse_daemon_status(payload) != status_) {
    is_due_ = is_settled_;  // else it is on its way
    return;
  }
  if (is_range_taken())
    return take_another_range();
  is_settled_ = true;
}

void DaemonGroup::heard_of(std::string_view client_id, std::string_view payload, Instant now) {
  const auto before = others_.find(client_id);
  if (before != others_.end() && before->second.takes_turns)
    turns_of_another_ = now;
  const auto status = parse_daemon_status(payload);
  if (!status) {
    if (before != others_.end())
      others_.erase(before);
    return;
  }
  if (before == others_.end() && others_.size() >= limits::group_members) {
    has_too_many_others_ = true;
    return;
  }
  others_.insert_or_assign(std::string(client_id), *status);
  // It came later, and takes another one, unless the broker's nodes disagree about that.
  if (is_settled_ && status->id_range == status_.id_range && client_id < client_id_)
    take_another_range();
}

void DaemonGroup::take_another_range() {
  do {
    status_.id_range = (status_.id_range + 1) % limits::id_ranges;
  } while (is_range_taken());
  is_due_ = true;
}

bool DaemonGroup::is_range_taken() const {
  return std::any_of(others_.begin(), others_.end(),
                     [this](const auto& each) { return each.second.id_range == status_.id_range; });
}

std::optional<Instant> DaemonGroup::next_deadline(Instant now) const {
  const bool is_ahead = turns_of_another_ && now < *turns_of_another_ + turn_rest_;
  return is_ahead ? std::optional(*turns_of_another_ + turn_rest_) : std::nullopt;
}

std::optional<std::string> DaemonGroup::why_no_turns(Instant now) const {
  const auto other = std::find_if(others_.begin(), others_.end(),
                                  [](const auto& each) { return each.second.takes_turns; });
  const std::string of_the_group = "of the group '" + name_ + "'";
  if (!status_.takes_turns) {
    return other == others_.end()
               ? "none of the daemons " + of_the_group + " that are there takes turns"
               : "the daemon '" + other->first + "' " + of_the_group + " takes the turns";
  }
  if (has_too_many_others_)
    return "there are too many daemons " + of_the_group + " to know who takes turns";
  if (other != others_.end())
    return "the daemon '" + other->first + "' " + of_the_group +
           " takes turns, too (--takes-turns); only one of them may";
  if (turns_of_another_ && now < *turns_of_another_ + turn_rest_)
    return "another daemon " + of_the_group +
           " took turns just now, and answers to it may still come";
  return std::nullopt;
}

}  // namespace mqtt_bridge
