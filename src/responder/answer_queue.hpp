// What the responder has still to publish: its answers, and what it says of itself. Decides which
// goes out next, and what is given up.
//
// Some brokers end the connection on a packet that they do not like: one that is too large in MQTT
// 3.1.1, or one to a topic that is not ours. So what was unacknowledged when a connection broke is
// suspect, and goes out again alone, one after the other, before all else. One on which the
// connection then breaks is put aside: it goes out once more, alone and after a pause, while all
// others are sent, and is given up when the connection breaks again. Further answers to its topic
// are put aside at once and have one try only. For a while answers to topics never published to are
// on probation: they go out alone too. Each such break makes the pauses longer.
//
// Invariants:
//  1. All that waits, unacknowledged messages included, is within Bounds.
//  2. Messages go out in the order in which they came, but for those that are put aside.
//  3. What is dropped is counted, and told by next_loss().
// Value; the owner serialises.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/instant.hpp"
#include "base/limits/responder.hpp"
#include "mqtt/message.hpp"

namespace mqtt_bridge {

struct Outgoing {
  std::string topic;
  std::string payload;
  std::string correlation = {};
  std::vector<std::pair<std::string, std::string>> user_properties = {};
  bool retained = false;  // what the responder says of itself, else an answer
};

class AnswerQueue {
 public:
  struct Bounds {
    std::size_t entries = limits::responder_queue;
    std::size_t bytes = limits::responder_queue_bytes;
    std::size_t aside = limits::responder_aside;
  };
  AnswerQueue() = default;
  explicit AnswerQueue(const Bounds& bounds) : bounds_(bounds) {}

  /// Behind all others. For want of room the oldest are dropped.
  void push(Outgoing message, Instant now);
  /// Before all others, in place of an earlier announcement.
  void announce(Outgoing announcement, Instant now);
  /// Behind all others, and no announcement any more.
  void say_farewell(Outgoing farewell);

  /// `window`: how many may be unacknowledged at once. `packet_bytes`: the largest packet that the
  /// broker takes.
  void link_up(std::size_t window, std::size_t packet_bytes);
  void link_down(LinkEnd end, Instant now);

  struct Sending {
    std::uint64_t id;
    const Outgoing& message;  // until the queue is changed
  };
  /// The next to publish; nothing when none may go now.
  std::optional<Sending> next(Instant now);
  /// The message with this id; nothing when there is none.
  std::optional<Outgoing> acknowledged(std::uint64_t id);
  /// The broker took no responsibility for it. An answer that is too large becomes an error.
  std::optional<Outgoing> refused(std::uint64_t id, Refusal why);

  /// Whether the only message on the link is one that may break it.
  bool is_on_trial() const { return is_alone_; }
  /// When next() may have something that it had not before.
  std::optional<Instant> next_deadline() const;
  /// Nothing is unacknowledged, and all that waits is put aside.
  bool is_idle() const;
  std::size_t bytes() const { return bytes_; }

  enum class Reason { no_room, too_large, breaks_connections };
  static constexpr std::size_t reasons = 3;
  struct Loss {
    Reason reason;
    std::uint64_t count;  // since the last one with this reason
    std::string topic;    // of the last of these, its beginning
    std::size_t bytes;    // and the length of its payload
  };
  /// What was dropped, at most once in limits::loss_pause for each reason.
  std::optional<Loss> next_loss(Instant now);

 private:
  struct Entry {
    Outgoing message;
    std::size_t bytes = 0;
    int breaks = 0;  // connections that broke while it was alone on them
  };
  using Entries = std::deque<Entry>;

  Entry entry_of(Outgoing message);
  void enqueue(Entry entry, Instant now);
  void make_room(std::size_t bytes);
  void put_aside(Entry entry);
  void remove_announcements();
  std::optional<Entry> take(Instant now);
  std::optional<Outgoing> extract(std::uint64_t id);
  bool is_breaker(const std::string& topic, Instant now) const;
  bool is_on_probation(const std::string& topic, Instant now) const;
  Entries* next_alone(Instant now);
  bool fits(const Outgoing& message) const;
  bool make_fit(Outgoing& message);
  bool make_error(Outgoing& message) const;
  void broke_alone(Entry entry, Instant now);
  void suspect_new_topics(Instant now);
  void remember_breaker(const std::string& topic, Instant now);
  void drop(Entries& entries);
  void lose(Reason reason, const Outgoing& message);

  Bounds bounds_;
  std::size_t bytes_ = 0;

  // What waits.
  Entries suspects_;
  Entries probation_;
  Entries waiting_;
  Entries aside_;

  // The link.
  bool is_up_ = false;
  std::size_t window_ = 1;
  std::size_t packet_bytes_ = SIZE_MAX;
  std::map<std::uint64_t, Entry> unacknowledged_;
  bool is_alone_ = false;  // the only unacknowledged one is to be the only one
  std::size_t sent_since_alone_ = 0;
  std::uint64_t last_id_ = 0;

  // What breaks connections.
  Instant aside_due_{};
  int breaks_ = 0;  // connections that broke on a message that was alone on them, of late
  Instant last_break_{};
  Instant suspicious_until_{};  // of topics never published to
  Instant probation_due_{};
  int breaks_of_new_topics_ = 0;  // since it is
  // The beginnings of topics of such messages, and until when they are remembered.
  std::map<std::string, Instant> breakers_;
  std::unordered_set<std::string> proven_;  // topics to which the broker lets us publish

  struct Losses {
    std::uint64_t count = 0;
    std::string topic;
    std::size_t bytes = 0;
    Instant not_before{};
  };
  std::array<Losses, reasons> losses_;
};

}  // namespace mqtt_bridge
