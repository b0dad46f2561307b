// One response topic of an action whose answers can be checked: finds, by what an uncorrelated
// response says, the published request that it answers. It remembers requests that have ended, so
// that their late and second answers are told from answers to others. See content_rule.hpp for what
// is an answer.
//
// Invariants:
//  1. What find() gives for a response has it among its right answers (MatchedBy::content), or is
//     the only request, ended ones included, that it can mean by a case mapping that we do not know
//     (MatchedBy::folded_content).
//  2. The memories are bounded by limits.hpp.
// Threads: the owner serialises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "core/action.hpp"
#include "core/instant.hpp"

namespace mqtt_bridge {

using ExchangeId = std::uint64_t;

enum class MatchedBy { correlation, content, folded_content, exclusive_lane };
std::string_view to_string(MatchedBy rule);

class ContentLane {
 public:
  explicit ContentLane(Action action) : action_(action) {}

  /// `request` was published. It must stay where it is until leave().
  void enter(ExchangeId exchange, std::string_view request);
  /// It ended; `taken`: the response that it took by its content, if it did.
  void leave(ExchangeId exchange, std::string request, std::optional<std::string> taken,
             Instant now);

  struct Match {
    ExchangeId exchange;
    MatchedBy rule;
    /// Its answer, where that is not the response at hand but an earlier one: an older request may
    /// have taken it, that has now got its own.
    std::optional<std::string> earlier_response = {};
  };
  enum class NoMatch { late, unmatched };  // late: an ended request's, or its second
  /// `forgetful_until`: until then requests of this topic may have been forgotten elsewhere.
  std::variant<Match, NoMatch> find(std::string_view response, Instant now,
                                    Instant forgetful_until);

  bool is_resting() const { return published_.empty(); }
  Instant last_used() const { return last_used_; }

  std::uint64_t strangers = 0;  // responses that nobody could be found for

 private:
  struct Published {
    std::string_view request;
    std::size_t likeness;  // hashed; see content_rule.hpp
  };
  /// A request that was published and has ended.
  struct Memory {
    std::string request;
    std::size_t likeness;
    Instant ended;
    std::optional<std::string> taken;
  };

  std::size_t likeness_of(std::string_view text) const;
  std::optional<ExchangeId> exact_match(std::string_view response, std::size_t likeness) const;
  std::optional<ExchangeId> folded_match(std::string_view response, std::size_t likeness) const;
  Memory* remembered(std::string_view response, std::size_t likeness);
  std::optional<Match> hand_on(Memory& memory, std::string_view response);
  static std::size_t bytes_of(const Memory& memory);
  void forget(Instant now);

  const Action action_;
  std::unordered_map<ExchangeId, Published> published_;
  std::unordered_map<std::size_t, std::set<ExchangeId>> by_likeness_;  // the oldest first
  std::deque<Memory> memories_;
  std::size_t memory_bytes_ = 0;
  Instant forgetful_until_{};  // a memory was dropped early: until then trust no folded match
  Instant last_used_{};
};

}  // namespace mqtt_bridge
