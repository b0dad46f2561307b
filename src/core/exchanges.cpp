#include "core/exchanges.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/topic.hpp"
#include "core/utf8.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

// After an outage responders may come up later than we and miss what we publish; nor does a broker
// that says so always remember what it acknowledged. So what still waits is published again at
// these times after the connection came up, and not what was published only just before.
constexpr std::array<Duration, 5> again_after{300ms, 1s, 2s, 4s, 8s};
constexpr auto just_published = 200ms;

constexpr std::size_t most_deserted = limits::responders * limits::birth_actions;

// What a PUBLISH has beside its topics and its payload: the fixed header, a packet identifier, a
// correlation of 16 bytes, a Message Expiry Interval (MQTT 5.0 3.3), the names of two user
// properties, and something to spare.
constexpr std::size_t packet_overhead = 96;

bool is_due(Instant at, Instant now) {
  return at <= now;
}

}  // namespace

std::string_view to_string(Dropped reason) {
  switch (reason) {
    case Dropped::retained:
      return "retained";
    case Dropped::foreign_topic:
      return "foreign-topic";
    case Dropped::unknown_correlation:
      return "unknown-correlation";
    case Dropped::wrong_lane:
      return "wrong-lane";
    case Dropped::late:
      return "late";
    case Dropped::unmatched:
      return "unmatched";
  }
  return {};
}

// Admission -----------------------------------------------------------------------------------

std::variant<ExchangeId, Failure> Exchanges::begin(Call call) {
  std::string topic = response_topic(call.netid, call.action);
  if (auto failure = why_not_admitted(call, topic))
    return *std::move(failure);
  const std::optional<Action> checkable = parse_action(call.action);
  ExclusiveLane* lane = nullptr;
  if (!checkable) {
    lane = exclusive_lane(topic, call.arrived);
    if (lane == nullptr || lane->queued() >= limits::lane_queue) {
      return Failure{Problem::overloaded, "too many calls wait for their turn on " + topic, {}};
    }
  }
  const ExchangeId id = ++last_id_;
  const Instant now = call.arrived;
  Waiting& waiting = waiting_[id];
  waiting.call = std::move(call);
  waiting.topic = std::move(topic);
  waiting.checkable = checkable;
  waiting_bytes_ += waiting.call.payload.size();
  ++by_netid_[waiting.call.netid];
  deadlines_.emplace(waiting.call.deadline, id);
  by_correlation_.emplace(waiting.call.correlation, id);
  if (lane == nullptr) {
    to_publish_.insert(waiting.call.netid, id);
  } else {
    lane->enter(id);
    take_turns(*lane, now);
  }
  return id;
}

std::optional<Failure> Exchanges::why_not_admitted(const Call& call,
                                                   const std::string& topic) const {
  if (is_abandoned_) {
    return Failure{Problem::shutting_down, "this bridge is shutting down", {}};
  }
  if (queued() >= bounds_.queued || waiting_bytes_ + call.payload.size() > bounds_.bytes) {
    return Failure{Problem::overloaded, "too many calls are waiting", {}};
  }
  const auto same_netid = by_netid_.find(call.netid);
  if (same_netid != by_netid_.end() && same_netid->second >= bounds_.per_netid) {
    return Failure{Problem::overloaded, "too many calls to " + call.netid + " are waiting", {}};
  }
  if (!link_ && call.arrived - down_since_ > bounds_.down_grace) {
    return Failure{Problem::broker_unavailable, why_down_, {}};
  }
  if (is_refused(topic, call.action))
    return refused_subscription(topic);
  if (link_ && presence_.is_deserted(call.action) && !deserted_.contains(call.action)) {
    return no_responder(call.action);
  }
  return std::nullopt;
}

bool Exchanges::is_refused(const std::string& topic, std::string_view action) const {
  return !refused_.empty() &&
         (refused_.contains(topic) || refused_.contains(response_topic("+", action)));
}

Failure Exchanges::refused_subscription(const std::string& topic) {
  return {Problem::broker_unavailable, "the broker refused the subscription to " + topic, {}};
}

Failure Exchanges::no_responder(const std::string& action) {
  return {Problem::no_responder, "every responder that announced " + action + " is gone", {}};
}

// The link ------------------------------------------------------------------------------------

void Exchanges::subscriptions_refused(std::set<std::string> filters, Instant now) {
  refused_ = std::move(filters);
  for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
    const auto current = waiting++;
    if (is_refused(current->second.topic, current->second.call.action))
      end(current, refused_subscription(current->second.topic), now);
  }
}

void Exchanges::link_up(LinkUp link, Instant now) {
  link.window = std::clamp<std::size_t>(link.window, 1, bounds_.window);
  const bool is_forgotten = !link.session_present;
  link_ = link;
  up_since_ = now;
  rounds_of_again_ = was_down_ ? 0 : again_after.size();
  if (is_forgotten)
    presence_.doubt(now + limits::presence_patience);
  for (const auto& [id, waiting] : waiting_) {
    // What was acknowledged is the broker's to deliver, and its answer waits for us there, as long
    // as it kept our session; else our subscription was gone when the answer came. The second
    // answer to a request is told from others' answers.
    if (is_forgotten)
      publish_again(id, waiting);
  }
  // Who lost the broker when we did comes back when we do.
  for (auto& action : presence_.deserted())
    deserted_.insert_or_assign(std::move(action), now + limits::return_grace);
}

void Exchanges::link_down(std::string why, Instant now) {
  why_down_ = std::move(why);
  was_down_ = true;
  if (!link_)
    return;
  link_.reset();
  down_since_ = now;
  // What had no PUBACK may have been lost with the connection.
  for (const ExchangeId id : std::exchange(unacknowledged_, {})) {
    const auto waiting = waiting_.find(id);
    if (waiting == waiting_.end())
      continue;
    if (++waiting->second.losses < limits::lost_publishes) {
      publish_again(id, waiting->second);
    } else {
      end(waiting,
          Failure{Problem::broker_unavailable,
                  "the connection to the broker broke each time this request was published",
                  {}},
          now);
    }
  }
}

void Exchanges::publish_again(ExchangeId exchange, const Waiting& waiting) {
  if (waiting.published && waiting.checkable && !unacknowledged_.contains(exchange))
    to_publish_again_.insert(exchange);
}

/// Whoever may publish the announcements of responders can bring this about, so it has a limit.
void Exchanges::publish_again(const std::set<std::string>& actions) {
  if (actions.empty())
    return;
  for (auto& [id, waiting] : waiting_) {
    if (waiting.again < limits::presence_republishes && actions.contains(waiting.call.action)) {
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
    if (waiting.published && now - *waiting.published >= just_published)
      publish_again(id, waiting);
  }
}

void Exchanges::acknowledged(ExchangeId exchange, Instant now) {
  unacknowledged_.erase(exchange);
  if (const auto waiting = waiting_.find(exchange); waiting != waiting_.end()) {
    waiting->second.acknowledged = now;
  }
}

void Exchanges::refused(ExchangeId exchange, std::string why, Instant now) {
  unacknowledged_.erase(exchange);
  if (const auto waiting = waiting_.find(exchange); waiting != waiting_.end()) {
    waiting->second.is_owed = false;
    end(waiting, Failure{Problem::broker_unavailable, std::move(why), {}}, now);
  }
}

std::optional<ExchangeId> Exchanges::take_to_publish() {
  if (!to_publish_.empty() && in_flight_ < bounds_.in_flight)
    return to_publish_.pop();
  if (to_publish_again_.empty())
    return std::nullopt;
  return to_publish_again_.extract(to_publish_again_.begin()).value();
}

std::optional<Publish> Exchanges::next_publish(Instant now) {
  while (link_ && unacknowledged_.size() < link_->window) {
    const auto next = take_to_publish();
    if (!next)
      break;
    const auto entry = waiting_.find(*next);
    Waiting& waiting = entry->second;
    const Call& call = waiting.call;
    if (is_due(call.deadline, now))
      continue;  // expire() ends it
    const std::size_t packet_bytes = call.payload.size() + 2 * waiting.topic.size() +
                                     call.traceparent.size() + call.tracestate.size() +
                                     packet_overhead;
    if (packet_bytes > link_->packet_bytes) {
      end(entry,
          Failure{Problem::payload_too_large,
                  "the broker takes packets of at most " + std::to_string(link_->packet_bytes) +
                      " bytes",
                  {}},
          now);
      continue;
    }
    if (!waiting.published) {
      ++in_flight_;
      enter_lane(entry->first, waiting);
    }
    waiting.published = now;
    waiting.is_owed = true;
    waiting.acknowledged.reset();
    unacknowledged_.insert(entry->first);
    return Publish{entry->first,     call.netid,       call.action,     call.payload,
                   call.correlation, call.traceparent, call.tracestate, call.deadline - now};
  }
  return std::nullopt;
}

// Responses -----------------------------------------------------------------------------------

void Exchanges::response(const Response& response, Instant now) {
  if (response.retained)
    return drop(Dropped::retained);
  const auto topic = parse_response_topic(response.topic);
  if (topic)
    presence_.answered(topic->action, response.responder.value_or(""));
  const std::string lane(response.topic);
  const auto exclusive = exclusive_lanes_.find(lane);
  if (response.correlation) {
    const bool is_ours = respond_by_correlation(response, now);
    if (is_ours && exclusive != exclusive_lanes_.end()) {
      exclusive->second.correlates();
      take_turns(exclusive->second, now);
    }
    return;
  }
  if (exclusive != exclusive_lanes_.end())
    return respond_in_turn(exclusive->second, response, now);
  if (const auto found = content_lanes_.find(lane); found != content_lanes_.end())
    return respond_by_content(found->second, response, now);
  drop(topic ? Dropped::unmatched : Dropped::foreign_topic);
}

/// Whether it was for one of ours.
bool Exchanges::respond_by_correlation(const Response& response, Instant now) {
  const auto found = by_correlation_.find(*response.correlation);
  if (found == by_correlation_.end()) {
    drop(Dropped::unknown_correlation);
    return false;
  }
  const Waiting& waiting = waiting_.at(found->second);
  if (waiting.topic != response.topic || !waiting.published) {
    drop(Dropped::wrong_lane);
    return false;
  }
  accept(found->second, response, MatchedBy::correlation, now);
  return true;
}

void Exchanges::respond_by_content(ContentLane& lane, const Response& response, Instant now) {
  // An error answer says nothing about its request, so without correlation it is nobody's.
  if (response.status) {
    ++lane.strangers;
    return drop(Dropped::unmatched);
  }
  const auto found = lane.find(response.payload, now, forgetful_until_);
  const auto* const match = std::get_if<ContentLane::Match>(&found);
  if (match == nullptr) {
    const bool is_late = std::get<ContentLane::NoMatch>(found) == ContentLane::NoMatch::late;
    return drop(is_late ? Dropped::late : Dropped::unmatched);
  }
  Response accepted = response;
  if (match->earlier_response)
    accepted.payload = *match->earlier_response;
  accept(match->exchange, accepted, match->rule, now);
}

void Exchanges::respond_in_turn(ExclusiveLane& lane, const Response& response, Instant now) {
  const std::string topic(response.topic);
  forget_quarantine(topic, lane);
  const auto exchange = lane.find(response.payload, response.duplicate, now);
  remember_quarantine(topic, lane);
  // One that has its turn may still wait for the window; what comes before it is published is not
  // its answer.
  if (exchange && waiting_.at(*exchange).published)
    return accept(*exchange, response, MatchedBy::exclusive_lane, now);
  if (exchange)
    ++lane.strangers;
  drop(Dropped::unmatched);
  take_turns(lane, now);  // it may have been the late answer that all waited for
}

void Exchanges::accept(ExchangeId exchange, const Response& response, MatchedBy rule, Instant now) {
  const auto waiting = waiting_.find(exchange);
  waiting->second.is_owed = false;
  if (response.status) {
    int status = 0;
    for (const char digit : response.status->substr(0, 4)) {
      status = digit >= '0' && digit <= '9' ? status * 10 + (digit - '0') : 0;
    }
    const bool is_error = response.status->size() == 3 && status >= 400 && status <= 599;
    std::string text(response.error.value_or("the responder gave no reason"));
    if (!is_utf8(text))
      text = "the responder gave a reason that is not UTF-8";
    return end(waiting,
               Failure{Problem::responder_error, std::move(text),
                       is_error ? std::optional(status) : std::nullopt},
               now);
  }
  if (response.payload.size() > limits::response_bytes) {
    return end(waiting, Failure{Problem::bad_response, "the response is too large", {}}, now);
  }
  if (!is_utf8(response.payload)) {
    return end(waiting, Failure{Problem::bad_response, "the response is not UTF-8 text", {}}, now);
  }
  if (rule == MatchedBy::content)
    waiting->second.taken = response.payload;
  end(waiting,
      Answer{std::string(response.payload), rule, std::string(response.responder.value_or(""))},
      now);
}

// Who answers ---------------------------------------------------------------------------------

void Exchanges::announced(std::string_view responder, const std::vector<std::string>& actions,
                          Heard heard) {
  // Whoever waits for one of these has waited for nobody; its request may have been missed.
  const auto fresh = presence_.announced(responder, actions, heard);
  for (const auto& action : actions)
    deserted_.erase(action);
  publish_again({fresh.begin(), fresh.end()});
}

void Exchanges::gone(std::string_view responder, Instant now) {
  std::set<std::string> served;
  for (auto& action : presence_.gone(responder)) {
    if (!presence_.is_deserted(action))
      served.insert(std::move(action));  // another one may answer what this one got
    else if (link_ && deserted_.size() < most_deserted)
      deserted_.emplace(std::move(action), now + limits::gone_grace);
  }
  publish_again(served);
}

void Exchanges::end_deserted(Instant now) {
  for (auto& action : presence_.expire(now))
    deserted_.emplace(std::move(action), now);
  if (!link_)
    return;
  for (auto deserted = deserted_.begin(); deserted != deserted_.end();) {
    if (!is_due(deserted->second, now)) {
      ++deserted;
      continue;
    }
    const std::string action = deserted->first;
    deserted = deserted_.erase(deserted);
    if (!presence_.is_deserted(action))
      continue;
    for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
      const auto current = waiting++;
      if (current->second.call.action == action)
        end(current, no_responder(action), now);
    }
  }
}

// Endings -------------------------------------------------------------------------------------

void Exchanges::expire(Instant now) {
  while (!deadlines_.empty() && is_due(deadlines_.begin()->first, now)) {
    const auto waiting = waiting_.find(deadlines_.begin()->second);
    end(waiting, why_unanswered(waiting->second), now);
  }
  end_deserted(now);
  end_quarantines(now);
  publish_again_by_time(now);
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

Failure Exchanges::why_unanswered(const Waiting& waiting) const {
  if (!waiting.published) {
    if (!link_)
      return {Problem::broker_unavailable, why_down_, {}};
    if (!waiting.checkable) {
      return {Problem::overloaded,
              "other calls had their turn on " + waiting.topic +
                  ", or one that ended unanswered may still be answered",
              {}};
    }
    return {Problem::overloaded, "the MQTT broker did not take the request in time", {}};
  }
  if (strangers_on(waiting) > waiting.strangers_before) {
    return {Problem::unmatched_response,
            "responses came on " + waiting.topic + ", but none of them answers this request",
            {}};
  }
  std::string detail =
      waiting.acknowledged
          ? "the request was published and the broker acknowledged it, but no response came"
          : "the request was published, the broker did not acknowledge it, and no response came";
  if (presence_.is_unheard_of(waiting.call.action))
    detail += "; no responder has announced or answered " + waiting.call.action + " so far";
  return {Problem::response_timeout, std::move(detail), {}};
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
  if (!link_)
    return next;
  if (!waiting_.empty() && rounds_of_again_ < again_after.size())
    consider(up_since_ + again_after[rounds_of_again_]);
  for (const auto& [action, believed] : deserted_)
    consider(believed);
  return next;
}

std::vector<Exchanges::Fill> Exchanges::fills() const {
  const std::size_t most = bounds_.in_flight + bounds_.queued;
  const std::size_t busy_lanes = content_lanes_.size() - resting_.size();
  return {{"in flight", in_flight_, bounds_.in_flight, true},
          {"queued", queued(), bounds_.queued, true},
          {"NetIDs", by_netid_.size(), most, true},
          {"bytes", waiting_bytes_, bounds_.bytes, true},
          {"correlations", by_correlation_.size(), most, true},
          {"deadlines", deadlines_.size(), most, true},
          {"to publish", to_publish_.size(), bounds_.queued, true},
          {"to publish again", to_publish_again_.size(), most, true},
          {"unacknowledged", unacknowledged_.size(), bounds_.window, true},
          {"ended", ended_.size(), most, true},
          {"busy lanes", busy_lanes, most, true},
          {"resting lanes", resting_.size(), limits::resting_lanes, false},
          {"exclusive lanes", exclusive_lanes_.size(), limits::exclusive_lanes, false},
          {"quarantines", quarantines_.size(), limits::exclusive_lanes, true},
          {"deserted actions", deserted_.size(), most_deserted, true}};
}

void Exchanges::end(Table::iterator entry, Outcome outcome, Instant now) {
  const ExchangeId id = entry->first;
  Waiting& waiting = entry->second;
  ended_.push_back(Ended{
      .exchange = id,
      .outcome = std::move(outcome),
      .arrived = waiting.call.arrived,
      .published = waiting.published,
      .acknowledged = waiting.acknowledged,
      .ended = now,
  });
  deadlines_.erase({waiting.call.deadline, id});
  to_publish_.erase(waiting.call.netid, id);
  to_publish_again_.erase(id);
  by_correlation_.erase(waiting.call.correlation);
  waiting_bytes_ -= waiting.call.payload.size();
  in_flight_ -= waiting.published ? 1 : 0;
  if (const auto netid = by_netid_.find(waiting.call.netid); --netid->second == 0)
    by_netid_.erase(netid);
  leave_lane(id, waiting, now);
  waiting_.erase(entry);
}

// Lanes ---------------------------------------------------------------------------------------

void Exchanges::enter_lane(ExchangeId exchange, Waiting& waiting) {
  if (waiting.checkable) {
    auto lane = content_lanes_.find(waiting.topic);
    if (lane == content_lanes_.end())
      lane = content_lanes_.emplace(waiting.topic, ContentLane(*waiting.checkable)).first;
    else if (lane->second.is_resting())
      resting_.erase({lane->second.last_used(), waiting.topic});
    lane->second.enter(exchange, waiting.call.payload);
  }
  waiting.strangers_before = strangers_on(waiting);
}

void Exchanges::leave_lane(ExchangeId exchange, Waiting& waiting, Instant now) {
  if (!waiting.checkable) {
    ExclusiveLane& lane = exclusive_lanes_.at(waiting.topic);
    forget_quarantine(waiting.topic, lane);
    lane.leave(exchange,
               waiting.is_owed ? ExclusiveLane::Owed::an_answer : ExclusiveLane::Owed::nothing,
               now);
    remember_quarantine(waiting.topic, lane);
    return take_turns(lane, now);
  }
  if (!waiting.published)
    return;
  ContentLane& lane = content_lanes_.at(waiting.topic);
  lane.leave(exchange, std::move(waiting.call.payload), std::move(waiting.taken), now);
  if (lane.is_resting())
    rest(waiting.topic, lane);
}

/// Of the lanes that hold nothing but memories, only the last ones are kept.
void Exchanges::rest(const std::string& topic, const ContentLane& lane) {
  resting_.emplace(lane.last_used(), topic);
  if (resting_.size() <= limits::resting_lanes)
    return;
  const auto& [last_used, oldest] = *resting_.begin();
  forgetful_until_ = std::max(forgetful_until_, last_used + limits::memory_age);
  content_lanes_.erase(oldest);
  resting_.erase(resting_.begin());
}

/// The lane of `topic`, or nothing when there are too many already.
ExclusiveLane* Exchanges::exclusive_lane(const std::string& topic, Instant now) {
  if (const auto lane = exclusive_lanes_.find(topic); lane != exclusive_lanes_.end())
    return &lane->second;
  if (exclusive_lanes_.size() >= limits::exclusive_lanes)
    std::erase_if(exclusive_lanes_,
                  [now](const auto& lane) { return lane.second.is_resting(now); });
  if (exclusive_lanes_.size() >= limits::exclusive_lanes)
    return nullptr;
  return &exclusive_lanes_.emplace(topic, doubtful_until_).first->second;
}

void Exchanges::take_turns(ExclusiveLane& lane, Instant now) {
  while (const auto exchange = lane.next(now))
    to_publish_.insert(waiting_.at(*exchange).call.netid, *exchange);
}

// Around each change of a lane: its entry in quarantines_ follows.
void Exchanges::forget_quarantine(const std::string& topic, const ExclusiveLane& lane) {
  if (const auto until = lane.quarantined_until())
    quarantines_.erase({*until, topic});
}
void Exchanges::remember_quarantine(const std::string& topic, const ExclusiveLane& lane) {
  if (const auto until = lane.quarantined_until())
    quarantines_.emplace(*until, topic);
}

void Exchanges::end_quarantines(Instant now) {
  while (!quarantines_.empty() && is_due(quarantines_.begin()->first, now)) {
    const auto lane = exclusive_lanes_.find(quarantines_.begin()->second);
    quarantines_.erase(quarantines_.begin());
    if (lane != exclusive_lanes_.end())
      take_turns(lane->second, now);
  }
}

std::uint64_t Exchanges::strangers_on(const Waiting& waiting) const {
  if (waiting.checkable) {
    const auto lane = content_lanes_.find(waiting.topic);
    return lane != content_lanes_.end() ? lane->second.strangers : 0;
  }
  return exclusive_lanes_.at(waiting.topic).strangers;
}

}  // namespace mqtt_bridge
