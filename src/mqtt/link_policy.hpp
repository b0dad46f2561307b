// When to connect next, to which of the brokers, and in which version of MQTT. It is told what
// became of each attempt; it has no clock, socket or randomness: `jitter` is a number in [0, 1).
//
// The brokers are tried in turn, each at once after the other, with a pause after each round; the
// first that accepts is kept. When its connection breaks it is tried again first, since it has our
// session; one that was silent, or that breaks one link after the other, is left.
// Value; the owner serialises.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/instant.hpp"
#include "mqtt/events.hpp"
#include "mqtt/message.hpp"
#include "mqtt/take_over.hpp"
#include "mqtt/version_choice.hpp"

namespace mqtt_bridge {

class LinkPolicy {
 public:
  /// own: no other client should have it. shared: others may have it for a moment, as those have
  /// that call one NetID from the command line.
  enum class ClientId { own, shared };
  using Verdict = TakeOverEvidence::Verdict;

  /// The first attempt is due at `now`. `brokers`: how many there are, at least one.
  LinkPolicy(Protocol protocol, Instant now, ClientId client_id = ClientId::own,
             std::size_t brokers = 1);

  /// When the next attempt is due; nothing while one runs or the link is up.
  std::optional<Instant> next_attempt() const { return next_attempt_; }
  /// The broker of the attempt that runs, or of the next one.
  std::size_t broker() const { return broker_; }
  MqttVersion version() const { return versions_[broker_].version(); }
  bool tries_newest_again() const { return versions_[broker_].tries_newest_again(); }

  void attempt_begins(Instant now);
  /// A call waits for the link: the next attempt is due within a second of the last one, unless we
  /// yield to another client.
  void hurry(Instant now);
  /// The verdict is on a connection that ended only.
  Verdict attempt_failed(ConnectFailure failure, Instant now, double jitter);
  /// Connected and subscribed. `is_forgotten`: without the session that the broker had promised to
  /// keep.
  void link_is_up(bool is_forgotten, Instant now);
  /// Whether another client may take over the link that is up, as it did before.
  bool is_clash_suspected(Instant now) const { return evidence_.is_suspected(now - up_since_); }
  /// How long nothing is to be sent on a new connection, to see whether it stays.
  Duration quiet_time() const;
  /// The verdict: whether another client with our client id was the reason.
  Verdict link_lost(LinkLoss loss, Instant now, double jitter);

 private:
  void turn_to_next_broker() { broker_ = (broker_ + 1) % versions_.size(); }
  bool is_broker_to_be_left(LinkLoss loss) const;
  void schedule(Instant now, double jitter);
  void schedule_after_break(Instant now, double jitter);
  void yield(Instant now, double jitter);
  Verdict judge(LinkLoss loss, Duration life);
  static Verdict verdict_on_turns(int broken_links);

  ClientId client_id_;
  std::vector<VersionChoice> versions_;  // by broker
  std::size_t broker_ = 0;
  std::size_t tried_ = 0;  // brokers in a row that did not accept
  std::optional<Instant> next_attempt_;
  Instant last_attempt_{};
  Instant down_since_;
  Instant up_since_{};
  int failures_ = 0;     // in a row
  int short_links_ = 0;  // in a row

  // Other clients.
  TakeOverEvidence evidence_;
  bool yields_ = false;
  int yielded_ = 0;  // in a row
};

}  // namespace mqtt_bridge
