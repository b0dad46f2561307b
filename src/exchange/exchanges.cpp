#include "exchange/exchanges.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/duration.hpp"
#include "base/utf8.hpp"
#include "exchange/json_id.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

// After an outage responders may come up later than we and miss what we publish; nor does a broker
// that says so always remember what it acknowledged. So what still waits is published again at
// these times after the connection came up, and not what was published only just before.
constexpr std::array<Duration, 5> again_after{300ms, 1s, limits::return_grace, 4s, 8s};
constexpr auto just_published = 200ms;

// A connection that broke so soon after a request that was alone on it broke because of that.
constexpr auto prompt = 1s;

// What is taken for the way to the broker and back before it was measured.
constexpr auto unknown_round_trip = 50ms;

constexpr std::size_t most_deserted = limits::responders * limits::birth_actions;

// What a PUBLISH has beside its topics and its payload: the fixed header, a packet identifier, a
// correlation of 16 bytes, a Message Expiry Interval (MQTT 5.0 3.3), the names of two user
// properties, and something to spare.
constexpr std::size_t packet_overhead = 96;

bool is_due(Instant at, Instant now) {
  return at <= now;
}

std::string in_words(Duration duration) {
  return duration_text(std::chrono::ceil<std::chrono::milliseconds>(duration));
}

std::string in_seconds(Duration duration) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(duration).count()) + " s";
}

bool takes_turns(const MqttRequest& request) {
  return std::holds_alternative<MatchByTurn>(request.matching);
}

/// The statuses of a responder that go on to the caller as they are. Others need fields that we
/// cannot give (401, 405, 416, 426), speak of the request as HTTP (406, 411, 414, 431) or invite a
/// client to send a POST again that was carried out (408, 421, 425): RFC 9110 15.5.
bool may_pass_on(int status) {
  constexpr std::array passed{400, 402, 403, 404, 409, 410, 413, 415, 418, 422, 423,
                              424, 429, 451, 500, 501, 502, 503, 504, 507, 508};
  return std::ranges::find(passed, status) != passed.end();
}

/// An HTTP status in three digits, if it may be passed on.
std::optional<int> status_of(std::string_view text) {
  if (text.size() != 3)
    return std::nullopt;
  int status = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9')
      return std::nullopt;
    status = status * 10 + (digit - '0');
  }
  return may_pass_on(status) ? std::optional(status) : std::nullopt;
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
    case Dropped::unchecked:
      return "unchecked";
  }
  return {};
}

// Admission -----------------------------------------------------------------------------------

std::variant<ExchangeId, Failure> Exchanges::begin(MqttRequest request) {
  const Instant now = request.arrived;
  if (auto failure = why_not_admitted(request))
    return with_topics(*std::move(failure), request, now);
  ExclusiveLane* lane = nullptr;
  if (takes_turns(request)) {
    lane = exclusive_lane(request.response_topic, now);
    if (lane == nullptr || lane->queued() >= limits::lane_queue) {
      return with_topics({Problem::overloaded, "too many calls wait for their turn", {}}, request,
                         now);
    }
    if (auto failure = why_no_turn(*lane, request))
      return with_topics(*std::move(failure), request, now);
  }
  if (const auto key = own_key(request); key && by_key_.contains(*key))
    return with_topics({Problem::overloaded, "another call has its id", {}}, request, now);
  const ExchangeId id = ++last_id_;
  Waiting& waiting = waiting_[id];
  waiting.request = std::move(request);
  waiting_bytes_ += waiting.request.payload.size();
  ++by_fairness_key_[waiting.request.fairness_key];
  deadlines_.emplace(waiting.request.deadline, id);
  by_key_.emplace(correlation_key(waiting.request.correlation), id);
  if (const auto key = own_key(waiting.request))
    by_key_.emplace(*key, id);
  if (lane == nullptr) {
    to_publish_.insert(waiting.request.fairness_key, id);
  } else {
    lane->enter(id);
    take_turns(waiting.request.response_topic, *lane, now);
  }
  return id;
}

Exchanges::Key Exchanges::correlation_key(std::string_view correlation) {
  return {Key::In::correlation, {}, {}, correlation};
}

/// The key besides Correlation Data.
std::optional<Exchanges::Key> Exchanges::own_key(const MqttRequest& request) {
  if (std::holds_alternative<MatchByTopic>(request.matching))
    return Key{Key::In::topic, request.response_topic, {}, {}};
  if (const auto* const match = std::get_if<MatchById>(&request.matching))
    return Key{Key::In::id, request.response_topic, match->pointer, match->id};
  return std::nullopt;
}

std::size_t Exchanges::KeyHash::operator()(const Key& key) const {
  constexpr std::hash<std::string_view> hash;
  const std::size_t of_text = hash(key.text);
  return key.in == Key::In::correlation ? of_text : of_text ^ (hash(key.topic) << 1);
}

std::optional<Failure> Exchanges::why_not_admitted(const MqttRequest& request) {
  const Instant now = request.arrived;
  if (is_abandoned_) {
    return Failure{Problem::shutting_down, "this bridge is shutting down", {}};
  }
  if (queued() >= bounds_.queued || waiting_bytes_ + request.payload.size() > bounds_.bytes) {
    return Failure{Problem::overloaded, "too many calls are waiting", {}};
  }
  const auto same_key = by_fairness_key_.find(request.fairness_key);
  if (same_key != by_fairness_key_.end() && same_key->second >= bounds_.per_netid) {
    return Failure{
        Problem::overloaded, "too many calls to " + request.fairness_key + " are waiting", {}};
  }
  if (!link_ && is_due(down_since_ + bounds_.down_grace, now)) {
    return Failure{Problem::broker_unavailable, why_down_, {}};
  }
  if (is_refused(request))
    return refused_subscription(request.response_topic);
  if (const auto until =
          offenders_.refused_until(request.request_topic, request.payload.size(), now))
    return breaks_connections(request, *until - now);
  const bool presence_decides = link_ && !tells_subscribers_;
  if (presence_decides && presence_.is_unserved(request.presence_key, now) &&
      !deserted_.contains(request.presence_key) && !may_probe(request.response_topic, now)) {
    return gone_responders(request.presence_key);
  }
  return std::nullopt;
}

/// Whether a call may be published although presence says that its responders are gone: one in each
/// limits::presence_probe, since a responder need not announce itself.
bool Exchanges::may_probe(const std::string& topic, Instant now) {
  const auto is_over = [now](const auto& probe) {
    return is_due(probe.second + limits::presence_probe, now);
  };
  if (const auto last = probes_.find(topic); last != probes_.end() && !is_over(*last))
    return false;
  if (probes_.size() >= limits::presence_probes)
    std::erase_if(probes_, is_over);
  if (probes_.size() >= limits::presence_probes)
    return false;
  probes_.insert_or_assign(topic, now);
  return true;
}

/// Every failure of ours names the two topics and how long the call waited.
Failure Exchanges::with_topics(Failure failure, const MqttRequest& request, Instant now) {
  const bool names_both = failure.detail.find(request.request_topic) != std::string::npos &&
                          failure.detail.find(request.response_topic) != std::string::npos;
  if (!names_both && failure.problem != Problem::responder_error) {
    failure.detail +=
        " (request on " + request.request_topic + ", response on " + request.response_topic;
    failure.detail +=
        now > request.arrived ? ", waited " + in_words(now - request.arrived) + ")" : ")";
  }
  return failure;
}

/// Whether it is hopeless to wait for a turn: the topic rests for longer than the call has.
std::optional<Failure> Exchanges::why_no_turn(const ExclusiveLane& lane,
                                              const MqttRequest& request) const {
  const auto until = lane.rests_until(request.arrived);
  if (!until || *until < request.deadline)
    return std::nullopt;
  return turn_pending(request.response_topic, *until - request.arrived);
}

bool Exchanges::is_refused(const MqttRequest& request) const {
  return !refused_.empty() &&
         (refused_.contains(request.response_topic) || refused_.contains(request.response_filter));
}

Failure Exchanges::refused_subscription(const std::string& topic) {
  return {Problem::broker_unavailable, "the broker refused the subscription to " + topic, {}};
}

Failure Exchanges::gone_responders(const std::string& action) {
  return {Problem::no_responder, "every responder that announced " + action + " is gone", {}};
}

Failure Exchanges::no_subscriber(const MqttRequest& request) {
  return {Problem::no_responder,
          "the broker says that no client is subscribed to " + request.request_topic,
          {}};
}

Failure Exchanges::turn_pending(const std::string& topic, Duration left) {
  return {Problem::turn_pending,
          "answers on " + topic +
              " may come without correlation data, and one to an earlier call may still come; that "
              "is waited for " +
              in_seconds(left) + " longer",
          {},
          left};
}

/// `left`: how long such requests are refused.
Failure Exchanges::breaks_connections(const MqttRequest& request, std::optional<Duration> left) {
  std::string detail = "the broker closes the connection when a request of " +
                       std::to_string(request.payload.size()) + " bytes is published to " +
                       request.request_topic;
  if (left)
    detail += "; such requests are refused for " + in_seconds(*left) + " longer";
  return {Problem::broker_refused, std::move(detail), {}, left};
}

// The link ------------------------------------------------------------------------------------

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
    presence_.doubt(now + limits::presence_patience);
  if (const auto alone = std::exchange(broken_alone_, {}))
    blame(*alone, now);
  for (const auto& [id, waiting] : waiting_) {
    // What was acknowledged is the broker's to deliver, and its answer waits for us there, as long
    // as it kept our session; else our subscription was gone when the answer came. The second
    // answer to a request is told from others' answers.
    if (is_forgotten)
      publish_again(id, waiting);
  }
  // Responders that lost the broker when we did come back when we do.
  for (auto& action : presence_.unserved(now))
    deserted_.insert_or_assign(std::move(action), Deserted{now, now + limits::return_grace});
}

void Exchanges::link_down(std::string why, Instant now) {
  why_down_ = std::move(why);
  was_down_ = true;
  if (!link_) {
    broken_alone_.reset();  // the broker is away: that is why the connection broke
    return;
  }
  link_.reset();
  down_since_ = now;
  broken_alone_ = std::exchange(alone_, {});
  if (broken_alone_ && now - broken_alone_->published >= prompt)
    broken_alone_.reset();
  if (unacknowledged_.size() > 1)
    offenders_.broke_in_company(now);
  // What had no PUBACK may have been lost with the connection, or may have broken it.
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
    if (waiting.published && now - *waiting.published >= just_published)
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
  if (subscribers == Subscribers::perhaps) {
    waiting.was_delivered = true;
    waiting.is_undelivered = false;
    return;
  }
  const std::string& action = waiting.request.presence_key;
  if (waiting.was_delivered) {
    // Whoever got it before may still answer, unless that was a responder that is gone.
    if (presence_.is_unserved(action, now) && !deserted_.contains(action))
      end(found, gone_responders(action), now);
    return;
  }
  waiting.is_owed = false;
  waiting.is_undelivered = true;
  if (!may_come_back(action, now))
    end(found, no_subscriber(waiting.request), now);
}

/// Whether responders may just be on their way back, with the broker or after they lost it.
bool Exchanges::may_come_back(const std::string& action, Instant now) const {
  return deserted_.contains(action) ||
         (was_down_ && !is_due(up_since_ + limits::return_grace, now));
}

void Exchanges::learn_round_trip(Duration sample) {
  constexpr int weight = 8;
  round_trip_ = round_trip_ ? *round_trip_ + (sample - *round_trip_) / weight : sample;
}

/// The shortest that answers take, of late.
void Exchanges::learn_answer_time(const std::string& action, Duration sample) {
  constexpr int weight = 8;
  const auto [known, is_new] = answer_times_.emplace(action, sample);
  if (!is_new)
    known->second = std::min(sample, known->second + (sample - known->second) / weight);
}

/// Coming back takes a responder some round trips: TCP, CONNECT, SUBSCRIBE, its announcement. It
/// may be further away from the broker than we; its answers tell.
Duration Exchanges::gone_grace(const std::string& action) const {
  const auto answer_time = answer_times_.find(action);
  const Duration ours = round_trip_.value_or(unknown_round_trip);
  const Duration trip =
      answer_time != answer_times_.end() ? std::max(ours, answer_time->second) : ours;
  return std::clamp<Duration>(limits::gone_round_trips * trip, limits::gone_grace,
                              limits::return_grace);
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

// Publishing ----------------------------------------------------------------------------------

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
  if (!to_publish_.empty() && in_flight_ < bounds_.in_flight)
    return to_publish_.pop();
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
  const bool has_room = waiting_.at(first.exchange).published || in_flight_ < bounds_.in_flight;
  return has_room && !waits_for_trial_ ? std::optional(first.exchange) : std::nullopt;
}

std::optional<Failure> Exchanges::why_not_published(const Waiting& waiting, Instant now) const {
  const MqttRequest& request = waiting.request;
  if (is_due(request.deadline, now))
    return why_unanswered(waiting);
  const std::size_t bytes = packet_overhead + 2 * waiting.request.response_topic.size() +
                            request.payload.size() + request.traceparent.size() +
                            request.tracestate.size();
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

Publish Exchanges::publish(ExchangeId exchange, Waiting& waiting, Instant now) {
  if (!waiting.published) {
    ++in_flight_;
    waiting.first_published = now;
    enter_lane(exchange, waiting);
  }
  waiting.published = now;
  waiting.is_owed = true;
  waiting.is_undelivered = false;  // this time it may be
  waiting.acknowledged.reset();
  unacknowledged_.insert(exchange);
  const MqttRequest& request = waiting.request;
  return {.exchange = exchange,
          .request_topic = request.request_topic,
          .response_topic = request.response_topic,
          .payload = request.payload,
          .correlation = request.correlation,
          .traceparent = request.traceparent,
          .tracestate = request.tracestate,
          .remaining = request.deadline - now};
}

// Responses -----------------------------------------------------------------------------------

void Exchanges::response(const Response& response, Instant now) {
  if (response.retained)
    return drop(Dropped::retained);
  const std::string lane(response.topic);
  const auto exclusive = exclusive_lanes_.find(lane);
  if (response.correlation) {
    const bool is_late =
        exclusive != exclusive_lanes_.end() && exclusive->second.take_late(*response.correlation);
    if (is_late)
      drop(Dropped::late);
    const bool is_ours = is_late || respond_by_correlation(response, now);
    if (is_ours && exclusive != exclusive_lanes_.end()) {
      exclusive->second.correlates();
      take_turns(exclusive->first, exclusive->second, now);
    }
    return;
  }
  if (const auto found = by_key_.find({Key::In::topic, response.topic, {}, {}});
      found != by_key_.end()) {
    return respond_by_key(found->second, response, MatchedBy::topic, now);
  }
  if (const auto found = id_lanes_.find(response.topic); found != id_lanes_.end())
    return respond_by_id(found->second, response, now);
  if (exclusive != exclusive_lanes_.end())
    return respond_in_turn(exclusive->second, response, now);
  if (const auto found = content_lanes_.find(lane); found != content_lanes_.end())
    return respond_by_content(found->second, response, now);
  drop(response.is_foreign ? Dropped::foreign_topic : Dropped::unmatched);
}

/// Whether it was for one of ours.
bool Exchanges::respond_by_correlation(const Response& response, Instant now) {
  const auto found = by_key_.find(correlation_key(*response.correlation));
  if (found == by_key_.end()) {
    drop(Dropped::unknown_correlation);
    return false;
  }
  const Waiting& waiting = waiting_.at(found->second);
  if (waiting.request.response_topic != response.topic || !waiting.published) {
    drop(Dropped::wrong_lane);
    return false;
  }
  if (std::holds_alternative<MatchByContent>(waiting.request.matching))
    content_lanes_.at(waiting.request.response_topic).correlates();
  accept(found->second, response, MatchedBy::correlation, now);
  return true;
}

void Exchanges::respond_by_key(ExchangeId exchange, const Response& response, MatchedBy rule,
                               Instant now) {
  if (!waiting_.at(exchange).published)
    return drop(Dropped::wrong_lane);
  accept(exchange, response, rule, now);
}

void Exchanges::respond_by_id(IdLane& lane, const Response& response, Instant now) {
  if (response.payload.size() > limits::id_bytes) {
    lane.unmatched.add(response.payload.size(), Unmatched::Looks::unchecked);
    return drop(Dropped::unchecked);
  }
  std::vector<std::string> pointers;
  for (const auto& [pointer, count] : lane.pointers)
    pointers.push_back(pointer);
  const auto ids = ids_at(response.payload, pointers);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!ids[i])
      continue;
    const auto found = by_key_.find({Key::In::id, response.topic, pointers[i], *ids[i]});
    if (found != by_key_.end())
      return respond_by_key(found->second, response, MatchedBy::id, now);
  }
  lane.unmatched.add(response.payload);
  drop(Dropped::unmatched);
}

void Exchanges::respond_by_content(ContentLane& lane, const Response& response, Instant now) {
  // An error answer does not tell its request, so without correlation data it answers none.
  if (response.status) {
    lane.unmatched.add(response.payload.size(), Unmatched::Looks::error);
    return drop(Dropped::unmatched);
  }
  const auto found = lane.find(response.payload, now, forgetful_until_);
  const auto* const match = std::get_if<ContentLane::Match>(&found);
  if (match == nullptr) {
    switch (std::get<ContentLane::NoMatch>(found)) {
      case ContentLane::NoMatch::late:
        return drop(Dropped::late);
      case ContentLane::NoMatch::unmatched:
        return drop(Dropped::unmatched);
      case ContentLane::NoMatch::unchecked:
        return drop(Dropped::unchecked);
    }
    return;
  }
  Response accepted = response;
  if (match->answer)
    accepted.payload = *match->answer;
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
    lane.unmatched.add(response.payload);
  drop(Dropped::unmatched);
  take_turns(topic, lane, now);  // it may have been the late answer that all waited for
}

void Exchanges::accept(ExchangeId exchange, const Response& response, MatchedBy rule, Instant now) {
  const auto waiting = waiting_.find(exchange);
  waiting->second.is_owed = false;
  learn_answer_time(waiting->second.request.presence_key, now - *waiting->second.published);
  presence_.answered(waiting->second.request.presence_key, response.responder.value_or(""), now);
  if (response.status) {
    std::string text(response.error.value_or("the responder gave no reason"));
    if (!is_utf8(text))
      text = "the responder gave a reason that is not UTF-8";
    return end(waiting,
               Failure{Problem::responder_error, std::move(text), status_of(*response.status)},
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
  const auto fresh = presence_.announced(responder, actions, heard);
  for (const auto& action : actions)
    deserted_.erase(action);
  // What waits for one of these may have been published while no responder was there for it, or
  // while this one had lost its connection.
  std::set<std::string> again(fresh.begin(), fresh.end());
  if (heard == Heard::live)
    again.insert(actions.begin(), actions.end());
  publish_again(again);
}

void Exchanges::gone(std::string_view responder, Instant now) {
  std::set<std::string> served;
  for (auto& action : presence_.gone(responder)) {
    if (!presence_.is_unserved(action, now))
      served.insert(std::move(action));  // another one may answer what this one got
    else if (link_ && deserted_.size() < most_deserted)
      deserted_.emplace(action, Deserted{now, now + gone_grace(action)});
  }
  publish_again(served);
}

void Exchanges::end_deserted(Instant now) {
  for (auto& action : presence_.expire(now))
    deserted_.emplace(std::move(action), Deserted{now, now});
  if (!link_)
    return;
  for (auto deserted = deserted_.begin(); deserted != deserted_.end();) {
    if (!is_due(deserted->second.until, now)) {
      ++deserted;
      continue;
    }
    const auto [action, when] = *deserted;
    deserted = deserted_.erase(deserted);
    if (presence_.is_unserved(action, now))
      end_deserted(action, when.since, now);
  }
}

/// The responders of `action` did not come back. Where the broker can say whether any client gets a
/// request, its word counts: what can be published again is, and what a client got since then waits
/// for its answer.
void Exchanges::end_deserted(const std::string& action, Instant since, Instant now) {
  const bool broker_tells = tells_subscribers_ || link_->may_tell_subscribers;
  for (auto& [id, waiting] : waiting_) {
    if (waiting.request.presence_key == action && broker_tells && waiting.request.is_idempotent)
      publish_again(id, waiting);
  }
  end_all(now, [&](const Waiting& waiting) -> std::optional<Failure> {
    if (waiting.request.presence_key != action)
      return std::nullopt;
    if (waiting.is_undelivered)
      return no_subscriber(waiting.request);
    const bool has_news = waiting.was_delivered && *waiting.published >= since;
    const bool is_told = !waiting.published || waiting.request.is_idempotent || has_news;
    return broker_tells && is_told ? std::nullopt : std::optional(gone_responders(action));
  });
}

// Endings -------------------------------------------------------------------------------------

void Exchanges::expire(Instant now) {
  while (!deadlines_.empty() && is_due(deadlines_.begin()->first, now)) {
    const auto waiting = waiting_.find(deadlines_.begin()->second);
    end(waiting, why_unanswered(waiting->second), now);
  }
  end_unpublished(now);
  end_deserted(now);
  end_quarantines(now);
  publish_again_by_time(now);
}

/// Once the link has been down for long enough, what waits to be published waits no longer. What
/// was published may still be answered when the link is back.
void Exchanges::end_unpublished(Instant now) {
  if (link_ || queued() == 0 || !is_due(down_since_ + bounds_.down_grace, now))
    return;
  end_all(now, [this](const Waiting& waiting) -> std::optional<Failure> {
    if (waiting.published)
      return std::nullopt;
    return Failure{Problem::broker_unavailable, why_down_, {}};
  });
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
  const MqttRequest& request = waiting.request;
  if (!waiting.published) {
    if (!link_)
      return {Problem::broker_unavailable, why_down_, {}};
    if (takes_turns(waiting.request))
      return {Problem::overloaded,
              "other calls had their turn on " + waiting.request.response_topic,
              {}};
    return {Problem::overloaded, "the MQTT broker did not take the request in time", {}};
  }
  const std::string waited = "within " + in_words(request.deadline - request.arrived);
  std::string detail = "published to " + request.request_topic;
  if (const std::string came = what_came(waiting); !came.empty()) {
    return {Problem::unmatched_response,
            detail + "; on " + waiting.request.response_topic + " came " + came +
                ", but no answer to this request " + waited,
            {}};
  }
  detail += waiting.acknowledged ? ", which the broker acknowledged"
                                 : ", which the broker did not acknowledge";
  detail += "; no response came on " + waiting.request.response_topic + " " + waited;
  if (!request.presence_key.empty() && presence_.is_unheard_of(request.presence_key))
    detail += "; no responder has announced or answered " + request.presence_key + " so far";
  return {Problem::response_timeout, std::move(detail), {}};
}

/// The responses on its topic that answered no call, since it was published.
std::string Exchanges::what_came(const Waiting& waiting) const {
  const Unmatched* const unmatched = unmatched_on(waiting);
  return unmatched != nullptr ? unmatched->since(waiting.unmatched_before) : "";
}

/// Of its response topic; null where none are counted.
const Unmatched* Exchanges::unmatched_on(const Waiting& waiting) const {
  const auto& [topic, matching] =
      std::tie(waiting.request.response_topic, waiting.request.matching);
  if (std::holds_alternative<MatchByTurn>(matching))
    return &exclusive_lanes_.at(topic).unmatched;
  if (std::holds_alternative<MatchById>(matching)) {
    const auto lane = id_lanes_.find(topic);
    return lane != id_lanes_.end() ? &lane->second.unmatched : nullptr;
  }
  const auto lane = content_lanes_.find(topic);
  return lane != content_lanes_.end() ? &lane->second.unmatched : nullptr;
}

std::optional<TurnNote> Exchanges::next_turn_note() {
  if (turn_notes_.empty())
    return std::nullopt;
  TurnNote note = std::move(turn_notes_.front());
  turn_notes_.pop_front();
  return note;
}

EarlierRun Exchanges::left_behind(Instant now) const {
  EarlierRun left{.doubt = std::max(forgetful_until_ - now, Duration(0)), .turns = {}};
  for (const auto& [topic, lane] : exclusive_lanes_) {
    if (const auto until = lane.rests_until(now)) {
      left.turns.insert(topic);
      left.doubt = std::max(left.doubt, *until - now);
    }
  }
  if (is_due(doubtful_until_, now))
    return left;
  for (const std::string& topic : earlier_turns_) {
    if (!exclusive_lanes_.contains(topic))
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
  for (const auto& [action, deserted] : deserted_)
    consider(deserted.until);
  return next;
}

std::vector<Exchanges::Fill> Exchanges::fills() const {
  const std::size_t most = bounds_.in_flight + bounds_.queued;
  const std::size_t busy_lanes = content_lanes_.size() - resting_.size();
  return {{"in flight", in_flight_, bounds_.in_flight, true},
          {"queued", queued(), bounds_.queued, true},
          {"NetIDs", by_fairness_key_.size(), most, true},
          {"bytes", waiting_bytes_, bounds_.bytes, true},
          {"keys", by_key_.size(), 2 * most, true},
          {"topics with ids", id_lanes_.size(), most, true},
          {"deadlines", deadlines_.size(), most, true},
          {"to publish", to_publish_.size(), bounds_.queued, true},
          {"to publish again", to_publish_again_.size(), most, true},
          {"suspects", suspects_.size(), most, true},
          {"offenders", offenders_.size(), limits::offenders, false},
          {"probes", probes_.size(), limits::presence_probes, false},
          {"turn notes", turn_notes_.size(), 2 * limits::exclusive_lanes, true},
          {"unacknowledged", unacknowledged_.size(), bounds_.window, true},
          {"ended", ended_.size(), most, true},
          {"busy lanes", busy_lanes, most, true},
          {"resting lanes", resting_.size(), limits::resting_lanes, false},
          {"exclusive lanes", exclusive_lanes_.size(), limits::exclusive_lanes, false},
          {"quarantines", quarantines_.size(), limits::exclusive_lanes, true},
          {"deserted actions", deserted_.size(), most_deserted, true}};
}

/// Ends what `why` gives a failure for. The end of one may be the end of others.
template <typename Why>
void Exchanges::end_all(Instant now, const Why& why) {
  std::vector<std::pair<ExchangeId, Failure>> ends;
  for (const auto& [id, waiting] : waiting_) {
    if (auto failure = why(waiting))
      ends.emplace_back(id, *std::move(failure));
  }
  for (auto& [id, failure] : ends) {
    if (const auto waiting = waiting_.find(id); waiting != waiting_.end())
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
  to_publish_.erase(waiting.request.fairness_key, id);
  to_publish_again_.erase(id);
  clear(waiting);
  by_key_.erase(correlation_key(waiting.request.correlation));
  if (const auto key = own_key(waiting.request))
    by_key_.erase(*key);
  waiting_bytes_ -= waiting.request.payload.size();
  in_flight_ -= waiting.published ? 1 : 0;
  if (const auto netid = by_fairness_key_.find(waiting.request.fairness_key); --netid->second == 0)
    by_fairness_key_.erase(netid);
  leave_lane(id, waiting, now);
  waiting_.erase(entry);
}

// Lanes ---------------------------------------------------------------------------------------

void Exchanges::enter_lane(ExchangeId exchange, Waiting& waiting) {
  if (const auto* const rule = std::get_if<MatchByContent>(&waiting.request.matching)) {
    auto lane = content_lanes_.find(waiting.request.response_topic);
    if (lane == content_lanes_.end())
      lane =
          content_lanes_.emplace(waiting.request.response_topic, ContentLane(rule->action)).first;
    else if (lane->second.is_resting())
      resting_.erase({lane->second.last_used(), waiting.request.response_topic});
    lane->second.enter(exchange, waiting.request.payload);
  }
  if (const auto* const match = std::get_if<MatchById>(&waiting.request.matching))
    ++id_lanes_[waiting.request.response_topic].pointers[match->pointer];
  const Unmatched* const unmatched = unmatched_on(waiting);
  waiting.unmatched_before = unmatched != nullptr ? unmatched->count() : 0;
}

void Exchanges::leave_lane(ExchangeId exchange, Waiting& waiting, Instant now) {
  if (takes_turns(waiting.request)) {
    ExclusiveLane& lane = exclusive_lanes_.at(waiting.request.response_topic);
    forget_quarantine(waiting.request.response_topic, lane);
    lane.leave(exchange, waiting.request.correlation,
               waiting.is_owed ? ExclusiveLane::Owed::an_answer : ExclusiveLane::Owed::nothing, now,
               bounds_.turn_rest);
    remember_quarantine(waiting.request.response_topic, lane);
    take_turns(waiting.request.response_topic, lane, now);
    return end_hopeless(lane, now);
  }
  if (!waiting.published)
    return;
  if (const auto* const match = std::get_if<MatchById>(&waiting.request.matching))
    return leave_id_lane(waiting.request.response_topic, match->pointer);
  if (!std::holds_alternative<MatchByContent>(waiting.request.matching))
    return;
  ContentLane& lane = content_lanes_.at(waiting.request.response_topic);
  lane.leave(exchange, std::move(waiting.request.payload), std::move(waiting.taken), now);
  if (lane.is_resting())
    rest(waiting.request.response_topic, lane);
}

void Exchanges::leave_id_lane(const std::string& topic, const std::string& pointer) {
  const auto lane = id_lanes_.find(topic);
  const auto count = lane->second.pointers.find(pointer);
  if (--count->second == 0)
    lane->second.pointers.erase(count);
  if (lane->second.pointers.empty())
    id_lanes_.erase(lane);
}

/// Tells those that wait for a turn that they would wait in vain.
void Exchanges::end_hopeless(ExclusiveLane& lane, Instant now) {
  const auto until = lane.rests_until(now);
  const auto queue = lane.waiting();
  for (const ExchangeId exchange : queue) {
    const auto waiting = waiting_.find(exchange);
    if (until && waiting != waiting_.end() && waiting->second.request.deadline <= *until)
      end(waiting, turn_pending(waiting->second.request.response_topic, *until - now), now);
  }
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
  const bool is_doubtful = now < doubtful_until_ && earlier_turns_.contains(topic);
  ExclusiveLane& lane =
      exclusive_lanes_
          .emplace(topic,
                   ExclusiveLane(is_doubtful ? std::optional(doubtful_until_) : std::nullopt))
          .first->second;
  remember_quarantine(topic, lane);
  return &lane;
}

void Exchanges::take_turns(const std::string& topic, ExclusiveLane& lane, Instant now) {
  while (const auto exchange = lane.next(now))
    to_publish_.insert(waiting_.at(*exchange).request.fairness_key, *exchange);
  note_turns(topic, lane);
}

/// Tells once when turns begin to matter on a topic, and when they no longer do.
void Exchanges::note_turns(const std::string& topic, ExclusiveLane& lane) {
  const bool takes_turns = !lane.is_known_to_correlate();
  if (takes_turns == lane.is_noted)
    return;
  lane.is_noted = takes_turns;
  turn_notes_.push_back({topic, takes_turns});
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
      take_turns(lane->first, lane->second, now);
  }
}

}  // namespace mqtt_bridge
