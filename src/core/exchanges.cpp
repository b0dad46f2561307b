#include "core/exchanges.hpp"

#include <algorithm>
#include <utility>

#include "core/content_rule.hpp"
#include "core/topic.hpp"
#include "core/utf8.hpp"

namespace mqtt_bridge {

std::string_view to_string(MatchedBy rule) {
  switch (rule) {
    case MatchedBy::correlation:
      return "correlation";
    case MatchedBy::content:
      return "content";
    case MatchedBy::folded_content:
      return "folded-content";
  }
  return {};
}

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
  if (draining_) {
    return Failure{Problem::shutting_down, "this bridge is shutting down", {}};
  }
  if (waiting_.size() >= bounds_.exchanges ||
      waiting_bytes_ + call.payload.size() > bounds_.bytes) {
    return Failure{Problem::overloaded, "too many calls are waiting for their answer", {}};
  }
  if (down_since_ && call.arrived - *down_since_ > bounds_.down_grace) {
    return Failure{Problem::broker_unavailable, "there is no connection to the MQTT broker", {}};
  }
  const ExchangeId id = ++last_id_;
  std::string topic = response_topic(call.netid, call.action);
  waiting_bytes_ += call.payload.size();
  deadlines_.emplace(call.deadline, id);
  to_publish_.insert(id);
  Waiting& waiting = waiting_[id];
  waiting.call = std::move(call);
  waiting.topic = std::move(topic);
  by_correlation_.emplace(waiting.call.correlation, id);
  return id;
}

// The link ------------------------------------------------------------------------------------

void Exchanges::link_up(const LinkUp& link) {
  down_since_.reset();
  window_ = std::clamp<std::size_t>(link.window, 1, bounds_.window);
  // What had no PUBACK may have been lost with the connection, and is published again. What had
  // one is the broker's to deliver, and its answer waits for us there, as long as it kept our
  // session; else our subscription was gone when the answer came, so the request goes out again.
  // Every action is idempotent, and the second answer to a request is told from others' answers.
  for (const auto& [id, waiting] : waiting_) {
    if (!link.session_present || !waiting.acknowledged)
      to_publish_.insert(id);
  }
  unacknowledged_.clear();
}

void Exchanges::link_down(Instant now) {
  window_ = 0;
  if (!down_since_)
    down_since_ = now;
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
    end(waiting, Failure{Problem::broker_unavailable, std::move(why), {}}, now);
  }
}

std::optional<Publish> Exchanges::next_publish(Instant now) {
  while (!to_publish_.empty() && unacknowledged_.size() < window_) {
    const ExchangeId id = *to_publish_.begin();
    to_publish_.erase(to_publish_.begin());
    Waiting& waiting = waiting_.at(id);
    if (waiting.call.deadline <= now)
      continue;  // expire() ends it
    if (!waiting.is_published) {
      waiting.is_published = true;
      waiting.published = now;
      waiting.strangers_before = enter_lane(id, waiting.topic, now).strangers;
    }
    waiting.acknowledged.reset();
    unacknowledged_.insert(id);
    return Publish{id,
                   waiting.call.netid,
                   waiting.call.action,
                   waiting.call.payload,
                   waiting.call.correlation,
                   waiting.call.deadline - now};
  }
  return std::nullopt;
}

// Responses -----------------------------------------------------------------------------------

void Exchanges::response(const Response& response, Instant now) {
  if (response.retained)
    return drop(Dropped::retained);
  if (response.correlation)
    return respond_by_correlation(response, now);
  const auto lane = lanes_.find(std::string(response.topic));
  if (lane != lanes_.end())
    return respond_by_content(lane->second, response, now);
  drop(parse_response_topic(response.topic) ? Dropped::unmatched : Dropped::foreign_topic);
}

void Exchanges::respond_by_correlation(const Response& response, Instant now) {
  const auto found = by_correlation_.find(*response.correlation);
  if (found == by_correlation_.end())
    return drop(Dropped::unknown_correlation);
  const auto waiting = waiting_.find(found->second);
  if (waiting->second.topic != response.topic)
    return drop(Dropped::wrong_lane);
  accept(waiting, response, MatchedBy::correlation, now);
}

void Exchanges::respond_by_content(Lane& lane, const Response& response, Instant now) {
  // An error answer says nothing about its request, so without correlation it is nobody's.
  const auto topic = parse_response_topic(response.topic);
  if (topic && !response.status) {
    const Action action = topic->action;
    if (const auto id = exact_match(lane, action, response.payload)) {
      return accept(waiting_.find(*id), response, MatchedBy::content, now);
    }
    if (Memory* memory = remembered(lane, action, response.payload)) {
      drop(Dropped::late);
      return hand_on(lane, *memory, response, action, now);
    }
    if (const auto id = folded_match(lane, action, response.payload, now)) {
      return accept(waiting_.find(*id), response, MatchedBy::folded_content, now);
    }
  }
  ++lane.strangers;
  drop(Dropped::unmatched);
}

const Exchanges::Keys& Exchanges::keys_of(Action action, std::string_view payload,
                                          std::optional<Keys>& keys) const {
  if (!keys)
    keys = Keys{answer_keys(action, payload), folded_key(action, payload)};
  return *keys;
}

/// The oldest published exchange of the lane that has `payload` among its right answers.
std::optional<ExchangeId> Exchanges::exact_match(Lane& lane, Action action,
                                                 std::string_view payload) {
  for (const ExchangeId id : lane.not_indexed) {
    Waiting& waiting = waiting_.at(id);
    for (const auto& key : keys_of(action, waiting.call.payload, waiting.keys).exact) {
      lane.index[key].insert(id);
    }
  }
  lane.not_indexed.clear();
  const auto found = lane.index.find(response_key(action, payload));
  if (found == lane.index.end())
    return std::nullopt;
  return *found->second.begin();
}

/// A request that has ended and has `payload` among its right answers; best one that took another.
Exchanges::Memory* Exchanges::remembered(Lane& lane, Action action, std::string_view payload) {
  const std::string key = response_key(action, payload);
  Memory* found = nullptr;
  for (Memory& memory : lane.memories) {
    const auto& exact = keys_of(action, memory.payload, memory.keys).exact;
    if (std::find(exact.begin(), exact.end(), key) == exact.end())
      continue;
    if (memory.taken && *memory.taken != payload)
      return &memory;
    found = &memory;
  }
  return found;
}

/// A request that took one right answer, and now gets another one, may have taken what was meant
/// for a younger request that has it among its right answers too: that one gets it now.
void Exchanges::hand_on(Lane& lane, Memory& memory, const Response& response, Action action,
                        Instant now) {
  if (!memory.taken || *memory.taken == response.payload)
    return;
  const std::string taken = *std::exchange(memory.taken, std::nullopt);
  lane.memory_bytes -= taken.size();
  if (const auto id = exact_match(lane, action, taken)) {
    Response earlier = response;
    earlier.payload = taken;
    accept(waiting_.find(*id), earlier, MatchedBy::content, now);
  }
}

/// The only exchange of the lane that `payload` could mean by a case mapping we do not know;
/// nothing when two could, one that has ended included, or when one may have been forgotten.
std::optional<ExchangeId> Exchanges::folded_match(Lane& lane, Action action,
                                                  std::string_view payload, Instant now) {
  const auto folded = folded_key(action, payload);
  if (!folded || now < std::max(lane.forgetful_until, forgetful_until_))
    return std::nullopt;
  for (Memory& memory : lane.memories) {
    if (keys_of(action, memory.payload, memory.keys).folded == folded)
      return std::nullopt;
  }
  std::optional<ExchangeId> only;
  for (const ExchangeId id : lane.published) {
    Waiting& waiting = waiting_.at(id);
    if (keys_of(action, waiting.call.payload, waiting.keys).folded != folded)
      continue;
    if (only)
      return std::nullopt;
    only = id;
  }
  return only;
}

void Exchanges::accept(Table::iterator waiting, const Response& response, MatchedBy rule,
                       Instant now) {
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

// Endings -------------------------------------------------------------------------------------

void Exchanges::expire(Instant now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto waiting = waiting_.find(deadlines_.begin()->second);
    end(waiting, why_unanswered(waiting->second), now);
  }
}

void Exchanges::abandon(Instant now) {
  while (!waiting_.empty()) {
    const auto waiting = waiting_.begin();
    Failure failure =
        waiting->second.is_published
            ? Failure{Problem::response_timeout, "this bridge shut down before the answer came", {}}
            : Failure{Problem::shutting_down, "this bridge shut down", {}};
    end(waiting, std::move(failure), now);
  }
}

Failure Exchanges::why_unanswered(const Waiting& waiting) const {
  if (!waiting.is_published) {
    if (down_since_) {
      return {Problem::broker_unavailable, "there is no connection to the MQTT broker", {}};
    }
    return {Problem::overloaded, "the MQTT broker did not take the request in time", {}};
  }
  const auto lane = lanes_.find(waiting.topic);
  if (lane != lanes_.end() && lane->second.strangers > waiting.strangers_before) {
    return {Problem::unmatched_response,
            "responses came on " + waiting.topic + ", but none of them answers this request",
            {}};
  }
  return {
      Problem::response_timeout,
      waiting.acknowledged
          ? "the request was published and the broker acknowledged it, but no response came"
          : "the request was published, the broker did not acknowledge it, and no response came",
      {}};
}

std::optional<Ended> Exchanges::next_ended() {
  if (ended_.empty())
    return std::nullopt;
  Ended ended = std::move(ended_.front());
  ended_.pop_front();
  return ended;
}

std::optional<Instant> Exchanges::next_deadline() const {
  if (deadlines_.empty())
    return std::nullopt;
  return deadlines_.begin()->first;
}

void Exchanges::end(Table::iterator entry, std::variant<Answer, Failure> outcome, Instant now) {
  const ExchangeId id = entry->first;
  Waiting& waiting = entry->second;
  ended_.push_back(Ended{
      .exchange = id,
      .outcome = std::move(outcome),
      .arrived = waiting.call.arrived,
      .published = waiting.is_published ? std::optional(waiting.published) : std::nullopt,
      .acknowledged = waiting.acknowledged,
      .ended = now,
  });
  deadlines_.erase({waiting.call.deadline, id});
  to_publish_.erase(id);
  by_correlation_.erase(waiting.call.correlation);
  waiting_bytes_ -= waiting.call.payload.size();
  if (waiting.is_published)
    leave_lane(id, waiting, now);
  waiting_.erase(entry);
}

// Lanes ---------------------------------------------------------------------------------------

Exchanges::Lane& Exchanges::enter_lane(ExchangeId exchange, const std::string& topic, Instant now) {
  auto lane = lanes_.find(topic);
  if (lane == lanes_.end()) {
    make_room_for_a_lane(now);
    lane = lanes_.emplace(topic, Lane{}).first;
  } else if (lane->second.published.empty()) {
    --resting_lanes_;
  }
  lane->second.published.insert(exchange);
  lane->second.not_indexed.insert(exchange);
  return lane->second;
}

void Exchanges::leave_lane(ExchangeId exchange, Waiting& waiting, Instant now) {
  Lane& lane = lanes_.at(waiting.topic);
  if (lane.not_indexed.erase(exchange) == 0) {
    for (const auto& key : waiting.keys->exact) {
      const auto found = lane.index.find(key);
      found->second.erase(exchange);
      if (found->second.empty())
        lane.index.erase(found);
    }
  }
  remember(lane, waiting, now);
  lane.last_used = now;
  lane.published.erase(exchange);
  if (lane.published.empty())
    ++resting_lanes_;
}

std::size_t Exchanges::bytes_of(const Memory& memory) {
  return memory.payload.size() + (memory.taken ? memory.taken->size() : 0);
}

void Exchanges::remember(Lane& lane, Waiting& waiting, Instant now) {
  lane.memories.push_back(Memory{waiting.call.action, std::move(waiting.call.payload), now,
                                 std::move(waiting.keys), std::move(waiting.taken)});
  lane.memory_bytes += bytes_of(lane.memories.back());
  while (!lane.memories.empty()) {
    const Memory& oldest = lane.memories.front();
    const Instant stale = oldest.ended + limits::memory_age;
    const bool is_over = lane.memories.size() > limits::lane_memories ||
                         lane.memory_bytes > limits::lane_memory_bytes;
    if (stale > now && !is_over)
      break;
    if (stale > now)
      lane.forgetful_until = std::max(lane.forgetful_until, stale);
    lane.memory_bytes -= bytes_of(oldest);
    lane.memories.pop_front();
  }
}

void Exchanges::make_room_for_a_lane(Instant now) {
  if (resting_lanes_ < limits::resting_lanes)
    return;
  auto oldest = lanes_.end();
  for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane) {
    if (!lane->second.published.empty())
      continue;
    if (oldest == lanes_.end() || lane->second.last_used < oldest->second.last_used)
      oldest = lane;
  }
  const Instant stale = oldest->second.last_used + limits::memory_age;
  if (stale > now)
    forgetful_until_ = std::max(forgetful_until_, stale);
  lanes_.erase(oldest);
  --resting_lanes_;
}

}  // namespace mqtt_bridge
