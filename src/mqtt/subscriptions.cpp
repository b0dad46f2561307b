#include "mqtt/subscriptions.hpp"

#include <algorithm>

namespace mqtt_bridge {

Subscriptions::Subscriptions(TopicFilters filters, TopicFilters optional)
    : filters_(std::move(filters)), optional_(std::move(optional)) {}

// Which filters ---------------------------------------------------------------------------------

void Subscriptions::set(TopicFilters filters, TopicFilters optional, Instant until) {
  const auto before = std::exchange(filters_, std::move(filters));
  optional_ = std::move(optional);
  for (auto& [_, left] : leaving_)
    left = left.without(filters_);
  auto gone = before.without(filters_);
  if (!gone.empty())
    leaving_.emplace(until, std::move(gone));
  std::erase_if(leaving_, [](const auto& each) { return each.second.empty(); });
  if (is_connected_)
    to_ask_.append(filters_.without(before).without(to_ask_));
  forget_refused_that_are_not_wanted();
}

void Subscriptions::forget_refused_that_are_not_wanted() {
  const auto is_not_wanted = [this](const auto& filter) { return !filters_.contains(filter); };
  refused_changed_ |= std::erase_if(refused_, is_not_wanted) > 0;
}

bool Subscriptions::is_leaving(const std::string& filter) const {
  return std::any_of(leaving_.begin(), leaving_.end(),
                     [&](const auto& each) { return each.second.contains(filter); });
}

void Subscriptions::add(const std::string& filter, Echo echo) {
  added_.insert_or_assign(filter, echo);
  if (is_connected_)
    to_ask_again_.push_back(filter);
}

bool Subscriptions::remove(const std::string& filter) {
  std::erase(to_ask_again_, filter);
  return added_.erase(filter) > 0 && !filters_.contains(filter);
}

std::optional<Subscriptions::Answer> Subscriptions::next_answer_to_added() {
  if (answers_to_added_.empty())
    return std::nullopt;
  Answer answer = std::move(answers_to_added_.front());
  answers_to_added_.pop_front();
  return answer;
}

// Asking ----------------------------------------------------------------------------------------

void Subscriptions::connected() {
  disconnected();
  is_connected_ = true;
  // Always: a session that the broker kept may be older than our subscriptions, and the births of
  // responders come again with them.
  to_ask_ = filters_;
  to_ask_.append(optional_);
  for (const auto& [until, filters] : leaving_)
    to_ask_.append(filters);
  for (const auto& [filter, echo] : added_)
    to_ask_again_.push_back(filter);
  refused_changed_ |= !refused_.empty();
  refused_.clear();
}

void Subscriptions::disconnected() {
  is_connected_ = false;
  to_ask_ = {};
  to_ask_again_.clear();
  asked_.clear();
  probes_ = false;
  grants_again_ = false;
}

std::optional<Subscriptions::Asking> Subscriptions::next_subscribe(Instant now) {
  if ((to_ask_.empty() && to_ask_again_.empty()) || asked_.size() >= asked_at_once)
    return std::nullopt;
  std::string filter;
  if (to_ask_again_.empty()) {
    filter = to_ask_.take_first();
  } else {
    filter = std::move(to_ask_again_.front());
    to_ask_again_.pop_front();
  }
  const auto asked = asked_.emplace(++last_asked_, std::move(filter)).first;
  asked_at_ = now;
  const auto added = added_.find(asked->second);
  const bool is_added = added != added_.end();
  return Asking{asked->first, asked->second, std::exchange(probes_, false), is_added,
                is_added ? added->second : Echo::sent};
}

void Subscriptions::probe() {
  probes_ = true;
  to_ask_again_.push_front(filters_.first());
}

bool Subscriptions::answered(std::uint64_t id, int reason_code) {
  const auto asked = asked_.extract(id);
  if (asked.empty())
    return false;
  // MQTT 5.0 3.9.3: below 0x80 it is the QoS granted. One that we did not ask for is none.
  const bool is_granted = reason_code == 0 || reason_code == 1;
  if (added_.contains(asked.mapped()))
    answers_to_added_.push_back({asked.mapped(), is_granted});
  else if (is_granted)
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
  if (is_leaving(filter) || refused_.contains(filter))
    return;
  refusals_.push_back(filter);
  if (filters_.contains(filter))
    refused_changed_ |= refused_.insert(filter).second;
}

void Subscriptions::ask_refused_again() {
  auto next = refused_.upper_bound(asked_again_);
  for (std::size_t i = 0; i < std::min(refused_.size(), asked_at_once); ++i) {
    if (next == refused_.end())
      next = refused_.begin();
    asked_again_ = *next;
    to_ask_again_.push_back(*next++);
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
  if (leaving_.empty())
    return std::nullopt;
  const auto first = leaving_.begin();
  if (expects_answers && now < first->first)
    return std::nullopt;
  std::string filter = first->second.take_first();
  if (first->second.empty())
    leaving_.erase(first);
  return filter;
}

}  // namespace mqtt_bridge
