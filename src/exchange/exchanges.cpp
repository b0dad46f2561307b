#include "exchange/exchanges.hpp"

#include <algorithm>
#include <utility>

#include "exchange/failures.hpp"

namespace mqtt_bridge {

// Admission ---------------------------------------------------------------------------------------

std::variant<ExchangeId, Failure> Exchanges::begin(MqttRequest request) {
  const Instant now = request.arrived;
  if (auto failure = why_not_admitted(request))
    return with_topics(*std::move(failure), request, now);
  TurnMatcher* matcher = nullptr;
  if (takes_turns(request)) {
    matcher = turn_matcher(request.response_topic, now);
    if (matcher == nullptr || matcher->queued() >= limits::turn_queue) {
      return with_topics(too_many_turns(), request, now);
    }
    if (auto failure = why_no_turn(*matcher, request);
        failure && request.done_before == DoneBefore::nothing)
      return with_topics(*std::move(failure), request, now);
  }
  for (const Key& key : own_keys(request)) {
    if (by_key_.contains(key))
      return with_topics({Problem::overloaded, "another call has its id", {}}, request, now);
  }
  const ExchangeId id = ++last_id_;
  Waiting& waiting = waiting_[id];
  waiting.request = std::move(request);
  if (waiting.request.is_patient) {
    ++patient_;
    patient_bytes_ += waiting.request.payload.size();
  } else {
    waiting_bytes_ += waiting.request.payload.size();
    ++by_fairness_key_[waiting.request.fairness_key];
  }
  deadlines_.emplace(waiting.request.deadline, id);
  by_key_.emplace(correlation_key(waiting.request.correlation), id);
  for (const Key& key : own_keys(waiting.request))
    by_key_.emplace(key, id);
  topics_.enter(waiting.request);
  waiting.missing_filters = filters_.enter(id, waiting.request.filters);
  if (waiting.request.done_before != DoneBefore::nothing)
    take_up(id, waiting, now);
  else if (waiting.missing_filters == 0)
    wait_to_be_published(id, waiting, now);
  return id;
}

void Exchanges::wait_to_be_published(ExchangeId exchange, Waiting& waiting, Instant now) {
  const MqttRequest& request = waiting.request;
  if (!takes_turns(request)) {
    queue_for(request).insert(request.fairness_key, exchange);
    return;
  }
  TurnMatcher* const matcher = turn_matcher(request.response_topic, now);
  if (matcher == nullptr) {
    waiting.missing_filters = 1;  // it takes part in no turns
    return end(waiting_.find(exchange), too_many_turns(), now);
  }
  matcher->enter(exchange);
  take_turns(request.response_topic, *matcher, now);
}

void Exchanges::subscribed(const std::string& filter, Granted granted, Instant now) {
  if (granted == Granted::no) {
    for (const ExchangeId exchange : filters_.refused(filter)) {
      if (const auto waiting = waiting_.find(exchange); waiting != waiting_.end())
        end(waiting, refused_subscription(filter), now);
    }
    return;
  }
  for (const ExchangeId exchange : filters_.granted(filter)) {
    const auto waiting = waiting_.find(exchange);
    if (waiting == waiting_.end() || waiting->second.request.done_before != DoneBefore::nothing)
      continue;
    if (--waiting->second.missing_filters == 0)
      wait_to_be_published(exchange, waiting->second, now);
  }
}

std::optional<Failure> Exchanges::why_not_admitted(const MqttRequest& request) {
  const Instant now = request.arrived;
  if (is_abandoned_) {
    return Failure{Problem::shutting_down, "this bridge is shutting down", {}};
  }
  if (auto failure = why_no_room(request))
    return failure;
  if (!request.is_patient && !link_ && is_due(down_since_ + bounds_.down_grace, now)) {
    return Failure{Problem::broker_unavailable, why_down_, {}};
  }
  if (is_refused(request))
    return refused_subscription(request.response_topic);
  if (const auto until =
          offenders_.refused_until(request.request_topic, request.payload.size(), now))
    return breaks_connections(request, *until - now);
  const bool presence_decides = link_ && !tells_subscribers_ && !request.is_patient;
  if (presence_decides && presence_.is_unserved(request.presence_key, now) &&
      !unserved_.contains(request.presence_key) && !may_probe(request.response_topic, now)) {
    return gone_responders(request.presence_key);
  }
  return std::nullopt;
}

bool Exchanges::is_refused(const MqttRequest& request) const {
  return !refused_.empty() &&
         (refused_.contains(request.response_topic) || refused_.contains(request.response_filter));
}

// The link ----------------------------------------------------------------------------------------

void Exchanges::subscriptions_refused(std::set<std::string> filters, Instant now) {
  refused_ = std::move(filters);
  end_all(now, [this](const Waiting& waiting) -> std::optional<Failure> {
    if (!is_refused(waiting.request))
      return std::nullopt;
    return refused_subscription(waiting.request.response_topic);
  });
}

void Exchanges::link_up(LinkUp link, Instant now) {
  link.window = std::clamp<std::size_t>(link.window, 1, bounds_.window);
  const bool is_forgotten = !link.session_present;
  link_ = link;
  up_since_ = now;
  rounds_of_again_ = was_down_ ? 0 : again_after.size();
  tells_subscribers_ = false;
  if (is_forgotten)
    presence_.session_lost(now + limits::session_lost_grace);
  if (const auto alone = std::exchange(broken_alone_, {}))
    blame(*alone, now);
  for (const auto& [id, waiting] : waiting_) {
    // What was acknowledged is the broker's to deliver, and its answer waits for us there, as long
    // as it kept our session; else our subscription was gone when the answer came. The second
    // answer to a request is told from others' answers.
    if (is_forgotten)
      publish_again(id, waiting);
  }
  if (!taken_up_.empty())
    taken_up_until_ = now + limits::taken_up_pause;
  // Responders that lost the broker when we did come back when we do.
  for (auto& action : presence_.unserved(now))
    unserved_.insert_or_assign(std::move(action), Unserved{now, now + limits::return_grace});
}

void Exchanges::link_down(std::string why, Instant now, LinkEnd end) {
  why_down_ = std::move(why);
  was_down_ = true;
  if (!link_) {
    broken_alone_.reset();  // the broker is away: that is why the connection broke
    return;
  }
  link_.reset();
  down_since_ = now;
  if (end == LinkEnd::broken)
    suspect_unacknowledged(now);
  else
    publish_unacknowledged_again();
}

// Endings -----------------------------------------------------------------------------------------

void Exchanges::expire(Instant now) {
  while (!deadlines_.empty() && is_due(deadlines_.begin()->first, now)) {
    const auto waiting = waiting_.find(deadlines_.begin()->second);
    end(waiting, why_unanswered(waiting->second), now);
  }
  end_unpublished(now);
  end_unserved(now);
  end_quarantines(now);
  publish_again_by_time(now);
  publish_undelivered_again(now);
  publish_taken_up_again(now);
}

/// Once the link has been down for long enough, what waits to be published waits no longer. What
/// was published may still be answered when the link is back.
void Exchanges::end_unpublished(Instant now) {
  if (link_ || queued() == 0 || !is_due(down_since_ + bounds_.down_grace, now))
    return;
  end_all(now, [this](const Waiting& waiting) -> std::optional<Failure> {
    if (waiting.published || waiting.request.is_patient)
      return std::nullopt;
    return Failure{Problem::broker_unavailable, why_down_, {}};
  });
}

void Exchanges::withdraw(ExchangeId exchange, Instant now) {
  if (!is_queued(exchange))
    return;
  const auto waiting = waiting_.find(exchange);
  Failure failure = why_unanswered(waiting->second);
  failure.detail = "the caller closed the connection before the request was published; " +
                   std::move(failure.detail);
  end(waiting, std::move(failure), now);
}

bool Exchanges::is_queued(ExchangeId exchange) const {
  const auto waiting = waiting_.find(exchange);
  return waiting != waiting_.end() && !waiting->second.published;
}

void Exchanges::abandon(Instant now) {
  is_abandoned_ = true;
  while (!waiting_.empty()) {
    const auto waiting = waiting_.begin();
    Failure failure =
        waiting->second.published
            ? Failure{Problem::response_timeout, "this bridge shut down before the answer came", {}}
            : Failure{Problem::shutting_down, "this bridge shut down", {}};
    end(waiting, std::move(failure), now);
  }
}

void Exchanges::end(Table::iterator entry, Outcome outcome, Instant now) {
  const ExchangeId id = entry->first;
  Waiting& waiting = entry->second;
  if (auto* const failure = std::get_if<Failure>(&outcome))
    *failure = with_topics(std::move(*failure), waiting.request, now);
  ended_.push_back(Ended{
      .exchange = id,
      .outcome = std::move(outcome),
      .arrived = waiting.request.arrived,
      .published = waiting.first_published,
      .published_last = waiting.published,
      .acknowledged = waiting.acknowledged,
      .ended = now,
      .may_be_carried_out = waiting.is_owed,
  });
  deadlines_.erase({waiting.request.deadline, id});
  queue_for(waiting.request).erase(waiting.request.fairness_key, id);
  to_publish_again_.erase(id);
  taken_up_.erase(id);
  if (waiting.request.is_patient)
    forget_undelivered(id, waiting.request.request_topic);
  clear(waiting);
  by_key_.erase(correlation_key(waiting.request.correlation));
  for (const Key& key : own_keys(waiting.request))
    by_key_.erase(key);
  topics_.leave(waiting.request);
  filters_.leave(id, waiting.request.filters);
  leave_place(waiting);
  leave_room(waiting);
  leave_matcher(id, waiting, now);
  waiting_.erase(entry);
}

// What there is to see ----------------------------------------------------------------------------

EarlierRun Exchanges::left_behind(Instant now) const {
  EarlierRun left{.doubt = std::max(forgetful_until_ - now, Duration(0)), .turns = {}};
  for (const auto& [topic, matcher] : turn_matchers_) {
    if (const auto until = matcher.rests_until(now)) {
      left.turns.insert(topic);
      left.doubt = std::max(left.doubt, *until - now);
    }
  }
  if (is_due(doubtful_until_, now))
    return left;
  for (const std::string& topic : earlier_turns_) {
    if (!turn_matchers_.contains(topic))
      left.turns.insert(topic);
  }
  return left;
}

std::optional<Ended> Exchanges::next_ended() {
  if (ended_.empty())
    return std::nullopt;
  Ended ended = std::move(ended_.front());
  ended_.pop_front();
  return ended;
}

std::optional<Instant> Exchanges::next_deadline() const {
  std::optional<Instant> next;
  const auto consider = [&next](Instant at) { next = std::min(next.value_or(at), at); };
  if (!deadlines_.empty())
    consider(deadlines_.begin()->first);
  if (!quarantines_.empty())
    consider(quarantines_.begin()->first);
  if (const auto doubt = presence_.next_deadline())
    consider(*doubt);
  if (!link_) {
    if (queued() > 0)
      consider(down_since_ + bounds_.down_grace);
    return next;
  }
  if (waits_for_trial_)
    consider(offenders_.next_trial());
  if (!waiting_.empty() && rounds_of_again_ < again_after.size())
    consider(up_since_ + again_after[rounds_of_again_]);
  for (const auto& [action, unserved] : unserved_)
    consider(unserved.until);
  if (!undelivered_.empty())
    consider(next_delivery_);
  if (taken_up_until_)
    consider(*taken_up_until_);
  return next;
}

std::vector<Exchanges::Fill> Exchanges::fills() const {
  const std::size_t most = bounds_.in_flight + bounds_.queued + bounds_.patient;
  const std::size_t busy_matchers = content_matchers_.size() - idle_.size();
  return {{"in flight", in_flight_, bounds_.in_flight, true},
          {"queued", queued(), bounds_.queued, true},
          {"NetIDs", by_fairness_key_.size(), most, true},
          {"bytes", waiting_bytes_, bounds_.bytes, true},
          {"patient", patient_, bounds_.patient, true},
          {"patient bytes", patient_bytes_, bounds_.patient_bytes, true},
          {"patient to publish", patient_to_publish_.size(), bounds_.patient, true},
          {"undelivered topics", undelivered_.size(), bounds_.patient, true},
          {"taken up", taken_up_.size(), bounds_.patient, true},
          {"keys", by_key_.size(), 3 * most, true},
          {"filters of calls", filters_.size(), limits::call_filters, false},
          {"waiting for filters", filters_.waiting(), 2 * most, true},
          {"topics with ids", id_matchers_.size(), 2 * most, true},
          {"deadlines", deadlines_.size(), most, true},
          {"to publish", to_publish_.size(), bounds_.queued, true},
          {"to publish again", to_publish_again_.size(), most, true},
          {"suspects", suspects_.size(), most, true},
          {"offenders", offenders_.size(), limits::offenders, false},
          {"probes", probes_.size(), limits::presence_probes, false},
          {"turn notes", turn_notes_.size(), 2 * limits::turn_topics, true},
          {"unacknowledged", unacknowledged_.size(), bounds_.window, true},
          {"ended", ended_.size(), most, true},
          {"busy matchers", busy_matchers, most, true},
          {"idle matchers", idle_.size(), limits::idle_topics, false},
          {"exclusive matchers", turn_matchers_.size(), limits::turn_topics, false},
          {"quarantines", quarantines_.size(), limits::turn_topics, true},
          {"unserved actions", unserved_.size(), most_unserved, true}};
}

}  // namespace mqtt_bridge
