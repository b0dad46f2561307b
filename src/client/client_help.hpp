// What mqtt_client says of itself, made of the table of options: for --help, its man page and the
// completions of shells. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "config/manual.hpp"

namespace mqtt_bridge {

inline constexpr std::string_view client_usage =
    "mqtt_client [--help] [-v] [--host HOST] [-p PORT] NETID ACTION MESSAGE";

Manual client_manual();

/// No line has more than 80 columns.
std::string client_help();

/// The five, separated by commas.
std::string action_names();

}  // namespace mqtt_bridge
