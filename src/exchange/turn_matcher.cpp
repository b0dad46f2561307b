#include "exchange/turn_matcher.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/limits/exchange.hpp"

namespace mqtt_bridge {

void TurnMatcher::leave(ExchangeId exchange, std::string correlation, Owed owed, Instant now,
                        Duration rest) {
  if (published_.erase(exchange) == 0) {
    queue_.erase(std::find(queue_.begin(), queue_.end(), exchange));
    return;
  }
  if (owed == Owed::nothing)
    return;
  expect_late_answer(now, rest);
  unanswered_.push_back(std::move(correlation));
  if (unanswered_.size() > limits::turn_answers)
    unanswered_.pop_front();
  // Responses came without correlation data, and this request got none with it: the responder
  // is another one now.
  if (had_uncorrelated_)
    correlates_ = false;
}

bool TurnMatcher::take_late(std::string_view correlation) {
  return std::erase(unanswered_, correlation) > 0;
}

std::optional<ExchangeId> TurnMatcher::next(Instant now) {
  if (queue_.empty())
    return std::nullopt;
  if (!correlates_ && (!published_.empty() || rests_until(now)))
    return std::nullopt;
  const ExchangeId exchange = queue_.front();
  queue_.pop_front();
  published_.insert(exchange);
  return exchange;
}

void TurnMatcher::correlates() {
  correlates_ = true;
  had_uncorrelated_ = false;
}

std::optional<ExchangeId> TurnMatcher::find(std::string_view response, bool duplicate,
                                            Instant now) {
  const std::size_t hash = std::hash<std::string_view>{}(response);
  if (duplicate && std::ranges::find(seen_, hash) != seen_.end())
    return std::nullopt;
  seen_.push_back(hash);
  if (seen_.size() > limits::turn_answers)
    seen_.pop_front();
  if (!correlates_ && !rests_until(now) && published_.size() == 1)
    return *published_.begin();
  unmatched.add(response);
  had_uncorrelated_ = true;
  if (published_.empty())
    late_answer_came();
  return std::nullopt;
}

std::optional<Instant> TurnMatcher::rests_until(Instant now) const {
  return !correlates_ && is_quarantined(now) ? quarantined_until_ : std::nullopt;
}

void TurnMatcher::expect_late_answer(Instant now, Duration rest) {
  if (!is_quarantined(now))
    owed_ = 0;
  if (owed_ != unknown)
    ++owed_;
  quarantined_until_ = std::max(now + rest, quarantined_until_.value_or(now));
}

void TurnMatcher::late_answer_came() {
  if (owed_ > 0 && owed_ != unknown)
    --owed_;
  if (owed_ == 0)
    quarantined_until_.reset();
}

bool TurnMatcher::is_idle(Instant now) const {
  return queue_.empty() && published_.empty() && !is_quarantined(now);
}

}  // namespace mqtt_bridge
