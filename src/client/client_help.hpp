// What mqtt_client --help prints, made of the table of options. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace mqtt_bridge {

inline constexpr std::string_view client_usage =
    "mqtt_client [--help] [-v] [--host HOST] [-p PORT] NETID ACTION MESSAGE";

/// No line has more than 80 columns.
std::string client_help();

/// The five, separated by commas.
std::string action_names();

}  // namespace mqtt_bridge
