#include "exchange/calls.hpp"

#include <algorithm>
#include <utility>

namespace mqtt_bridge {
namespace {

std::size_t bytes_of(const Ended& ended) {
  if (const auto* const answer = std::get_if<Answer>(&ended.outcome))
    return answer->payload.size() + answer->responder.size() + answer->content_type.size();
  const auto& failure = std::get<Failure>(ended.outcome);
  return failure.detail.size() + failure.response.size();
}

/// Nothing can have been published for it.
bool may_be_sent_again(const Ended& ended) {
  return std::holds_alternative<Failure>(ended.outcome) && !ended.may_be_carried_out &&
         describe(std::get<Failure>(ended.outcome).problem).retryable == Retryable::yes;
}

}  // namespace

void Calls::begin(const CallId& id, Call call) {
  waiting_bytes_ += call.bytes;
  if (call.key)
    by_key_.emplace(*call.key, id);
  calls_.emplace(id, std::move(call));
}

void Calls::take_up_ended(const CallId& id, Call call) {
  const Outcome outcome = std::exchange(call.outcome, {});
  begin(id, std::move(call));
  end(id, outcome, outcome->ended);
}

std::variant<const Calls::Call*, Calls::Gone, Calls::Unknown> Calls::find(
    const CallId& id, const Digest& owner) const {
  if (const auto found = calls_.find(id); found != calls_.end()) {
    if (found->second.owner == owner)
      return &found->second;
    return Unknown{};
  }
  const auto gone = gone_.find(id);
  if (gone != gone_.end() && gone->second == owner)
    return Gone{};
  return Unknown{};
}

const Calls::Call* Calls::find(const CallId& id) const {
  const auto found = calls_.find(id);
  return found != calls_.end() ? &found->second : nullptr;
}

std::optional<CallId> Calls::with_key(const Digest& key) const {
  const auto found = by_key_.find(key);
  return found != by_key_.end() ? std::optional(found->second) : std::nullopt;
}

void Calls::attach(const CallId& id, ExchangeId exchange) {
  if (const auto found = calls_.find(id); found != calls_.end())
    found->second.exchange = exchange;
}

void Calls::wait(const CallId& id, WaiterId waiter) {
  waiters_[id].push_back(waiter);
}

void Calls::leave(const CallId& id, WaiterId waiter) {
  const auto found = waiters_.find(id);
  if (found == waiters_.end())
    return;
  std::erase(found->second, waiter);
  if (found->second.empty())
    waiters_.erase(found);
}

std::vector<WaiterId> Calls::take_waiters(const CallId& id) {
  auto waiters = waiters_.extract(id);
  return waiters.empty() ? std::vector<WaiterId>() : std::move(waiters.mapped());
}

std::vector<WaiterId> Calls::end(const CallId& id, Outcome outcome, Instant now) {
  const auto found = calls_.find(id);
  if (found == calls_.end() || found->second.outcome)
    return {};
  Call& call = found->second;
  waiting_bytes_ -= call.bytes;
  kept_bytes_ += bytes_of(*outcome);
  if (may_be_sent_again(*outcome))
    leave_key(call);
  call.outcome = std::move(outcome);
  by_age_.emplace_back(now, id);
  auto waiters = take_waiters(id);
  while (kept() > bounds_.kept || kept_bytes_ > bounds_.kept_bytes)
    drop(by_age_.front().second);
  return waiters;
}

std::vector<WaiterId> Calls::forget(const CallId& id) {
  const auto found = calls_.find(id);
  if (found == calls_.end())
    return {};
  Call& call = found->second;
  leave_key(call);
  if (call.outcome) {
    kept_bytes_ -= bytes_of(*call.outcome);
    if (by_age_.front().second == id)
      by_age_.pop_front();
    else
      std::erase_if(by_age_, [&id](const auto& each) { return each.second == id; });
  } else {
    waiting_bytes_ -= call.bytes;
  }
  calls_.erase(found);
  return take_waiters(id);
}

std::vector<WaiterId> Calls::give_up(const CallId& id, Outcome outcome, Instant now) {
  const auto found = calls_.find(id);
  if (found == calls_.end())
    return {};
  Call& call = found->second;
  if (!call.outcome)
    return end(id, std::move(outcome), now);
  kept_bytes_ += bytes_of(*outcome);
  kept_bytes_ -= bytes_of(*std::exchange(call.outcome, std::move(outcome)));
  return {};
}

void Calls::drop(const CallId& id) {
  const Call* const call = find(id);
  if (call == nullptr)
    return;
  remember_gone(id, call->owner);
  dropped_.push_back(id);
  forget(id);
}

void Calls::leave_key(Call& call) {
  if (const auto key = std::exchange(call.key, {}))
    by_key_.erase(*key);
}

void Calls::remember_gone(const CallId& id, const Digest& owner) {
  gone_.emplace(id, owner);
  gone_by_age_.push_back(id);
  if (gone_by_age_.size() <= bounds_.gone)
    return;
  gone_.erase(gone_by_age_.front());
  gone_by_age_.pop_front();
}

void Calls::expire(Instant now) {
  while (!by_age_.empty() && is_due(by_age_.front().first + bounds_.age, now))
    drop(by_age_.front().second);
}

std::optional<Instant> Calls::next_deadline() const {
  if (by_age_.empty())
    return std::nullopt;
  return by_age_.front().first + bounds_.age;
}

}  // namespace mqtt_bridge
