// How a program that answers a request came to its end, and what its requester and the log hear of
// that. Pure functions on values.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mqtt_bridge {

struct ProgramEnd {
  enum class How {
    exited,
    signalled,
    timed_out,      // and was ended
    said_too_much,  // more than limits::response_bytes, and was ended
    stopped,        // ended because the responder stops
    not_started,
  };
  How how;
  int code = 0;             // the exit code, or the signal
  std::string output = {};  // stdout
  std::string errors = {};  // stderr, or why it was not started; what is above
                            // limits::serve_error_bytes says that it is the end of more
};

/// An answer that is an error: see status_of() in exchange/failures.hpp.
struct ProgramFailure {
  std::string status;
  std::string error;
};

/// Nothing when it exited with 0, and its output is the answer. `program`: the first word of its
/// command. `timeout`: how long it was allowed to run.
std::optional<ProgramFailure> failure_of(const ProgramEnd& end, std::string_view program,
                                         std::chrono::milliseconds timeout);

/// The same for the log, without anything that the program printed: that may be of the request.
std::string end_in_words(const ProgramEnd& end, std::string_view program,
                         std::chrono::milliseconds timeout);

/// In one line that MQTT can carry (MQTT 5.0 1.5.4): what is not UTF-8, and noncharacters, become
/// U+FFFD, control characters and line ends a blank, as do several blanks. Without blanks around
/// it.
std::string in_one_line(std::string_view text);

using EnvironmentVariables = std::map<std::string, std::string, std::less<>>;

/// The environment of a program: that of the responder, without its own options and what systemd
/// says to it alone, and with MQTT_TOPIC, MQTT_NETID and MQTT_ACTION. As `NAME=value`.
std::vector<std::string> environment_of_program(const EnvironmentVariables& own,
                                                std::string_view topic, std::string_view netid,
                                                std::string_view action);

}  // namespace mqtt_bridge
