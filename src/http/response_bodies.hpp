// What the bridge answers with: texts, answers of calls, problems and the status, each as a
// response with its own fields. Those that every response has are added by decide.hpp. Pure
// functions.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/problem.hpp"
#include "base/wall_clock.hpp"
#include "exchange/daemon_group.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/presence.hpp"
#include "http/api_options.hpp"
#include "http/response.hpp"
#include "mqtt/message.hpp"

namespace mqtt_bridge {

/// Something that happened, and why, for people.
struct Happened {
  Instant at;
  std::string why;  // of a reload: empty where it succeeded
};

/// Of calls that are answered later or have an Idempotency-Key.
struct LaterStatus {
  std::size_t waiting = 0;
  std::size_t kept = 0;  // answers
  std::size_t kept_bytes = 0;
  std::string state = {};  // where they are kept over a restart; empty: nowhere
};

/// Of daemons that serve the same NetIDs.
struct GroupStatus {
  std::string name;
  std::optional<std::string> why_no_turns;                  // here
  std::map<std::string, DaemonStatus, std::less<>> others;  // by client id
};

/// What GET /status tells.
struct BridgeStatus {
  WallClock clock = {};
  Instant started = {};
  std::string config_file = {};  // empty: none
  std::optional<Happened> last_reload = {};
  std::optional<Instant> linked_since = {};
  std::optional<Happened> last_loss = {};  // of the link
  std::vector<KnownResponder> responders = {};
  std::optional<std::string> why_not_ready;
  std::optional<std::string> warning;     // of what may end the link
  std::optional<GroupStatus> group = {};  // of daemons
  std::string broker;                     // the URL of that of the link, or of the last attempt
  std::string mqtt_version;               // of the link; empty without one
  std::uint64_t times_linked;
  std::size_t in_flight;
  std::size_t queued;
  std::size_t connections;
  LaterStatus later = {};
  std::array<std::uint64_t, dropped_reasons> dropped;
  LostMessages lost;
};

HttpResponse text_response(std::string text);
/// Of a batch; its lines follow, see batch_line.hpp.
HttpResponse batch_response();
/// `text` in Prometheus's text format.
HttpResponse metrics_response(std::string text);
/// The head of an answer in server-sent events (HTML 9.2).
HttpResponse events_response();
HttpResponse status_response(const BridgeStatus& status, const HttpApiOptions& options,
                             std::string_view version);

enum class AnswerAs { text, json };
/// Takes the answer's text. REQUIRES: `ended` has an answer.
HttpResponse answer_response(Ended& ended, AnswerAs as, std::string_view request_id);

/// The same of a route: the service's bytes, with the type that it says they have. `is_json`: that
/// is the route's kind.
HttpResponse route_answer_response(Ended& ended, bool is_json);

/// Whether an answer is JSON, small enough to be looked at. `is_expected`: then also a value that
/// is no object or array.
bool is_json_answer(std::string_view text, bool is_expected);
HttpResponse json_response(std::string json);

/// The `type` of such a problem, a URI.
std::string problem_type_of(const ProblemKind& kind);

/// RFC 9457. `retryable` says so of this occurrence, where its kind is.
HttpResponse problem_response(const Failure& failure, Retryable retryable,
                              std::string_view request_id);

/// How long each part of a call took, for those parts that it came to, as a Server-Timing field.
std::string server_timing(const Ended& ended);

}  // namespace mqtt_bridge
