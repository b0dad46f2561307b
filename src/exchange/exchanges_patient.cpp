// Of the table of exchanges: requests that wait for a broker or a responder that is away, also over
// a restart of the program.
//
// A patient request is admitted and kept without a link, and whatever is known of its responders.
// The broker keeps it for a responder with a session. Where the broker says that no client is
// subscribed, no session has it: it is published again when a responder announces itself, and from
// time to time, one request of each topic, until one was delivered. What a broker has taken is not
// published again, unless it forgot our session.
#include <utility>

#include "base/limits/later.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/failures.hpp"

namespace mqtt_bridge {

std::optional<Failure> Exchanges::why_no_room(const MqttRequest& request) const {
  const std::size_t bytes = request.payload.size();
  const bool is_full =
      request.is_patient
          ? patient_ >= bounds_.patient || patient_bytes_ + bytes > bounds_.patient_bytes
          : queued() >= bounds_.queued || waiting_bytes_ + bytes > bounds_.bytes;
  if (is_full)
    return Failure{Problem::overloaded, "too many calls are waiting", {}};
  if (!filters_.has_room(request.filters)) {
    return Failure{Problem::overloaded, "calls wait for answers on too many topics", {}};
  }
  const auto same_key = by_fairness_key_.find(request.fairness_key);
  if (!request.is_patient && same_key != by_fairness_key_.end() &&
      same_key->second >= bounds_.per_netid) {
    return Failure{
        Problem::overloaded, "too many calls to " + request.fairness_key + " are waiting", {}};
  }
  return std::nullopt;
}

void Exchanges::leave_room(const Waiting& waiting) {
  const std::size_t bytes = waiting.request.payload.size();
  if (waiting.request.is_patient) {
    --patient_;
    patient_bytes_ -= bytes;
    return;
  }
  waiting_bytes_ -= bytes;
  if (waiting.published)
    --in_flight_;
  if (const auto netid = by_fairness_key_.find(waiting.request.fairness_key); --netid->second == 0)
    by_fairness_key_.erase(netid);
}

void Exchanges::give_up(ExchangeId exchange, Instant now) {
  const auto waiting = waiting_.find(exchange);
  if (waiting != waiting_.end())
    end(waiting, Failure{Problem::call_gone, "the caller gave the call up", {}}, now);
}

/// It counts as published: what the session of an earlier run is owed may answer it.
void Exchanges::take_up(ExchangeId exchange, Waiting& waiting, Instant now) {
  const MqttRequest& request = waiting.request;
  if (takes_turns(request)) {
    TurnMatcher* const matcher = turn_matcher(request.response_topic, now);
    matcher->take_up(exchange);  // begin() found that there is one
    note_turns(request.response_topic, *matcher);
  }
  in_flight_ += request.is_patient ? 0 : 1;
  waiting.missing_filters = 0;
  waiting.first_published = waiting.published = now;
  waiting.is_owed = true;
  enter_matcher(exchange, waiting);
  take_place(waiting);
  if (request.done_before == DoneBefore::acknowledged) {
    waiting.acknowledged = now;
    waiting.was_delivered = true;
    return;
  }
  taken_up_.insert(exchange);
  if (link_)
    taken_up_until_ = now + limits::taken_up_pause;
}

/// Their answers, where there are any, have come since the link is up.
void Exchanges::publish_taken_up_again(Instant now) {
  if (!link_ || !taken_up_until_ || !is_due(*taken_up_until_, now))
    return;
  taken_up_until_.reset();
  for (const ExchangeId exchange : std::exchange(taken_up_, {}))
    publish_again(exchange, waiting_.at(exchange));
}

/// No client has it, so that it can be published again; nor is one of the others of its topic tried
/// before.
void Exchanges::reached_no_subscriber(ExchangeId exchange, Waiting& waiting, Instant now) {
  if (waiting.was_delivered)
    return;  // the client that got it before may still answer
  waiting.is_owed = false;
  waiting.is_undelivered = true;
  if (undelivered_.empty())
    next_delivery_ = now + limits::undelivered_pause;
  undelivered_[waiting.request.request_topic].insert(exchange);
}

/// One of them was delivered: the others go out, too.
void Exchanges::reached_a_subscriber(const std::string& topic) {
  const auto found = undelivered_.find(topic);
  if (found == undelivered_.end())
    return;
  for (const ExchangeId exchange : std::exchange(found->second, {}))
    publish_again(exchange, waiting_.at(exchange));
  undelivered_.erase(topic);
}

void Exchanges::forget_undelivered(ExchangeId exchange, const std::string& topic) {
  const auto found = undelivered_.find(topic);
  if (found == undelivered_.end())
    return;
  found->second.erase(exchange);
  if (found->second.empty())
    undelivered_.erase(found);
}

/// One of each topic, and of so many topics at one time, one after the other.
void Exchanges::publish_undelivered_again(Instant now) {
  if (!link_ || undelivered_.empty() || !is_due(next_delivery_, now))
    return;
  next_delivery_ = now + limits::undelivered_pause;
  auto next = undelivered_.upper_bound(last_delivered_);
  for (std::size_t count = 0; count < limits::undelivered_topics && count < undelivered_.size();
       ++count, ++next) {
    if (next == undelivered_.end())
      next = undelivered_.begin();
    last_delivered_ = next->first;
    const ExchangeId exchange = *next->second.begin();
    publish_again(exchange, waiting_.at(exchange));
  }
}

}  // namespace mqtt_bridge
