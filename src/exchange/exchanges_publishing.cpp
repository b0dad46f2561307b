// Of the table of exchanges: what is published next, and again.
#include <algorithm>
#include <utility>

#include "base/limits/exchange.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/failures.hpp"
#include "exchange/topic.hpp"

namespace mqtt_bridge {
namespace {

// What a PUBLISH has beside its topics and its payload: the fixed header, a packet identifier, a
// correlation of 16 bytes, a Message Expiry Interval (MQTT 5.0 3.3), the names of two user
// properties, and something to spare.
constexpr std::size_t packet_overhead = 96;
constexpr std::size_t user_property_overhead = 5;

}  // namespace

/// It broke the connection, which it had for itself, and the broker was there at once again.
void Exchanges::blame(const Alone& alone, Instant now) {
  const int breaks_of_topic = offenders_.broke_alone(alone.topic, now);
  const auto waiting = waiting_.find(alone.exchange);
  const bool is_tried_again = waiting != waiting_.end() && waiting->second.suspect;
  const int trials = is_tried_again ? ++waiting->second.trials : breaks_of_topic;
  if (trials >= limits::suspect_trials)
    offenders_.condemn(alone.topic, alone.bytes, now);
  if (is_tried_again && trials >= limits::suspect_trials)
    end(waiting, breaks_connections(waiting->second.request, {}), now);
  else if (is_tried_again)
    suspect(alone.exchange, waiting->second);
  end_refused_suspects(now);
}

/// What had no PUBACK may have been lost with the connection, or may have broken it.
void Exchanges::suspect_unacknowledged(Instant now) {
  broken_alone_ = std::exchange(alone_, {});
  if (broken_alone_ && now - broken_alone_->published >= prompt)
    broken_alone_.reset();
  if (unacknowledged_.size() > 1)
    offenders_.broke_in_company(now);
  for (const ExchangeId id : std::exchange(unacknowledged_, {})) {
    const auto waiting = waiting_.find(id);
    if (waiting == waiting_.end())
      continue;
    if (++waiting->second.losses >= limits::lost_publishes) {
      end(waiting,
          Failure{Problem::broker_unavailable,
                  "the connection to the broker broke each time this request was published",
                  {}},
          now);
    } else if (may_repeat(waiting->second)) {
      suspect(id, waiting->second);
    } else {
      offenders_.broke_in_company(waiting->second.request.request_topic);
    }
  }
}

/// None of them was the reason that the connection ended. One that was on trial is tried again.
void Exchanges::publish_unacknowledged_again() {
  const auto on_trial = std::exchange(alone_, {});
  for (const ExchangeId id : std::exchange(unacknowledged_, {})) {
    const auto waiting = waiting_.find(id);
    if (waiting == waiting_.end() || !may_repeat(waiting->second))
      continue;
    if (on_trial && on_trial->exchange == id)
      suspect(id, waiting->second);
    else
      to_publish_again_.insert(id);
  }
}

/// They need not wait for their trial to be told.
void Exchanges::end_refused_suspects(Instant now) {
  end_all(now, [&](const Waiting& waiting) -> std::optional<Failure> {
    if (!waiting.suspect)
      return std::nullopt;
    const auto until = offenders_.refused_until(waiting.request.request_topic,
                                                waiting.request.payload.size(), now);
    return until ? std::optional(breaks_connections(waiting.request, *until - now)) : std::nullopt;
  });
}

/// It goes out, or out again, with nothing beside it.
void Exchanges::suspect(ExchangeId exchange, Waiting& waiting) {
  clear(waiting);
  to_publish_again_.erase(exchange);
  waiting.suspect = SuspectKey{likelihood_of(waiting), exchange};
  suspects_.insert(*waiting.suspect);
}

Exchanges::Likelihood Exchanges::likelihood_of(const Waiting& waiting) const {
  if (offenders_.is_trusted(waiting.request.request_topic, waiting.request.payload.size()))
    return Likelihood::proven;
  if (waiting.trials > 0)
    return Likelihood::tried;
  return offenders_.has_broken(waiting.request.request_topic) ? Likelihood::of_broken_topic
                                                              : Likelihood::fresh;
}

void Exchanges::clear(Waiting& waiting) {
  if (const auto key = std::exchange(waiting.suspect, {}))
    suspects_.erase(*key);
}

/// What reached no subscriber was not carried out.
bool Exchanges::may_repeat(const Waiting& waiting) const {
  return waiting.request.is_idempotent || waiting.is_undelivered;
}

void Exchanges::publish_again(ExchangeId exchange, const Waiting& waiting) {
  if (waiting.published && may_repeat(waiting) && !waiting.suspect &&
      !unacknowledged_.contains(exchange)) {
    to_publish_again_.insert(exchange);
  }
}

/// Every client that may publish an announcement can bring this about, so it has a limit.
void Exchanges::publish_again(const std::set<std::string>& actions) {
  if (actions.empty())
    return;
  for (auto& [id, waiting] : waiting_) {
    if (waiting.request.is_patient && !waiting.is_undelivered)
      continue;  // the broker keeps it for a responder with a session
    if (waiting.again < limits::presence_republishes &&
        actions.contains(waiting.request.presence_key)) {
      ++waiting.again;
      publish_again(id, waiting);
    }
  }
}

void Exchanges::publish_again_by_time(Instant now) {
  if (!link_)
    return;
  const auto rounds_before = rounds_of_again_;
  while (rounds_of_again_ < again_after.size() &&
         is_due(up_since_ + again_after[rounds_of_again_], now)) {
    ++rounds_of_again_;
  }
  if (rounds_of_again_ == rounds_before)
    return;
  for (const auto& [id, waiting] : waiting_) {
    if (waiting.published && !waiting.request.is_patient &&
        now - *waiting.published >= just_published)
      publish_again(id, waiting);
  }
}

void Exchanges::acknowledged(ExchangeId exchange, Subscribers subscribers, Instant now) {
  unacknowledged_.erase(exchange);
  if (alone_ && alone_->exchange == exchange)
    alone_.reset();
  if (subscribers == Subscribers::none)
    tells_subscribers_ = true;
  const auto found = waiting_.find(exchange);
  if (found == waiting_.end())
    return;
  Waiting& waiting = found->second;
  waiting.acknowledged = now;
  learn_round_trip(now - *waiting.published);
  offenders_.acknowledged(waiting.request.request_topic, waiting.request.payload.size(), now);
  if (std::holds_alternative<MatchNothing>(waiting.request.matching) &&
      (subscribers == Subscribers::perhaps || waiting.request.retained)) {
    waiting.is_owed = false;
    return end(found, Answer{{}, MatchedBy::acknowledgement, {}}, now);
  }
  taken_up_.erase(exchange);
  if (subscribers == Subscribers::perhaps) {
    waiting.was_delivered = true;
    waiting.is_undelivered = false;
    if (waiting.request.is_patient)
      reached_a_subscriber(waiting.request.request_topic);
    return;
  }
  if (waiting.request.is_patient)
    return reached_no_subscriber(exchange, waiting, now);
  const std::string& action = waiting.request.presence_key;
  if (waiting.was_delivered) {
    // The client that got it before may still answer, unless it was a responder that is gone.
    if (presence_.is_unserved(action, now) && !unserved_.contains(action))
      end(found, gone_responders(action), now);
    return;
  }
  waiting.is_owed = false;
  waiting.is_undelivered = true;
  if (!may_come_back(action, now))
    end(found, no_subscriber(waiting.request), now);
}

void Exchanges::learn_round_trip(Duration sample) {
  constexpr int weight = 8;
  round_trip_ = round_trip_ ? *round_trip_ + (sample - *round_trip_) / weight : sample;
}

void Exchanges::refused(ExchangeId exchange, Refusal refusal, std::string why, Instant now) {
  unacknowledged_.erase(exchange);
  if (alone_ && alone_->exchange == exchange)
    alone_.reset();
  const auto waiting = waiting_.find(exchange);
  if (waiting == waiting_.end())
    return;
  waiting->second.is_owed = false;
  const Problem problem = refusal == Refusal::too_large        ? Problem::payload_too_large
                          : refusal == Refusal::quota_exceeded ? Problem::overloaded
                                                               : Problem::broker_refused;
  why += " (" + waiting->second.request.request_topic + ")";
  end(waiting, Failure{problem, std::move(why), {}}, now);
}

/// What goes out next: suspects first, each alone, then new requests, then those once more that may
/// be lost, which are not to hold up the others.
std::optional<Publish> Exchanges::next_publish(Instant now) {
  while (const auto next = next_candidate(now)) {
    const auto entry = waiting_.find(*next);
    if (auto failure = why_not_published(entry->second, now)) {
      end(entry, *std::move(failure), now);
      continue;
    }
    Waiting& waiting = entry->second;
    const std::size_t bytes = waiting.request.payload.size();
    if (waiting.suspect) {
      alone_ = Alone{entry->first, waiting.request.request_topic, bytes, now};
      clear(waiting);
    } else if (offenders_.goes_alone(waiting.request.request_topic, bytes, now)) {
      suspect(entry->first, waiting);
      continue;
    }
    return publish(entry->first, waiting, now);
  }
  return std::nullopt;
}

std::optional<ExchangeId> Exchanges::next_candidate(Instant now) {
  if (!link_ || alone_)
    return std::nullopt;
  if (const auto suspect = next_suspect(now))
    return unacknowledged_.empty() ? suspect : std::nullopt;
  if (unacknowledged_.size() >= link_->window)
    return std::nullopt;
  if (to_publish_.has_next() && in_flight_ < bounds_.in_flight) {
    const ExchangeId next = to_publish_.pop();
    take_place(waiting_.at(next));
    return next;
  }
  if (patient_to_publish_.has_next()) {
    const ExchangeId next = patient_to_publish_.pop();
    take_place(waiting_.at(next));
    return next;
  }
  if (to_publish_again_.empty())
    return std::nullopt;
  return to_publish_again_.extract(to_publish_again_.begin()).value();
}

std::optional<ExchangeId> Exchanges::next_suspect(Instant now) {
  waits_for_trial_ = false;
  if (suspects_.empty())
    return std::nullopt;
  const SuspectKey& first = *suspects_.begin();
  const bool is_likely = first.likelihood > Likelihood::fresh ||
                         (first.likelihood == Likelihood::fresh && offenders_.is_careful(now));
  waits_for_trial_ = is_likely && now < offenders_.next_trial();
  const Waiting& suspect = waiting_.at(first.exchange);
  const bool has_room =
      suspect.published || suspect.request.is_patient || in_flight_ < bounds_.in_flight;
  return has_room && !waits_for_trial_ ? std::optional(first.exchange) : std::nullopt;
}

std::optional<Failure> Exchanges::why_not_published(const Waiting& waiting, Instant now) const {
  const MqttRequest& request = waiting.request;
  if (is_due(request.deadline, now))
    return why_unanswered(waiting);
  if (request.needs_response_topic && !link_->may_tell_subscribers) {
    return Failure{Problem::broker_refused,
                   "this route needs MQTT 5, for the Response Topic, and the broker takes 3.1.1 "
                   "only; give the route a response-topic",
                   {}};
  }
  std::size_t bytes = packet_overhead + request.request_topic.size() +
                      request.response_topic.size() + request.payload.size() +
                      request.traceparent.size() + request.tracestate.size() +
                      request.content_type.size();
  for (const auto& [name, value] : request.user_properties)
    bytes += name.size() + value.size() + user_property_overhead;
  if (bytes > link_->packet_bytes) {
    return Failure{
        Problem::payload_too_large,
        "the broker takes packets of at most " + std::to_string(link_->packet_bytes) + " bytes",
        {}};
  }
  if (const auto until =
          offenders_.refused_until(waiting.request.request_topic, request.payload.size(), now))
    return breaks_connections(request, *until - now);
  return std::nullopt;
}

/// No more of a fairness key are in flight than it may have. One that goes out alone has its place
/// from the moment that it waits for that.
void Exchanges::take_place(Waiting& waiting) {
  const MqttRequest& request = waiting.request;
  if (request.most_in_flight == SIZE_MAX)
    return;
  waiting.has_place = true;
  if (++places_[request.fairness_key] < request.most_in_flight)
    return;
  to_publish_.hold(request.fairness_key);
  patient_to_publish_.hold(request.fairness_key);
}

void Exchanges::leave_place(const Waiting& waiting) {
  if (!waiting.has_place)
    return;
  const auto places = places_.find(waiting.request.fairness_key);
  to_publish_.release(places->first);
  patient_to_publish_.release(places->first);
  if (--places->second == 0)
    places_.erase(places);
}

Publish Exchanges::publish(ExchangeId exchange, Waiting& waiting, Instant now) {
  if (!waiting.published) {
    in_flight_ += waiting.request.is_patient ? 0 : 1;
    waiting.first_published = now;
    enter_matcher(exchange, waiting);
  }
  if (waiting.is_undelivered && waiting.request.is_patient)
    forget_undelivered(exchange, waiting.request.request_topic);
  if (!link_->has_no_local)
    topics_.echo_expected(waiting.request, now);
  waiting.published = now;
  waiting.is_owed = true;
  waiting.is_undelivered = false;  // this time it may be
  waiting.acknowledged.reset();
  unacknowledged_.insert(exchange);
  const MqttRequest& request = waiting.request;
  const bool has_topic = is_topic_name(request.response_topic);  // else there are '+' in it
  return {.exchange = exchange,
          .request_topic = request.request_topic,
          .response_topic = has_topic ? std::string_view(request.response_topic) : "",
          .payload = request.payload,
          .content_type = request.content_type,
          .user_properties = &request.user_properties,
          .qos = request.qos,
          .retained = request.retained,
          .correlation = request.correlation,
          .traceparent = request.traceparent,
          .tracestate = request.tracestate,
          .remaining = request.deadline - now};
}

}  // namespace mqtt_bridge
