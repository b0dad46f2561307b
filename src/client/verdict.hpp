// What mqtt_client does about an answer of mqtt_bridged, and how it ends. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/problem.hpp"
#include "client/reply_parser.hpp"

namespace mqtt_bridge {

/// How mqtt_client ends, by whichever way the answer came.
enum class ExitCode {
  answered = 0,
  failed = 1,
  usage = 2,
  no_answer = 3,  // in time
  broker_unreachable = 4,
};

/// The same, whichever way the call went.
ExitCode exit_code_of(Problem problem);

/// For a terminal: no control character of either set survives, nor one that breaks a line or turns
/// the direction of writing, nor, where the text is not UTF-8, any byte above 0x7f.
std::string on_one_line(std::string_view text);

enum class Next { print_answer, fall_back_direct, fail };

/// `message` is one printable line: why to fall back, or what to tell the user; empty with an
/// answer, which is the reply's body. `remedy`, a clause, says which option would make this daemon
/// serve the call; only where it falls back.
struct Decision {
  Next next;
  ExitCode exit_code;
  std::string message;
  std::string remedy = {};
  bool is_of_every_call = false;  // that is like this one: it fails, and so will the next
};

/// Of the call that was answered.
struct Asked {
  bool is_route = false;   // whose answer may be of any media type, and none at all (202)
  bool has_token = false;  // one was sent
  bool as_json = false;    // the answer of an action
};

/// `daemon` names where the reply came from, for the message. Falls back only where nothing can
/// have been published, and only because this daemon does not serve this broker or NetID.
Decision decide(const Reply& reply, std::string_view daemon, Asked asked = {});

}  // namespace mqtt_bridge
