// When to connect to the broker next, and in which version of MQTT. It is told what became of each
// attempt; it has no clock, socket or randomness: `jitter` is a number in [0, 1).
// Value; the owner serialises.
#pragma once

#include <optional>

#include "base/instant.hpp"
#include "mqtt/events.hpp"
#include "mqtt/message.hpp"
#include "mqtt/take_over.hpp"

namespace mqtt_bridge {

enum class Protocol { automatic, v5, v3_1_1 };  // automatic: 5, and 3.1.1 when the broker refuses 5

class LinkPolicy {
 public:
  /// own: no other client should have it. shared: others may have it for a moment, as those have
  /// that call one NetID from the command line.
  enum class ClientId { own, shared };
  using Verdict = TakeOverEvidence::Verdict;

  /// The first attempt is due at `now`.
  LinkPolicy(Protocol protocol, Instant now, ClientId client_id = ClientId::own);

  /// When the next attempt is due; nothing while one runs or the link is up.
  std::optional<Instant> next_attempt() const { return next_attempt_; }
  MqttVersion version() const { return version_; }
  /// Whether the attempt that runs is there to see whether the broker takes the newest version now.
  bool tries_newest_again() const { return tries_newest_again_; }

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
  void choose_version(ConnectFailure failure, Instant now);
  void fall_back(Instant now);
  void schedule(Instant now, double jitter);
  void schedule_after_break(Instant now, double jitter);
  void yield(Instant now, double jitter);
  Verdict judge(LinkLoss loss, Duration life);
  static Verdict verdict_on_turns(int broken_links);

  Protocol protocol_;
  ClientId client_id_;
  MqttVersion version_;
  std::optional<Instant> next_attempt_;
  Instant last_attempt_{};
  Instant down_since_;
  Instant up_since_{};
  int failures_ = 0;     // in a row
  int short_links_ = 0;  // in a row

  // The version.
  int closures_ = 0;       // in a row, without a CONNACK
  bool is_trial_ = false;  // the attempt in 3.1.1 that shows what closures in 5 mean
  bool tries_newest_again_ = false;
  bool has_fallen_back_ = false;  // since the link was last up
  int refusals_of_newest_ = 0;    // in a row, each followed by a link in 3.1.1
  Instant newest_refused_at_{};

  // Other clients.
  TakeOverEvidence evidence_;
  bool yields_ = false;
  int yielded_ = 0;  // in a row
};

}  // namespace mqtt_bridge
