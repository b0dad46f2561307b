// Calls that their callers come back to: by the id under which the answer is asked for later, or by
// the key of a request that is sent again. What a call waits for is its exchange; here is who asks
// for it, and what came of it.
//
// Owners, keys and what a request asks for are digests, so that a call takes little and nothing
// here tells a secret.
//
// Invariants:
//  1. Each waiter is given an outcome once, by end() or by wait(), unless it leaves before.
//  2. The outcomes that are kept are bounded in number, bytes and age; the oldest goes first. So
//  are the ids that are remembered after that.
//  3. Nobody but its owner learns that there is a call.
// Value; the owner serialises.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/instant.hpp"
#include "base/limits/later.hpp"
#include "exchange/call.hpp"

namespace mqtt_bridge {

using Digest = std::array<unsigned char, 16>;  // or 128 random bits
using CallId = Digest;
using WaiterId = std::uint64_t;

class Calls {
 public:
  using Outcome = std::shared_ptr<const Ended>;
  struct Bounds {
    std::size_t waiting = limits::later_calls;
    std::size_t waiting_bytes = limits::later_bytes;  // of their texts
    std::size_t kept = limits::kept_answers;
    std::size_t kept_bytes = limits::kept_bytes;
    Duration age = limits::kept_age;  // since the call ended
    std::size_t gone = limits::gone_calls;
  };

  struct Call {
    Digest owner;
    std::optional<Digest> key;  // of this owner, see key()
    Digest content;             // of all that it asks for
    std::string request_id;
    bool is_route = false;  // see AnswerKind
    bool is_json = false;
    std::size_t bytes = 0;  // of its text
    Instant begun;
    Instant deadline;
    ExchangeId exchange = 0;  // once it has one
    Outcome outcome = {};     // once it has ended
  };

  Calls() : Calls(Bounds{}) {}
  explicit Calls(const Bounds& bounds) : bounds_(bounds) {}

  bool has_room(std::size_t bytes) const {
    return waiting() < bounds_.waiting && waiting_bytes_ + bytes <= bounds_.waiting_bytes;
  }
  /// REQUIRES: there is no call with this id or key.
  void begin(const CallId& id, Call call);
  /// As above, of an earlier run: it has ended with `call.outcome`.
  void take_up_ended(const CallId& id, Call call);

  struct Unknown {};  // or another's
  struct Gone {};     // it was there
  std::variant<const Call*, Gone, Unknown> find(const CallId& id, const Digest& owner) const;
  /// One that is there.
  const Call* find(const CallId& id) const;
  /// The call with this key.
  std::optional<CallId> with_key(const Digest& key) const;

  void attach(const CallId& id, ExchangeId exchange);

  /// `waiter` wants its outcome; end() will name it. REQUIRES: the call waits.
  void wait(const CallId& id, WaiterId waiter);
  /// The waiter wants it no more.
  void leave(const CallId& id, WaiterId waiter);

  /// Those who wait for it; they wait no more.
  std::vector<WaiterId> take_waiters(const CallId& id);

  /// Its outcome is kept; those who waited for it, in the order in which they came. A call of which
  /// nothing can have been published leaves its key, so that it can be sent again.
  std::vector<WaiterId> end(const CallId& id, Outcome outcome, Instant now);
  /// As end(), also where it has ended: the outcome is this one from now on.
  std::vector<WaiterId> give_up(const CallId& id, Outcome outcome, Instant now);
  /// It is as if it had not been; those who waited for it.
  std::vector<WaiterId> forget(const CallId& id);
  /// Its id is gone from now on.
  void drop(const CallId& id);

  /// What goes for its age; and what went since it was last asked, for lack of room, too.
  void expire(Instant now);
  std::vector<CallId> take_dropped() { return std::exchange(dropped_, {}); }
  std::optional<Instant> next_deadline() const;

  std::size_t waiting() const { return calls_.size() - by_age_.size(); }
  std::size_t kept() const { return by_age_.size(); }
  std::size_t kept_bytes() const { return kept_bytes_; }
  const Bounds& bounds() const { return bounds_; }

 private:
  /// Ids are random, and digests as good.
  struct Hash {
    std::size_t operator()(const Digest& digest) const {
      std::size_t hash = 0;
      std::memcpy(&hash, digest.data(), sizeof hash);
      return hash;
    }
  };
  using Table = std::unordered_map<CallId, Call, Hash>;

  void leave_key(Call& call);
  void remember_gone(const CallId& id, const Digest& owner);

  const Bounds bounds_;
  Table calls_;
  std::unordered_map<Digest, CallId, Hash> by_key_;
  std::unordered_map<CallId, std::vector<WaiterId>, Hash> waiters_;
  std::deque<std::pair<Instant, CallId>> by_age_;  // those that have ended, the oldest first
  std::size_t waiting_bytes_ = 0;
  std::size_t kept_bytes_ = 0;
  std::unordered_map<CallId, Digest, Hash> gone_;  // and their owners
  std::deque<CallId> gone_by_age_;
  std::vector<CallId> dropped_;
};

}  // namespace mqtt_bridge
