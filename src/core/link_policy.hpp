// When to connect to the broker next, and in which version of MQTT. It is told what became of each
// attempt; it has no clock, socket or randomness: `jitter` is a number in [0, 1).
// Value; the owner serialises.
#pragma once

#include <optional>
#include <string_view>

#include "core/instant.hpp"

namespace mqtt_bridge {

enum class Protocol { automatic, v5, v3_1_1 };  // automatic: 5, and 3.1.1 when the broker refuses 5
enum class MqttVersion { v3_1_1, v5 };

constexpr std::string_view to_string(MqttVersion version) {
  return version == MqttVersion::v5 ? "5" : "3.1.1";
}

enum class ConnectFailure {
  unreachable,      // no TCP connection, or no CONNACK in time
  closed,           // the broker closed the connection without a CONNACK
  version_refused,  // CONNACK: unsupported protocol version (5.0: 0x84; 3.1.1: 1)
  refused           // CONNACK: any other refusal
};

/// How a link that was up ended.
enum class LinkLoss {
  broken,      // the broker, or the network, ended the connection
  silent,      // the broker owed an answer for too long
  taken_over,  // by another client with our client id
  renewed      // by us, for another connection with other credentials
};

class LinkPolicy {
 public:
  /// made_up: nobody else can have it.
  enum class ClientId { configured, made_up };

  /// The first attempt is due at `now`.
  LinkPolicy(Protocol protocol, Instant now, ClientId client_id = ClientId::configured);

  /// When the next attempt is due; nothing while one runs or the link is up.
  std::optional<Instant> next_attempt() const { return next_attempt_; }
  MqttVersion version() const { return version_; }

  void attempt_begins(Instant now);
  /// Somebody needs the link: the next attempt is due within a second of the last one, unless we
  /// yield to another client.
  void hurry(Instant now);
  void attempt_failed(ConnectFailure failure, Instant now, double jitter);
  /// The link was taken down to connect anew, with other credentials.
  void link_is_renewed(Instant now);
  /// Connected and subscribed.
  void link_is_up(bool session_present, Instant now);
  /// taken_over: another client seems to use our client id, though the broker did not say so.
  enum class Loss { broken, taken_over };
  Loss link_lost(Instant now, double jitter);
  /// Another client uses our client id (MQTT 5.0 4.13, 0x8E). Never fights back at once.
  void taken_over(Instant now, double jitter);

 private:
  void schedule(Instant now, double jitter);

  Protocol protocol_;
  ClientId client_id_;
  MqttVersion version_;
  std::optional<Instant> next_attempt_;
  Instant last_attempt_{};
  bool yields_ = false;
  Instant down_since_;
  Instant up_since_{};
  int failures_ = 0;            // in a row
  int closures_ = 0;            // in a row, without a CONNACK
  bool is_trial_ = false;       // the attempt in 3.1.1 that shows what closures in 5 mean
  int unstable_links_ = 0;      // links in a row that broke as soon as they were up
  int forgotten_sessions_ = 0;  // in a row, of links that broke while the broker was there
  bool was_short_ = false;      // the last link did not live long
};

}  // namespace mqtt_bridge
