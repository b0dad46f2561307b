// The topic filters to which calls subscribe before they are published: those of routes whose
// response topics are not known before. Each is subscribed to once and then kept; when there are
// too many, the one that was not used for longest is left. One that a call needs without what we
// publish ourselves is so for all.
//
// Invariants:
//  1. A filter that a call uses is not left.
//  2. There are at most limits::call_filters, and as many changes to tell.
// Value; the owner serialises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "exchange/call.hpp"
#include "exchange/topic_shapes.hpp"

namespace mqtt_bridge {

class CallFilters {
 public:
  using Id = std::uint64_t;  // of an exchange

  /// Whether there is room for those that are not known yet.
  bool has_room(const std::vector<CallFilter>& filters) const;
  /// A call uses them. How many of them are not subscribed to yet.
  std::size_t enter(Id call, const std::vector<CallFilter>& filters);
  void leave(Id call, const std::vector<CallFilter>& filters);

  /// The broker's answer to a subscription: those that waited for it, each once; and all that use
  /// it, which the broker may refuse on a later connection, too. A filter that is refused is
  /// forgotten: the next call asks again.
  std::vector<Id> granted(const std::string& filter);
  std::vector<Id> refused(const std::string& filter);

  /// Whether `topic` is one of theirs.
  bool cover(std::string_view topic) const;

  struct Change {
    CallFilter filter;
    bool is_wanted;  // else it is to be left
  };
  /// What is to be subscribed to, and unsubscribed from; ask until there is nothing more.
  std::optional<Change> next_change();

  std::size_t size() const { return entries_.size(); }
  std::size_t waiting() const { return waiting_; }

 private:
  struct Entry {
    CallFilter filter;
    bool is_asked = false;  // and not refused since
    bool is_live = false;
    std::set<Id> users;
    std::vector<Id> waiting;  // until it is live
    std::list<std::string>::iterator
        unused;  // where it is among unused_; valid while there are no users
  };

  using Entries = std::unordered_map<std::string, Entry>;

  void forget(Entries::iterator entry);

  Entries entries_;
  std::list<std::string> unused_;  // the one that was not used for longest first
  TopicShapes shapes_;             // of all entries
  std::deque<Change> changes_;
  std::size_t waiting_ = 0;  // in all entries
};

}  // namespace mqtt_bridge
