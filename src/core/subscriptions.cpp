#include "core/subscriptions.hpp"

#include <algorithm>

namespace mqtt_bridge {

Subscriptions::Subscriptions(std::vector<std::string> filters, std::vector<std::string> optional)
    : filters_(std::move(filters)),
      optional_(std::move(optional)),
      wanted_(filters_.begin(), filters_.end()) {}

// Which filters ---------------------------------------------------------------------------------

void Subscriptions::set(std::vector<std::string> filters, std::vector<std::string> optional,
                        Instant until) {
  const auto before = std::exchange(wanted_, {filters.begin(), filters.end()});
  filters_ = std::move(filters);
  optional_ = std::move(optional);
  for (const auto& filter : wanted_) {
    stay(filter);
    if (is_connected_ && !before.contains(filter))
      to_ask_.push_back(filter);
  }
  for (const auto& filter : before) {
    if (!wanted_.contains(filter))
      leave(filter, until);
  }
}

void Subscriptions::leave(const std::string& filter, Instant until) {
  refused_changed_ |= refused_.erase(filter) > 0;
  stay(filter);
  leaving_.emplace(filter, until);
  leaving_in_time_.emplace(until, filter);
}

void Subscriptions::stay(const std::string& filter) {
  const auto leaving = leaving_.find(filter);
  if (leaving == leaving_.end())
    return;
  leaving_in_time_.erase({leaving->second, filter});
  leaving_.erase(leaving);
}

// Asking ----------------------------------------------------------------------------------------

void Subscriptions::connected() {
  disconnected();
  is_connected_ = true;
  // Always: a session that the broker kept may be older than our subscriptions, and the births of
  // responders come again with them.
  to_ask_.assign(filters_.begin(), filters_.end());
  to_ask_.insert(to_ask_.end(), optional_.begin(), optional_.end());
  for (const auto& [filter, until] : leaving_)
    to_ask_.push_back(filter);
  refused_changed_ |= !refused_.empty();
  refused_.clear();
}

void Subscriptions::disconnected() {
  is_connected_ = false;
  to_ask_.clear();
  asked_.clear();
  probes_ = false;
  grants_again_ = false;
}

std::optional<Subscriptions::Asking> Subscriptions::next_subscribe(Instant now) {
  if (to_ask_.empty() || asked_.size() >= asked_at_once)
    return std::nullopt;
  const auto asked = asked_.emplace(++last_asked_, std::move(to_ask_.front())).first;
  to_ask_.pop_front();
  asked_at_ = now;
  return Asking{asked->first, asked->second, std::exchange(probes_, false)};
}

void Subscriptions::probe() {
  probes_ = true;
  to_ask_.push_front(filters_.front());
}

bool Subscriptions::answered(std::uint64_t id, int reason_code) {
  const auto asked = asked_.extract(id);
  if (asked.empty())
    return false;
  // MQTT 5.0 3.9.3: below 0x80 it is the QoS granted. One that we did not ask for is none.
  if (reason_code == 0 || reason_code == 1)
    was_granted(asked.mapped());
  else
    was_refused(asked.mapped());
  if (is_settled() && std::exchange(grants_again_, false))
    ask_refused_again();
  return true;
}

void Subscriptions::was_granted(const std::string& filter) {
  if (refused_.erase(filter) == 0)
    return;
  refused_changed_ = true;
  grants_again_ = true;
}

void Subscriptions::was_refused(const std::string& filter) {
  if (leaving_.contains(filter) || refused_.contains(filter))
    return;
  refusals_.push_back(filter);
  if (wanted_.contains(filter))
    refused_changed_ |= refused_.insert(filter).second;
}

void Subscriptions::ask_refused_again() {
  auto next = refused_.upper_bound(asked_again_);
  for (std::size_t i = 0; i < std::min(refused_.size(), asked_at_once); ++i) {
    if (next == refused_.end())
      next = refused_.begin();
    asked_again_ = *next;
    to_ask_.push_back(*next++);
  }
}

std::optional<std::string> Subscriptions::next_refusal() {
  if (refusals_.empty())
    return std::nullopt;
  std::optional<std::string> refusal = std::move(refusals_.front());
  refusals_.pop_front();
  return refusal;
}

// Leaving ---------------------------------------------------------------------------------------

std::optional<std::string> Subscriptions::next_unsubscribe(bool expects_answers, Instant now) {
  if (leaving_in_time_.empty())
    return std::nullopt;
  const auto first = leaving_in_time_.begin();
  if (expects_answers && now < first->first)
    return std::nullopt;
  std::string filter = first->second;
  stay(filter);
  return filter;
}

}  // namespace mqtt_bridge
