// The table of exchanges: which requests wait, what may be published now, and whose answer each
// response is. It is told facts with `now` and asked for decisions; it has no clock, socket or
// lock.
//
// A response is accepted by the strongest rule available: by Correlation Data alone when it carries
// any (MQTT 5.0 4.10.2); else by its content, see content_rule.hpp; never because somebody waits.
//
// Invariants:
//  1. Every exchange that begin() admitted ends exactly once, by expire() at its deadline at
//  latest.
//  2. Nothing is handed out for publishing at or after its deadline, nor beyond the window.
//  3. A response that no rule accepts ends nothing; it is counted under its reason.
//  4. Every container is bounded by limits.hpp.
// Threads: the owner serialises.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "core/action.hpp"
#include "core/instant.hpp"
#include "core/limits.hpp"
#include "core/problem.hpp"

namespace mqtt_bridge {

using ExchangeId = std::uint64_t;

/// A request as a caller makes it. REQUIRES: a valid NetID, a payload that is UTF-8.
struct Call {
  std::string netid;
  Action action;
  std::string payload;
  std::string correlation;  // 16 unpredictable bytes
  Instant arrived;
  Instant deadline;
};

/// What to publish, to request_topic(netid, action), QoS 1.
struct Publish {
  ExchangeId exchange;
  std::string_view netid;  // these views hold until the table is next changed
  Action action;
  std::string_view payload;
  std::string_view correlation;
  Duration remaining;  // until the deadline; above zero
};

/// A PUBLISH that arrived, as far as the protocol gives it a meaning.
struct Response {
  std::string_view topic;
  std::string_view payload;
  std::optional<std::string_view> correlation = {};  // MQTT 5.0 3.3.2.3.6
  bool retained = false;
  std::optional<std::string_view> status = {};     // user property: an error answer's HTTP status
  std::optional<std::string_view> error = {};      // user property: an error answer's text
  std::optional<std::string_view> responder = {};  // user property: who answered
};

enum class MatchedBy { correlation, content, folded_content };
std::string_view to_string(MatchedBy rule);

struct Answer {
  std::string payload;  // UTF-8
  MatchedBy matched_by;
  std::string responder;  // empty when it did not say
};

struct Failure {
  Problem problem;
  std::string detail;
  std::optional<int> status;  // where a responder named one
};

/// How an exchange ended, and when it passed each station (nothing where it never did).
struct Ended {
  ExchangeId exchange;
  std::variant<Answer, Failure> outcome;
  Instant arrived;
  std::optional<Instant> published;
  std::optional<Instant> acknowledged;
  Instant ended;
};

/// Why a response was no use to anybody.
enum class Dropped { retained, foreign_topic, unknown_correlation, wrong_lane, late, unmatched };
inline constexpr std::size_t dropped_reasons = 6;
std::string_view to_string(Dropped reason);

/// What the link offers once its subscriptions are granted.
struct LinkUp {
  bool session_present;  // the broker kept our subscriptions and what it owes us
  std::size_t window;    // publishes that may be unacknowledged at once; at least 1
};

class Exchanges {
 public:
  struct Bounds {
    std::size_t exchanges = limits::exchanges;
    std::size_t bytes = limits::exchange_bytes;
    std::size_t window = limits::publish_window;
    Duration down_grace = limits::down_grace;
  };

  /// The link counts as down from `now` on.
  explicit Exchanges(Instant now) : Exchanges(now, Bounds{}) {}
  Exchanges(Instant now, Bounds bounds) : bounds_(bounds), down_since_(now) {}

  /// Admits a call, or says at once why not: overloaded, broker-unavailable (the link has been down
  /// for longer than down_grace), shutting-down.
  std::variant<ExchangeId, Failure> begin(Call call);

  // Facts.
  void link_up(const LinkUp& link);
  void link_down(Instant now);
  void acknowledged(ExchangeId exchange, Instant now);
  /// The broker took no responsibility for the request: a PUBACK with `why`.
  void refused(ExchangeId exchange, std::string why, Instant now);
  void response(const Response& response, Instant now);
  /// Ends what is due. Calling it too often is harmless.
  void expire(Instant now);
  /// From now on begin() refuses; what waits is still served.
  void drain() { draining_ = true; }
  /// Ends everything that waits.
  void abandon(Instant now);

  // Decisions: ask until there is nothing more.
  std::optional<Publish> next_publish(Instant now);
  std::optional<Ended> next_ended();
  /// When to call expire() next.
  std::optional<Instant> next_deadline() const;

  // What there is to see.
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t unacknowledged() const { return unacknowledged_.size(); }
  std::uint64_t dropped(Dropped reason) const { return dropped_[static_cast<std::size_t>(reason)]; }

 private:
  /// The keys by which a response finds a request; made when first needed.
  struct Keys {
    std::vector<std::string> exact;
    std::optional<std::string> folded;
  };

  struct Waiting {
    Call call;
    std::string topic;  // the response topic: its lane
    Instant published{};
    bool is_published = false;
    std::optional<Instant> acknowledged;
    std::uint64_t strangers_before = 0;  // the lane's unmatched responses when it was published
    std::optional<Keys> keys;
    std::optional<std::string> taken;  // the response that ended it by its content
  };

  /// A request that was published and has ended: its answer, or one more, may still come.
  struct Memory {
    Action action;
    std::string payload;
    Instant ended;
    std::optional<Keys> keys;
    std::optional<std::string> taken;  // the response that it took by its content
  };

  /// One response topic.
  struct Lane {
    std::set<ExchangeId> published;    // in the order in which they came
    std::set<ExchangeId> not_indexed;  // of these, those whose keys are not in the index yet
    std::unordered_map<std::string, std::set<ExchangeId>> index;
    std::deque<Memory> memories;
    std::size_t memory_bytes = 0;
    Instant forgetful_until{};  // a memory was dropped early: until then trust no folded match
    std::uint64_t strangers = 0;
    Instant last_used{};
  };
  using Lanes = std::unordered_map<std::string, Lane>;

  using Table = std::map<ExchangeId, Waiting>;

  void respond_by_correlation(const Response& response, Instant now);
  void respond_by_content(Lane& lane, const Response& response, Instant now);
  std::optional<ExchangeId> exact_match(Lane& lane, Action action, std::string_view payload);
  std::optional<ExchangeId> folded_match(Lane& lane, Action action, std::string_view payload,
                                         Instant now);
  Memory* remembered(Lane& lane, Action action, std::string_view payload);
  void hand_on(Lane& lane, Memory& memory, const Response& response, Action action, Instant now);
  const Keys& keys_of(Action action, std::string_view payload, std::optional<Keys>& keys) const;
  void accept(Table::iterator waiting, const Response& response, MatchedBy rule, Instant now);
  void end(Table::iterator waiting, std::variant<Answer, Failure> outcome, Instant now);
  void leave_lane(ExchangeId exchange, Waiting& waiting, Instant now);
  static std::size_t bytes_of(const Memory& memory);
  void remember(Lane& lane, Waiting& waiting, Instant now);
  Lane& enter_lane(ExchangeId exchange, const std::string& topic, Instant now);
  void make_room_for_a_lane(Instant now);
  Failure why_unanswered(const Waiting& waiting) const;
  void drop(Dropped reason) { ++dropped_[static_cast<std::size_t>(reason)]; }

  const Bounds bounds_;
  Table waiting_;
  std::size_t waiting_bytes_ = 0;
  std::unordered_map<std::string_view, ExchangeId> by_correlation_;  // views into waiting_
  std::set<std::pair<Instant, ExchangeId>> deadlines_;
  std::set<ExchangeId> to_publish_;
  std::unordered_set<ExchangeId> unacknowledged_;
  Lanes lanes_;
  std::size_t resting_lanes_ = 0;  // of lanes_, those that hold nothing but memories
  Instant forgetful_until_{};      // as in Lane, for lanes that were dropped whole
  std::deque<Ended> ended_;
  std::array<std::uint64_t, dropped_reasons> dropped_{};
  ExchangeId last_id_ = 0;
  std::size_t window_ = 0;  // 0 while the link is down
  std::optional<Instant> down_since_;
  bool draining_ = false;
};

}  // namespace mqtt_bridge
