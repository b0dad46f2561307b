// Which acknowledgements the broker owes on a connection, and whether one takes too long. It is
// told what was sent and heard; the time of the next look is its owner's. Value; the owner
// serialises.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "base/instant.hpp"
#include "mqtt/subscriptions.hpp"

namespace mqtt_bridge {

class LinkWatch {
 public:
  void disconnected();
  void published(std::uint64_t id, Instant now);
  void acknowledged(std::uint64_t id);
  /// Anything came from the broker.
  void heard(Instant now) { last_heard_ = now; }

  void expect_answers(bool expected) { expects_answers_ = expected; }
  bool expects_answers() const { return expects_answers_; }

  /// How long until the next look. `is_up`: without it every answer is urgent.
  Duration pause(bool is_up, const Subscriptions& subscriptions) const;
  /// Whether there is any reason for a next look.
  bool is_needed(bool is_up, const Subscriptions& subscriptions) const;

  /// Whether what we sent may lie in the MQTT library, which is to be kicked then.
  bool may_lie(bool is_up, const Subscriptions& subscriptions, Instant now) const;

  /// silent: it owes an acknowledgement for too long. quiet: it owes none, but answers are expected
  /// and nothing comes, so it is to be asked for a sign of life.
  enum class Finding { well, quiet, silent };
  /// REQUIRES: the link is up.
  Finding look(const Subscriptions& subscriptions, Instant now) const;

 private:
  std::map<std::uint64_t, Instant> unacknowledged_;
  // The first is the oldest of them; one that was acknowledged may still be among the others.
  std::deque<std::pair<Instant, std::uint64_t>> in_order_;
  Instant last_heard_{};
  bool expects_answers_ = false;
};

}  // namespace mqtt_bridge
