// One response topic of an action whose answers can be checked: finds, by what an uncorrelated
// response says, the published request that it answers. It remembers requests that have ended, so
// that their late and second answers are told from answers to others. See content_rule.hpp for what
// is an answer.
//
// A response may have one final newline more than a right answer, or one less: services that work
// on lines do that. The call gets the right answer.
//
// Invariants:
//  1. What find() gives for a response has it among its right answers (MatchedBy::content), or is
//     the only request, ended ones included, that it can mean by a case mapping that we do not know
//     (MatchedBy::folded_content).
//  2. The memories are bounded by base/limits.
//  3. One find() costs a bounded amount of work, limits::checked_bytes. What that does not allow to
//     compare is NoMatch::unchecked.
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
#include <vector>

#include "base/instant.hpp"
#include "exchange/call.hpp"
#include "exchange/unmatched_notes.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {

class ContentMatcher {
 public:
  explicit ContentMatcher(Action action) : action_(action) {}

  /// `request` was published. It must stay where it is until leave().
  void enter(ExchangeId exchange, std::string_view request);
  /// It ended; `accepted_payload`: the response that it took by its content, if it did.
  void leave(ExchangeId exchange, std::string request, std::optional<std::string> accepted_payload,
             Instant now);
  /// A response came that carries correlation data: most likely the next ones do, too.
  void correlates() { is_lazy_ = true; }

  struct Match {
    ExchangeId exchange;
    MatchedBy rule;
    /// The answer, where it is not the response at hand: that differs by a final newline, or an
    /// older request took the answer, and has now got its own.
    std::optional<std::string> answer = {};
  };
  enum class NoMatch { late, unmatched, unchecked };  // late: an ended request's, or its second
  /// `forgetful_until`: until then requests of this topic may have been forgotten elsewhere.
  std::variant<Match, NoMatch> find(std::string_view response, Instant now,
                                    Instant forgetful_until);

  bool is_idle() const { return published_.empty(); }
  Instant last_used() const { return last_used_; }

  Unmatched unmatched;  // the owner's, too

 private:
  struct Published {
    std::string_view request;
    std::optional<std::size_t> prefilter_key =
        {};  // hashed, see content_rule.hpp; once it is indexed
  };
  /// A request that was published and has ended.
  struct Memory {
    std::string request;
    std::optional<std::size_t> prefilter_key;  // as in Published
    Instant ended;
    std::optional<std::string> accepted_payload;
  };

  class Work;
  struct Found;
  struct Remembered;

  std::size_t prefilter_key_of(std::string_view text) const;
  std::vector<std::size_t> prefilter_keys_of(std::string_view response) const;
  void index(ExchangeId exchange, Published& published);
  void index_all();
  Found look(std::string_view response, const std::vector<std::size_t>& prefilter_keys,
             Work& work) const;
  Remembered remember(std::string_view response, const std::vector<std::size_t>& prefilter_keys,
                      Work& work);
  std::optional<Match> reassign(Memory& memory, std::string_view response, Work& work);
  std::optional<ExchangeId> folded_match(std::string_view response, std::size_t prefilter_key,
                                         Work& work);
  NoMatch note_unmatched(std::string_view response, std::size_t prefilter_key, const Work& work);
  static std::size_t bytes_of(const Memory& memory);
  void forget(Instant now);

  const Action action_;
  std::unordered_map<ExchangeId, Published> published_;
  std::unordered_map<std::size_t, std::set<ExchangeId>> by_prefilter_key_;  // the oldest first
  std::set<ExchangeId> unindexed_;  // published, and not in by_prefilter_key_ yet
  std::size_t uncheckable_ = 0;     // published, and too large to be ever compared
  bool is_lazy_ = false;            // index only when a response without correlation data comes
  std::deque<Memory> memories_;
  std::size_t memory_bytes_ = 0;
  Instant forgetful_until_{};  // a memory was dropped early: until then trust no folded match
  Instant last_used_{};
};

}  // namespace mqtt_bridge
