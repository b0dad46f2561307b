// Not used by a program yet: for batches, answers that are asked for later and idempotency keys.
//
// Calls and those who wait for them. A call is carried out as one exchange; several may wait for
// it, or none for a while. Its outcome can be kept, so that one who asks later gets it.
//
// Invariants:
//  1. Each waiter is given an outcome once, by end() or by wait(), unless it leaves before.
//  2. The outcomes that are kept are bounded in number, bytes and age; the oldest goes first.
// Value; the owner serialises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/instant.hpp"
#include "exchange/call.hpp"

namespace mqtt_bridge {

using CallId = std::uint64_t;
using WaiterId = std::uint64_t;

class Calls {
 public:
  using Outcome = std::shared_ptr<const Ended>;
  enum class Keep { nothing, outcome };
  struct Bounds {
    std::size_t outcomes;  // that are kept
    std::size_t bytes;     // of their answers, together
    Duration age;          // since the call ended
  };

  Calls() : Calls(Bounds{}) {}
  explicit Calls(Bounds bounds) : bounds_(bounds) {}

  CallId begin(ExchangeId exchange, Keep keep = Keep::nothing);

  struct Waits {};
  struct Unknown {};  // it never began, or its outcome is not kept any more
  /// `waiter` wants its outcome: that, where it has ended; else end() will name the waiter.
  std::variant<Waits, Outcome, Unknown> wait(CallId call, WaiterId waiter);
  /// The waiter wants it no more. Whether nothing waits for its call now, nor is to be kept of it.
  bool leave(WaiterId waiter);

  /// Those who waited for the call, in the order in which they came.
  std::vector<WaiterId> end(const Outcome& ended, Instant now);

  void expire(Instant now);
  std::optional<Instant> next_deadline() const;

  std::size_t running() const { return running_.size(); }
  std::size_t kept() const { return kept_.size(); }
  std::size_t kept_bytes() const { return kept_bytes_; }

 private:
  struct Running {
    CallId call;
    Keep keep;
    std::vector<WaiterId> waiters;
  };
  struct Kept {
    Outcome outcome;
    std::size_t bytes;
  };

  void keep(CallId call, const Outcome& ended);
  void drop_oldest();

  const Bounds bounds_;
  CallId last_call_ = 0;
  std::unordered_map<ExchangeId, Running> running_;
  std::unordered_map<CallId, ExchangeId> exchanges_;  // of running_
  std::unordered_map<WaiterId, ExchangeId> waiters_;  // of running_
  std::unordered_map<CallId, Kept> kept_;
  std::deque<CallId> by_age_;  // of kept_, the oldest first
  std::size_t kept_bytes_ = 0;
};

}  // namespace mqtt_bridge
