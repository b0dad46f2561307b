// What the caller wants of mqtt_client: its command line, the environment and the configuration
// file, validated. No other file is opened. Needs headers of libraries and nothing else, since what
// this program loads is most of what a call costs. Values.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "client/option_table.hpp"
#include "os/exit_now.hpp"

namespace mqtt_bridge {

/// The command line of mqtt_client. `environment`: "NAME=value", null at its end, of which
/// MQTT_BRIDGE_URL, MQTT_CLIENT_..., HOME and XDG_CONFIG_HOME count; null: empty. Options go before
/// ACTION or after MESSAGE: what follows ACTION is MESSAGE, whatever it looks like. With --route
/// there is nothing but MESSAGE, which may be left out. --help and --version go before NETID.
std::variant<ClientOptions, ExitNow> parse_client_options(int argc, const char* const* argv,
                                                          const char* const* environment);

/// That of mqtt_client_direct, which mqtt_client runs: the same, and --not-asked=REASON or
/// --left-aside=REASON, and --message-on-stdin: that holds the message, and nothing else.
std::variant<ClientOptions, ExitNow> parse_direct_options(int argc, const char* const* argv);

}  // namespace mqtt_bridge
