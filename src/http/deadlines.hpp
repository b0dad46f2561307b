// The deadlines of many, and which of them has come. What it costs follows what happens, not how
// many there are: a deadline that is moved later, as most are before they come, is only written
// down until the earlier one has come. Owner serialises.
#pragma once

#include <optional>
#include <set>
#include <utility>

#include "base/instant.hpp"

namespace mqtt_bridge {

template <typename Owner>
class Deadlines {
 public:
  /// That of one owner. REQUIRES: remove() before it goes, unless it has none.
  class Entry {
   public:
    explicit Entry(Owner& owner) : owner_(&owner) {}
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    /// Instant::max(): none.
    Instant deadline() const { return deadline_; }

   private:
    friend Deadlines;
    Owner* owner_;
    Instant deadline_ = Instant::max();
    Instant queued_ = Instant::max();  // its place in the queue; never after deadline_
  };

  void set(Entry& entry, Instant deadline) {
    entry.deadline_ = deadline;
    if (deadline < entry.queued_)
      queue(entry);
  }

  void remove(Entry& entry) {
    queue_.erase({entry.queued_, &entry});
    entry.deadline_ = entry.queued_ = Instant::max();
  }

  /// When to call take_due() again, at the latest; perhaps before any deadline. Nothing without
  /// any.
  std::optional<Instant> next() const {
    return queue_.empty() ? std::nullopt : std::optional(queue_.begin()->first);
  }

  /// One whose deadline has come, which then has none; null when there is no (other) one.
  Owner* take_due(Instant now) {
    while (!queue_.empty() && queue_.begin()->first <= now) {
      Entry& entry = *queue_.begin()->second;
      if (entry.deadline_ > now) {
        queue(entry);
        continue;
      }
      remove(entry);
      return entry.owner_;
    }
    return nullptr;
  }

 private:
  void queue(Entry& entry) {
    queue_.erase({entry.queued_, &entry});
    entry.queued_ = entry.deadline_;
    queue_.insert({entry.queued_, &entry});
  }

  std::set<std::pair<Instant, Entry*>> queue_;
};

}  // namespace mqtt_bridge
