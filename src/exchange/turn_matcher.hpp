// One response topic of an action whose answers cannot be checked: its requests take turns, so that
// a response without correlation data can only mean the one that is out. Once a request has ended
// unanswered its answer may still come, and the matcher is in quarantine: nothing is published on
// it. Where an earlier run of the program may have left a request behind, it begins in quarantine.
// A matcher whose responder is seen to send correlation data needs no turns, and accepts nothing
// else.
//
// It cannot know of a responder that sends no correlation data and answers a request twice.
// Value; the owner serialises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "base/instant.hpp"
#include "exchange/call.hpp"
#include "exchange/unmatched_notes.hpp"

namespace mqtt_bridge {

class TurnMatcher {
 public:
  /// `in_doubt_until`: requests of an earlier run may be answered until then.
  explicit TurnMatcher(std::optional<Instant> in_doubt_until = {})
      : quarantined_until_(in_doubt_until), owed_(in_doubt_until ? unknown : 0) {}

  /// `exchange` wants to be published; it has to wait for its turn, next() says when.
  void enter(ExchangeId exchange) { queue_.push_back(exchange); }
  /// It was published before, by an earlier run of the program.
  void take_up(ExchangeId exchange) { published_.insert(exchange); }
  /// It ended; when an answer to it may still come, a quarantine begins.
  enum class Owed { nothing, an_answer };
  void leave(ExchangeId exchange, std::string correlation, Owed owed, Instant now, Duration rest);
  /// Whether one that ended unanswered had this correlation data; forgets it.
  bool take_late(std::string_view correlation);

  /// One that may be published now; ask until there is nothing more.
  std::optional<ExchangeId> next(Instant now);

  /// A request was answered with its correlation data.
  void correlates();
  bool is_known_to_correlate() const { return correlates_; }
  /// The exchange that an uncorrelated response answers, if any. `duplicate`: the broker may have
  /// delivered it before, as it does when our acknowledgement was lost.
  std::optional<ExchangeId> find(std::string_view response, bool duplicate, Instant now);

  /// When next() may have something again although no exchange entered or left.
  std::optional<Instant> quarantined_until() const { return quarantined_until_; }
  /// Until when nothing is published here; nothing when turns are taken now.
  std::optional<Instant> rests_until(Instant now) const;
  const std::deque<ExchangeId>& waiting() const { return queue_; }
  bool is_idle(Instant now) const;
  std::size_t queued() const { return queue_.size(); }

  Unmatched unmatched;  // the owner's, too
  // The owner's: of the request that was last given its turn.
  std::vector<JsonTest> tests;
  std::shared_ptr<const AnswerRules> rules;
  bool is_noted = false;  // the owner's: that turns are taken here

 private:
  static constexpr std::size_t unknown = SIZE_MAX;

  bool is_quarantined(Instant now) const { return quarantined_until_ && now < *quarantined_until_; }
  void expect_late_answer(Instant now, Duration rest);
  void late_answer_came();

  std::deque<ExchangeId> queue_;
  std::set<ExchangeId> published_;
  std::optional<Instant> quarantined_until_;
  std::deque<std::string> unanswered_;  // correlation data of the last ones that ended so
  std::size_t owed_ = 0;                // answers that may still come to requests that have ended
  std::deque<std::size_t> seen_;        // the last responses, hashed
  bool correlates_ = false;
  bool had_uncorrelated_ = false;  // since a response with correlation data came
};

}  // namespace mqtt_bridge
