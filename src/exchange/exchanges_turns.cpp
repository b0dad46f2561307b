// Of the table of exchanges: calls that take turns on a response topic.
#include <utility>

#include "base/limits/exchange.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/failures.hpp"

namespace mqtt_bridge {

/// Whether it is hopeless to wait for a turn: another daemon takes them, or the topic rests for
/// longer than the call has.
std::optional<Failure> Exchanges::why_no_turn(TurnMatcher& matcher,
                                              const MqttRequest& request) const {
  if (link_ && link_->may_tell_subscribers && presence_.is_correlated(request.presence_key))
    matcher.correlates();  // in MQTT 5, as its responders say
  if (is_turn_of_another(matcher, request))
    return turns_elsewhere(request.response_topic, *company_->why_no_turns);
  const auto until = matcher.rests_until(request.arrived);
  if (!until || *until < request.deadline)
    return std::nullopt;
  return turn_pending(request.response_topic, *until - request.arrived);
}

bool Exchanges::is_turn_of_another(const TurnMatcher& matcher, const MqttRequest& request) const {
  return company_ && company_->why_no_turns && !request.is_topic_ours &&
         !matcher.is_known_to_correlate();
}

void Exchanges::set_company(std::optional<Company> company, Instant now) {
  company_ = std::move(company);
  end_all(now, [this](const Waiting& waiting) -> std::optional<Failure> {
    const MqttRequest& request = waiting.request;
    const auto matcher = turn_matchers_.find(request.response_topic);
    if (waiting.published || !takes_turns(request) || matcher == turn_matchers_.end() ||
        !is_turn_of_another(matcher->second, request))
      return std::nullopt;
    return turns_elsewhere(request.response_topic, *company_->why_no_turns);
  });
}

std::optional<TurnNote> Exchanges::next_turn_note() {
  if (turn_notes_.empty())
    return std::nullopt;
  TurnNote note = std::move(turn_notes_.front());
  turn_notes_.pop_front();
  return note;
}

/// Tells those that wait for a turn that they would wait in vain.
void Exchanges::end_hopeless(TurnMatcher& matcher, Instant now) {
  const auto until = matcher.rests_until(now);
  const auto queue = matcher.waiting();
  for (const ExchangeId exchange : queue) {
    const auto waiting = waiting_.find(exchange);
    if (until && waiting != waiting_.end() && waiting->second.request.deadline <= *until)
      end(waiting, turn_pending(waiting->second.request.response_topic, *until - now), now);
  }
}

/// The matcher of `topic`, or nothing when there are too many already.
TurnMatcher* Exchanges::turn_matcher(const std::string& topic, Instant now) {
  if (const auto matcher = turn_matchers_.find(topic); matcher != turn_matchers_.end())
    return &matcher->second;
  if (turn_matchers_.size() >= limits::turn_topics)
    std::erase_if(turn_matchers_,
                  [now](const auto& matcher) { return matcher.second.is_idle(now); });
  if (turn_matchers_.size() >= limits::turn_topics)
    return nullptr;
  const bool is_doubtful = now < doubtful_until_ && earlier_turns_.contains(topic);
  TurnMatcher& matcher =
      turn_matchers_
          .emplace(topic, TurnMatcher(is_doubtful ? std::optional(doubtful_until_) : std::nullopt))
          .first->second;
  remember_quarantine(topic, matcher);
  return &matcher;
}

void Exchanges::take_turns(const std::string& topic, TurnMatcher& matcher, Instant now) {
  while (const auto exchange = matcher.next(now)) {
    const MqttRequest& request = waiting_.at(*exchange).request;
    if (is_turn_of_another(matcher, request)) {
      end(waiting_.find(*exchange), turns_elsewhere(topic, *company_->why_no_turns), now);
      continue;
    }
    matcher.tests = request.tests;
    matcher.rules = request.rules;
    queue_for(request).insert(request.fairness_key, *exchange);
  }
  note_turns(topic, matcher);
}

/// Tells once when turns begin to matter on a topic, and when they no longer do.
void Exchanges::note_turns(const std::string& topic, TurnMatcher& matcher) {
  const bool takes_turns = !matcher.is_known_to_correlate();
  if (takes_turns == matcher.is_noted)
    return;
  matcher.is_noted = takes_turns;
  turn_notes_.push_back({topic, takes_turns});
}

// Around each change of a matcher: its entry in quarantines_ follows.
void Exchanges::forget_quarantine(const std::string& topic, const TurnMatcher& matcher) {
  if (const auto until = matcher.quarantined_until())
    quarantines_.erase({*until, topic});
}

void Exchanges::remember_quarantine(const std::string& topic, const TurnMatcher& matcher) {
  if (const auto until = matcher.quarantined_until())
    quarantines_.emplace(*until, topic);
}

void Exchanges::end_quarantines(Instant now) {
  while (!quarantines_.empty() && is_due(quarantines_.begin()->first, now)) {
    const auto matcher = turn_matchers_.find(quarantines_.begin()->second);
    quarantines_.erase(quarantines_.begin());
    if (matcher != turn_matchers_.end())
      take_turns(matcher->first, matcher->second, now);
  }
}

}  // namespace mqtt_bridge
