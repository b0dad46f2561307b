#include "exchange/calls.hpp"

#include <algorithm>
#include <utility>

namespace mqtt_bridge {
namespace {

std::size_t bytes_of(const Ended& ended) {
  if (const auto* const answer = std::get_if<Answer>(&ended.outcome))
    return answer->payload.size() + answer->responder.size();
  return std::get<Failure>(ended.outcome).detail.size();
}

}  // namespace

CallId Calls::begin(ExchangeId exchange, Keep keep) {
  const CallId call = ++last_call_;
  running_.emplace(exchange, Running{call, keep, {}});
  exchanges_.emplace(call, exchange);
  return call;
}

std::variant<Calls::Waits, Calls::Outcome, Calls::Unknown> Calls::wait(CallId call,
                                                                       WaiterId waiter) {
  if (const auto exchange = exchanges_.find(call); exchange != exchanges_.end()) {
    running_.at(exchange->second).waiters.push_back(waiter);
    waiters_.emplace(waiter, exchange->second);
    return Waits{};
  }
  if (const auto kept = kept_.find(call); kept != kept_.end())
    return kept->second.outcome;
  return Unknown{};
}

bool Calls::leave(WaiterId waiter) {
  const auto exchange = waiters_.find(waiter);
  if (exchange == waiters_.end())
    return false;
  Running& running = running_.at(exchange->second);
  std::erase(running.waiters, waiter);
  waiters_.erase(exchange);
  return running.waiters.empty() && running.keep == Keep::nothing;
}

std::vector<WaiterId> Calls::end(const Outcome& ended, Instant now) {
  auto entry = running_.extract(ended->exchange);
  if (entry.empty())
    return {};
  Running running = std::move(entry.mapped());
  exchanges_.erase(running.call);
  for (const WaiterId waiter : running.waiters)
    waiters_.erase(waiter);
  if (running.keep == Keep::outcome)
    keep(running.call, ended);
  expire(now);
  return std::move(running.waiters);
}

void Calls::keep(CallId call, const Outcome& ended) {
  const std::size_t bytes = bytes_of(*ended);
  kept_.emplace(call, Kept{ended, bytes});
  by_age_.push_back(call);
  kept_bytes_ += bytes;
  while (kept_.size() > bounds_.outcomes || kept_bytes_ > bounds_.bytes)
    drop_oldest();
}

void Calls::drop_oldest() {
  const auto oldest = kept_.find(by_age_.front());
  kept_bytes_ -= oldest->second.bytes;
  kept_.erase(oldest);
  by_age_.pop_front();
}

void Calls::expire(Instant now) {
  while (const auto next = next_deadline()) {
    if (!is_due(*next, now))
      return;
    drop_oldest();
  }
}

std::optional<Instant> Calls::next_deadline() const {
  if (by_age_.empty())
    return std::nullopt;
  return kept_.at(by_age_.front()).outcome->ended + bounds_.age;
}

}  // namespace mqtt_bridge
