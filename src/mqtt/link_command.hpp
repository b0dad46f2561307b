// What LinkState wants done: with the connection, and told to the log and to the user of the link.
// Values; carried out in their order, at once. Where a fact follows, the command names it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "mqtt/events.hpp"
#include "mqtt/link_options.hpp"
#include "mqtt/message.hpp"
#include "os/log_level.hpp"

namespace mqtt_bridge {

namespace link_command {

// To connect ----------------------------------------------------------------------------------
/// The addresses of the host of one of the brokers; host_found() or host_not_found(). One look-up
/// of each at a time: it cannot be cancelled, and may outlive the attempt that it was begun for.
struct LookUp {
  std::size_t broker;
};
/// One of these addresses; dialling() at once, then reached() or not_reached().
struct Dial {
  std::size_t broker;
};
/// Takes too long; not_reached() at once.
struct StopDialling {};
/// On the connection that was reached; Connected or ConnectFailed.
struct Connect {
  BrokerUrl broker;
  MqttVersion version;
  bool clean_start;
  std::chrono::seconds keep_alive;
  std::optional<MqttWill> will;
};
/// Why there is no TLS connection; diagnosed().
struct Diagnose {};
/// Nothing more of the connection, or of the attempt to make one, is of interest. A look-up goes
/// on.
struct Drop {};

// On a connection -----------------------------------------------------------------------------
/// Subscribed.
struct Subscribe {
  std::uint64_t id;
  std::string filter;
  Retained retained;
  Echo echo = Echo::sent;
};
struct Unsubscribe {
  std::string filter;
};
/// Acknowledged or Refused. Its views are those of LinkState::publish().
struct Publish {
  MqttPublish publish;
};
/// What the broker takes in a PUBLISH.
struct Heed {
  int maximum_qos;
  bool has_retained;
};
/// Something that we sent may lie in the MQTT library.
struct Kick {};
/// Ends the connection, and what has come on it before counts; Lost.
struct Cut {};

// To be told ----------------------------------------------------------------------------------
struct Log {
  enum class Often { always, rarely };  // rarely: a peer can cause it again and again
  LogLevel level;
  Often often;
  std::string text;
};
/// What was said rarely is news again.
struct LogAnew {};
/// Those that LinkState::refused() has.
struct TellRefused {};
/// What the broker answered to LinkState::subscribe(); 0x80 and above is a refusal.
struct TellSubscribed {
  std::string filter;
  bool is_granted;
};
struct TellUp {
  LinkUp link;
};
struct TellDown {};
struct TellAttemptFailed {
  ConnectFailure failure;
  std::string why;
};

}  // namespace link_command

using LinkCommand =
    std::variant<link_command::LookUp, link_command::Dial, link_command::StopDialling,
                 link_command::Connect, link_command::Diagnose, link_command::Drop,
                 link_command::Subscribe, link_command::Unsubscribe, link_command::Publish,
                 link_command::Heed, link_command::Kick, link_command::Cut, link_command::Log,
                 link_command::LogAnew, link_command::TellRefused, link_command::TellSubscribed,
                 link_command::TellUp, link_command::TellDown, link_command::TellAttemptFailed>;

}  // namespace mqtt_bridge
