// What went on of late, for those who watch (/events): calls, errors and latencies of each of the
// last seconds, the latest calls and the latest dropped responses, all without their texts.
//
// What is noted costs a call some 40 ns and no allocation once the rings are full; what is made of
// it, only who asks. Bounded by limits.hpp. Value; the owner serialises.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.hpp"

namespace mqtt_bridge {

/// The last `size` things of a kind, which are numbered from 0 on.
template <typename T>
class Ring {
 public:
  explicit Ring(std::size_t size) : size_(size) {}

  /// The next one, which still has what the oldest had: texts keep their memory.
  T& add() {
    const std::size_t place = count_++ % size_;
    if (place == entries_.size())
      entries_.emplace_back();
    return entries_[place];
  }
  std::uint64_t begin() const { return count_ > size_ ? count_ - size_ : 0; }
  std::uint64_t end() const { return count_; }
  /// REQUIRES: begin() <= number < end().
  const T& operator[](std::uint64_t number) const { return entries_[number % size_]; }

 private:
  const std::size_t size_;
  std::uint64_t count_ = 0;
  std::vector<T> entries_;
};

class Activity {
 public:
  /// Seconds are counted from `start` on.
  explicit Activity(Instant start);

  /// A call that ended, or was refused. `netid` and `action` are those of no route, `route` its
  /// path; `outcome`, "ok" or a problem's slug, and `matched_by` are literals.
  struct Call {
    std::string_view request_id;
    std::string_view netid;
    std::string_view action;
    std::string_view route;
    std::string_view outcome;
    std::string_view matched_by;
    std::optional<Duration> took;  // nothing for a call that was never admitted
  };
  void ended(const Call& call, Instant now);
  /// A response that answered no call; `reason` is a literal.
  void dropped(std::string_view topic, std::size_t bytes, std::string_view reason, Instant now);

  /// What one reader has been sent so far; at first nothing.
  struct Seen {
    std::uint64_t seconds = 0;
    std::uint64_t calls = 0;
    std::uint64_t dropped = 0;
    bool is_first = true;
  };
  /// What has come since, as server-sent events (HTML 9.2.6), each with a JSON array, the oldest
  /// first: `seconds`, `calls`, `dropped`. The first time all three come, later those that have
  /// something.
  std::string events_since(Seen& seen, Instant now);

 private:
  struct Second {
    std::uint32_t calls;
    std::uint32_t errors;
    std::optional<Duration> p50;  // nothing without an admitted call
    std::optional<Duration> p99;
  };
  struct PastCall {
    Instant at;
    std::string request_id;
    std::string netid;
    std::string action;
    std::string route;
    std::string_view outcome;
    std::string_view matched_by;
    std::optional<Duration> took;
  };
  struct PastDrop {
    Instant at;
    std::string topic;
    std::size_t bytes;
    std::string_view reason;
  };
  // How often a latency was between two powers of two of a microsecond, in eight steps each.
  static constexpr std::size_t steps = 8;
  static constexpr std::size_t buckets = 28 * steps;  // up to 268 s

  static std::size_t bucket_of(Duration took);
  void advance(Instant now);
  void end_second();
  std::optional<Duration> quantile(double part) const;

  Instant second_began_;
  std::uint32_t calls_ = 0;  // of this second
  std::uint32_t errors_ = 0;
  std::uint32_t timed_ = 0;  // those in latencies_
  std::array<std::uint32_t, buckets> latencies_{};
  Ring<Second> seconds_;
  Ring<PastCall> past_calls_;
  Ring<PastDrop> past_drops_;
};

}  // namespace mqtt_bridge
