// What the caller wants of mqtt_client: its command line and MQTT_BRIDGE_URL, validated. Needs
// CLI11 and nothing else, since what this program loads is most of what a call costs. Values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/limits/call.hpp"
#include "os/exit_now.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {

struct ClientOptions {
  bool verbose = false;
  std::string host = "localhost";  // of the broker; IPv6 without its brackets
  std::uint16_t port = 1883;
  bool names_broker = false;  // by one of these two
  std::string netid;
  std::string action = "uppercase";  // an is_action_name(); of mqtt_client_direct one of the five
  std::string route;                 // the path of a route, instead of these two; empty: none
  std::string message;               // UTF-8, but that to a route may be anything; perhaps empty
  std::string daemon;                // as parse_daemon_url() reads it; empty: not named
  bool direct = false;
  // Of mqtt_client_direct only: why no daemon was of use; empty: none was wished.
  std::string not_asked = {};
  bool is_left_aside = false;  // one is there
  std::chrono::milliseconds timeout = limits::default_timeout;
  friend bool operator==(const ClientOptions&, const ClientOptions&) = default;
};

inline constexpr std::string_view client_usage =
    "mqtt_client [--help] [-v] [--host HOST] [-p PORT] NETID ACTION MESSAGE";

/// That it is none of the five, in words.
std::string unknown_action(std::string_view action);

/// The command line of mqtt_client. `environment`: "NAME=value", null at its end, of which
/// MQTT_BRIDGE_URL counts; null: empty. Options go before ACTION or after MESSAGE: what follows
/// ACTION is MESSAGE, whatever it looks like. With --route there is nothing but MESSAGE, which may
/// be left out. --help and --version go before NETID.
std::variant<ClientOptions, ExitNow> parse_client_options(int argc, const char* const* argv,
                                                          const char* const* environment);

/// That of mqtt_client_direct, which mqtt_client runs: the same, and --not-asked=REASON or
/// --left-aside=REASON.
std::variant<ClientOptions, ExitNow> parse_direct_options(int argc, const char* const* argv);

}  // namespace mqtt_bridge
