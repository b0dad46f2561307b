// mqtt_client's way to the daemon: finds where one listens and has one call carried out there, over
// one socket and under one deadline. Plain POSIX sockets; loads no library, and asks the resolver
// only for a name that the user gave. What the answer means is decided in client/verdict.
// Functions that block until their deadline at most; thread-safe.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/instant.hpp"
#include "client/daemon_place.hpp"
#include "client/hand_over.hpp"
#include "client/io/daemon_connect.hpp"
#include "client/option_table.hpp"
#include "client/reply_parser.hpp"
#include "client/request_head.hpp"
#include "client/verdict.hpp"

namespace mqtt_bridge {

/// A whole answer, whatever it says.
struct Answered {
  Reply reply;
  DaemonPlace place;
};

/// No place accepted a connection; `text` says why of each, in one line. `is_forbidden`: at least
/// one is there, and we may not open it.
struct NothingListens {
  std::string text;
  bool is_forbidden = false;

  void add(const DaemonPlace& place, const Connection& connection);
};

/// A connection that gave no answer. Where nothing can have been published, the daemon had not been
/// sent the whole request and closed the connection: the call may go another way.
struct Broken {
  enum class Published { no, maybe };
  Published published;
  ExitCode exit_code;  // no_answer when the deadline passed
  std::string text;    // one line, for the user
};

Reason reason_of(const NothingListens& nothing);

/// How long after its deadline an answer may come: the daemon is the one to say that there was
/// none.
inline constexpr std::chrono::seconds answer_margin{1};

/// When to give up connecting to `place`. By default at half of what is left, so that enough is
/// left to go another way; for the one that the user chose there is no other.
Instant connect_deadline(const DaemonPlace& place, Instant call_deadline);

/// Of a connection that a whole request, or not the whole of it, went to.
Broken closed_connection(const DaemonPlace& place, Broken::Published published);
Broken late_answer(const DaemonPlace& place);
Broken malformed_answer(const DaemonPlace& place, std::string_view fault);

/// All of a call but its message. Reads the file with the token; throws std::runtime_error where
/// there is none in it.
ClientCall client_call(const ClientOptions& options);
Asked asked_of(const ClientOptions& options);

using DaemonOutcome = std::variant<Answered, NothingListens, Broken>;

/// Asks the first of `places` that accepts a connection, and no other after it. `started` is when
/// the call's timeout began to run; the answer may come up to 1 s after it ran out, since the
/// daemon is the one to say that there was no answer. A place that does not accept within half of
/// the timeout, 1 s at most, does not listen; one that the user chose has all of the timeout.
DaemonOutcome call_daemon(const std::vector<DaemonPlace>& places, const ClientCall& call,
                          Instant started);

}  // namespace mqtt_bridge
