// The table of exchanges: which requests wait, what may be published now, and whose answer each
// response is. It is told facts with `now` and asked for decisions.
//
// A response is accepted by the strongest rule available: by Correlation Data alone when it carries
// any (MQTT 5.0 4.10.1); else as its request says. A topic or an id that only this request has are
// keys that are looked up, as Correlation Data is. Content is compared, see content_matcher.hpp.
// What has none of these takes turns, see turn_matcher.hpp.
//
// An idempotent request that may have been lost with a connection, or that its responder may have
// missed, is published again while it waits. Another one is handed out once, and again only when
// the broker said that no client got it.
//
// What had no acknowledgement when a connection broke may be what broke it, see offenders.hpp.
//
// A call ends at once as no-responder on what is known at that moment: the broker's own word
// (Subscribers::none), else presence, and then one call a second is published all the same.
//
// A patient request waits for what is away, and has room of its own, see exchanges_patient.cpp.
//
// Overload is decided here; the queue is served in turn by NetID, so that none holds up the others.
//
// Invariants:
//  1. Every exchange that begin() admitted ends exactly once, at its deadline at the latest.
//  2. Nothing is handed out for publishing at or after its deadline, nor beyond the window.
//  3. A response that no rule accepts ends nothing; it is counted under its reason.
//  4. Every container is bounded by base/limits.
// Threads: the owner serialises.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/instant.hpp"
#include "base/limits/call.hpp"
#include "base/limits/exchange.hpp"
#include "base/limits/later.hpp"
#include "base/limits/mqtt.hpp"
#include "base/problem.hpp"
#include "exchange/call.hpp"
#include "exchange/call_filters.hpp"
#include "exchange/content_matcher.hpp"
#include "exchange/dropped.hpp"
#include "exchange/fair_queue.hpp"
#include "exchange/judgement.hpp"
#include "exchange/offenders.hpp"
#include "exchange/presence.hpp"
#include "exchange/response_topics.hpp"
#include "exchange/turn_matcher.hpp"
#include "mqtt/message.hpp"

namespace mqtt_bridge {

/// What an earlier run of the program left behind: requests that may still be answered.
struct EarlierRun {
  Duration doubt{};             // how long they may be; 0: there are none
  std::set<std::string> turns;  // the response topics among theirs on which turns were taken
};

class Exchanges {
 public:
  struct Bounds {
    std::size_t in_flight = limits::in_flight;  // published
    std::size_t queued = limits::queued;        // admitted, not yet published
    std::size_t per_netid = limits::per_netid;  // both, of one fairness key
    std::size_t bytes = limits::exchange_bytes;
    std::size_t patient = limits::later_calls;  // patient ones, beside all these
    std::size_t patient_bytes = limits::later_bytes;
    std::size_t window = limits::publish_window;
    Duration down_grace = limits::down_grace;
    Duration turn_rest = limits::turn_rest;  // after a call that ended unanswered
  };

  /// The link counts as down from `now` on.
  explicit Exchanges(Instant now) : Exchanges(now, Bounds{}) {}
  /// Other bounds for calls yet to come; what waits already stays.
  void set_bounds(const Bounds& bounds) { bounds_ = bounds; }
  Exchanges(Instant now, Bounds bounds, EarlierRun earlier = {})
      : bounds_(bounds),
        doubtful_until_(now + earlier.doubt),
        earlier_turns_(std::move(earlier.turns)),
        forgetful_until_(doubtful_until_),
        down_since_(now) {}

  /// Admits a call, or says at once why not: overloaded, turn-pending, turns-elsewhere,
  /// no-responder, broker-refused, broker-unavailable (the link has been down for down_grace),
  /// shutting-down.
  std::variant<ExchangeId, Failure> begin(MqttRequest request);

  // Facts.
  void link_up(LinkUp link, Instant now);
  /// Other daemons' calls are answered on the same topics.
  struct Company {
    std::optional<std::string> why_no_turns;  // in words, where calls may take none here
  };
  void set_company(std::optional<Company> company, Instant now);
  /// The filters to which the broker does not let us subscribe, of those of response topics; from
  /// now on.
  void subscriptions_refused(std::set<std::string> filters, Instant now);
  /// The broker's answer to a subscription of next_filter_change().
  enum class Granted { no, yes };
  void subscribed(const std::string& filter, Granted granted, Instant now);
  /// Whether the only request on the link is one that may break it.
  bool is_on_trial() const { return alone_.has_value(); }
  /// It broke, or an attempt failed; `why`, in words for the caller.
  void link_down(std::string why, Instant now, LinkEnd end = LinkEnd::broken);
  void acknowledged(ExchangeId exchange, Subscribers subscribers, Instant now);
  /// The broker took no responsibility for the request: a PUBACK with `why`.
  void refused(ExchangeId exchange, Refusal refusal, std::string why, Instant now);
  void response(const Response& response, Instant now);
  /// The birth message of a responder, or that it is gone.
  void announced(std::string_view responder, const std::vector<std::string>& actions,
                 Heard heard = Heard::retained, Instant now = {},
                 Correlates correlates = Correlates::perhaps);
  void gone(std::string_view responder, Instant now);
  /// Its caller has gone: ends it, unless it was published.
  void withdraw(ExchangeId exchange, Instant now);
  /// Its caller wants no answer any more: ends it.
  void give_up(ExchangeId exchange, Instant now);
  /// Ends what is due. Calling it too often is harmless.
  void expire(Instant now);
  /// Ends everything that waits, and admits nothing more.
  void abandon(Instant now);

  // Decisions: ask until there is nothing more.
  std::optional<Publish> next_publish(Instant now);
  std::optional<Ended> next_ended();
  bool has_ended() const { return !ended_.empty(); }
  std::optional<TurnNote> next_turn_note();
  std::optional<CallFilters::Change> next_filter_change() { return filters_.next_change(); }
  /// When to call expire() next.
  std::optional<Instant> next_deadline() const;

  /// How full a table is. `empties`: it holds nothing once no exchange waits any more.
  struct Fill {
    std::string_view table;
    std::size_t entries;
    std::size_t bound;
    bool empties;
  };

  // What there is to see.
  std::vector<Fill> fills() const;
  const Bounds& bounds() const { return bounds_; }
  const Presence& presence() const { return presence_; }
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t in_flight() const { return in_flight_; }
  bool is_queued(ExchangeId exchange) const;
  std::size_t queued() const { return waiting_.size() - patient_ - in_flight_; }
  std::size_t patient() const { return patient_; }
  std::size_t unacknowledged() const { return unacknowledged_.size(); }
  /// What the next run has to know of this one, should it end now.
  EarlierRun left_behind(Instant now) const;
  std::uint64_t dropped(Dropped reason) const { return dropped_[static_cast<std::size_t>(reason)]; }
  const std::array<std::uint64_t, dropped_reasons>& dropped() const { return dropped_; }
  /// Of all reasons, and the reason of the last one.
  std::uint64_t drops() const { return drops_; }
  Dropped last_dropped() const { return last_dropped_; }

 private:
  /// Where a suspect stands among those that go out alone: the most likely innocent first. Then
  /// those that broke a connection before, so that it is soon known; then others to their topic.
  enum class Likelihood { proven, fresh, tried, of_broken_topic };
  struct SuspectKey {
    Likelihood likelihood;
    ExchangeId exchange;
    auto operator<=>(const SuspectKey&) const = default;
  };
  struct Waiting {
    MqttRequest request;
    std::size_t missing_filters = 0;         // those of its filters that are not subscribed to yet
    std::optional<Instant> first_published;  // and the last time:
    std::optional<Instant> published;
    std::optional<Instant> acknowledged;
    bool has_place = false;       // among those that its fairness key may have in flight
    bool is_owed = false;         // it was published, and its answer may still come
    bool was_delivered = false;   // as far as the broker says, some subscriber was given it
    bool is_undelivered = false;  // the broker said that there was none, and it was not before
    int losses = 0;               // connections that broke before they acknowledged it
    int trials = 0;               // those of them that it had for itself
    int again = 0;                // how often it was published again as responders came or went
    std::optional<SuspectKey> suspect;   // in suspects_
    std::uint64_t unmatched_before = 0;  // the matcher's unmatched responses when it was published
    std::optional<std::string> accepted_payload;  // the response that ended it by its content
  };
  /// What a response is looked up by. A view into waiting_, or into the response.
  struct Key {
    enum class In { correlation, topic, id } in;
    std::string_view topic;    // the response topic
    std::string_view pointer;  // of an id
    std::string_view text;     // Correlation Data, or the id
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  /// A response topic with ids in its responses.
  struct IdMatcher {
    std::map<std::string, std::size_t> pointers;  // how many published requests have each
    Unmatched unmatched;
  };
  // After an outage responders may come up later than we and miss what we publish; nor does a
  // broker that says so always remember what it acknowledged. So what still waits is published
  // again at these times after the connection came up, and not what was published only just before.
  static constexpr std::array<Duration, 5> again_after{
      std::chrono::milliseconds(300), std::chrono::seconds(1), limits::return_grace,
      std::chrono::seconds(4), std::chrono::seconds(8)};
  static constexpr Duration just_published = std::chrono::milliseconds(200);
  // A connection that broke so soon after a request that was alone on it broke because of that.
  static constexpr Duration prompt = std::chrono::seconds(1);
  static constexpr std::size_t most_unserved = limits::responders * limits::birth_actions;

  using Table = std::map<ExchangeId, Waiting>;
  using Outcome = std::variant<Answer, Failure>;
  /// A request that is, or was, alone on the connection.
  struct Alone {
    ExchangeId exchange;
    std::string topic;  // the request topic
    std::size_t bytes;
    Instant published;
  };

  std::optional<Failure> why_not_admitted(const MqttRequest& request);
  std::optional<Failure> why_no_turn(TurnMatcher& matcher, const MqttRequest& request) const;
  bool is_turn_of_another(const TurnMatcher& matcher, const MqttRequest& request) const;
  bool is_refused(const MqttRequest& request) const;
  bool may_probe(const std::string& topic, Instant now);

  FairQueue& queue_for(const MqttRequest& request) {
    return request.is_patient ? patient_to_publish_ : to_publish_;
  }
  void leave_room(const Waiting& waiting);
  std::optional<Failure> why_no_room(const MqttRequest& request) const;
  void take_up(ExchangeId exchange, Waiting& waiting, Instant now);
  void reached_no_subscriber(ExchangeId exchange, Waiting& waiting, Instant now);
  void reached_a_subscriber(const std::string& topic);
  void forget_undelivered(ExchangeId exchange, const std::string& topic);
  void publish_undelivered_again(Instant now);
  void publish_taken_up_again(Instant now);
  void wait_to_be_published(ExchangeId exchange, Waiting& waiting, Instant now);
  void take_place(Waiting& waiting);
  void leave_place(const Waiting& waiting);
  std::optional<ExchangeId> next_candidate(Instant now);
  std::optional<ExchangeId> next_suspect(Instant now);
  std::optional<Failure> why_not_published(const Waiting& waiting, Instant now) const;
  Publish publish(ExchangeId exchange, Waiting& waiting, Instant now);
  void suspect(ExchangeId exchange, Waiting& waiting);
  Likelihood likelihood_of(const Waiting& waiting) const;
  void clear(Waiting& waiting);
  void blame(const Alone& alone, Instant now);
  void suspect_unacknowledged(Instant now);
  void publish_unacknowledged_again();
  void end_refused_suspects(Instant now);
  bool may_repeat(const Waiting& waiting) const;
  bool may_come_back(const std::string& action, Instant now) const;
  void learn_answer_time(const std::string& action, Duration sample);
  Duration gone_grace(const std::string& action) const;
  void learn_round_trip(Duration sample);
  void end_unpublished(Instant now);
  void publish_again(ExchangeId exchange, const Waiting& waiting);
  void publish_again(const std::set<std::string>& actions);
  void publish_again_by_time(Instant now);

  std::string known_topic_of(std::string_view topic) const;
  bool respond_by_correlation(const Response& response, ResponseJson& json, Instant now);
  void respond_by_key(ExchangeId exchange, const Response& response, ResponseJson& json,
                      MatchedBy rule, Instant now);
  void respond_by_id(const std::string& topic, IdMatcher& matcher, const Response& response,
                     ResponseJson& json, Instant now);
  static Key correlation_key(std::string_view correlation);
  static std::vector<Key> own_keys(const MqttRequest& request);
  void respond_by_content(ContentMatcher& matcher, const Response& response, Instant now);
  void respond_in_turn(const std::string& topic, TurnMatcher& matcher, const Response& response,
                       ResponseJson& json, Instant now);
  void accept(ExchangeId exchange, const Response& response, ResponseJson& json, MatchedBy rule,
              Instant now);

  void end(Table::iterator waiting, Outcome outcome, Instant now);
  template <typename Why>
  void end_all(Instant now, const Why& why);
  void end_unserved(Instant now);
  void end_unserved(const std::string& action, Instant since, Instant now);
  void end_hopeless(TurnMatcher& matcher, Instant now);
  void forget_quarantine(const std::string& topic, const TurnMatcher& matcher);
  void remember_quarantine(const std::string& topic, const TurnMatcher& matcher);
  void end_quarantines(Instant now);
  Failure why_unanswered(const Waiting& waiting) const;

  void enter_matcher(ExchangeId exchange, Waiting& waiting);
  void leave_matcher(ExchangeId exchange, Waiting& waiting, Instant now);
  void leave_id_matcher(const std::string& topic, const std::string& pointer);
  void rest(const std::string& topic, const ContentMatcher& matcher);
  TurnMatcher* turn_matcher(const std::string& topic, Instant now);
  void take_turns(const std::string& topic, TurnMatcher& matcher, Instant now);
  void note_turns(const std::string& topic, TurnMatcher& matcher);
  const Unmatched* unmatched_on(const Waiting& waiting) const;
  std::string what_came(const Waiting& waiting) const;
  void drop(Dropped reason) {
    ++dropped_[static_cast<std::size_t>(reason)];
    last_dropped_ = reason;
    ++drops_;
  }

  Bounds bounds_;
  const Instant doubtful_until_;  // an earlier run's requests may be answered until then
  const std::set<std::string> earlier_turns_;
  Table waiting_;
  std::size_t waiting_bytes_ = 0;
  std::unordered_map<Key, ExchangeId, KeyHash> by_key_;
  std::set<std::pair<Instant, ExchangeId>> deadlines_;
  std::size_t in_flight_ = 0;  // published, among waiting_, without patient ones
  std::size_t patient_ = 0;    // among waiting_
  std::size_t patient_bytes_ = 0;
  std::unordered_map<std::string, std::size_t> by_fairness_key_;  // how many wait
  std::unordered_map<std::string, std::size_t> places_;  // taken, of keys that have a limit
  FairQueue to_publish_;
  FairQueue patient_to_publish_;           // after those
  std::set<ExchangeId> to_publish_again_;  // after those: what may be lost is not to hold them up
  std::set<SuspectKey> suspects_;          // before those, each alone
  std::unordered_set<ExchangeId> unacknowledged_;
  std::optional<Alone> alone_;         // the one unacknowledged request, which has to be alone
  std::optional<Alone> broken_alone_;  // what was so when the link broke, until that is back
  Offenders offenders_;
  bool waits_for_trial_ = false;  // a suspect does, until offenders_.next_trial()
  std::map<std::string, std::set<ExchangeId>> undelivered_;  // patient ones, by request topic
  Instant next_delivery_{};                // when they are tried again; set while there are any
  std::string last_delivered_;             // the topic that was tried last
  std::set<ExchangeId> taken_up_;          // of which it is not known whether they were published
  std::optional<Instant> taken_up_until_;  // then they are published again
  std::deque<Ended> ended_;
  std::deque<TurnNote> turn_notes_;
  std::array<std::uint64_t, dropped_reasons> dropped_{};
  std::uint64_t drops_ = 0;  // all of them together
  Dropped last_dropped_{};
  ExchangeId last_id_ = 0;
  bool is_abandoned_ = false;

  ResponseTopics topics_;
  CallFilters filters_;

  // What matches the responses of a topic, by response topic.
  std::unordered_map<std::string, ContentMatcher> content_matchers_;
  std::set<std::pair<Instant, std::string>> idle_;  // of these, those with memories only
  // Requests that we do not know of may still be answered: of an earlier run, or of a idle matcher
  // that was dropped. Until then trust no folded match.
  Instant forgetful_until_;
  std::optional<Company> company_;
  std::map<std::string, IdMatcher, std::less<>> id_matchers_;  // of published requests
  std::unordered_map<std::string, TurnMatcher> turn_matchers_;
  std::set<std::pair<Instant, std::string>> quarantines_;  // their ends

  // The link.
  std::optional<LinkUp> link_;
  std::set<std::string> refused_;  // filters
  Instant down_since_;             // while there is no link
  std::string why_down_ = "there is no connection to the MQTT broker";
  bool was_down_ = false;            // other than before it was first tried
  Instant up_since_{};               // while there is one
  std::size_t rounds_of_again_ = 0;  // how often, since then, what waits was published again

  std::optional<Duration> round_trip_;            // to the broker and back, smoothed
  std::map<std::string, Duration> answer_times_;  // by action, the shortest of late
  bool tells_subscribers_ = false;                // the broker has said since then that it had none

  // Who answers.
  Presence presence_;
  std::unordered_map<std::string, Instant> probes_;  // response topics, and when last published
  struct Unserved {
    Instant since;
    Instant until;  // then it is believed
  };
  std::map<std::string, Unserved, std::less<>> unserved_;  // by action
};

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

}  // namespace mqtt_bridge
