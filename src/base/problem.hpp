// Every way in which a call can fail, once: the slug that JSON, logs, metrics and docs/problems.md
// share, its HTTP status and its title (RFC 9457 3.1). Values.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/instant.hpp"

namespace mqtt_bridge {

enum class Problem {
  invalid_netid,
  invalid_payload,
  invalid_parameter,
  invalid_idempotency_key,
  malformed_request,
  unauthorized,
  netid_not_served,
  value_not_allowed,
  forbidden_origin,
  forbidden_user,
  unknown_action,
  not_found,
  method_not_allowed,
  request_timeout,
  call_gone,
  payload_too_large,
  uri_too_long,
  unsupported_media_type,
  wrong_broker,
  idempotency_key_reused,
  headers_too_large,
  internal_error,
  not_implemented,
  unmatched_response,
  bad_response,
  broker_refused,
  broker_unavailable,
  no_responder,
  turn_pending,
  turns_elsewhere,
  overloaded,
  state_unavailable,
  shutting_down,
  response_timeout,
  responder_error,
};

/// Whether a caller may simply send the request again: true only where nothing can have been
/// published for it.
enum class Retryable { no, yes };

struct ProblemKind {
  Problem problem;
  std::string_view slug;  // also the last part of the problem's `type`
  int status;  // RFC 9110 15; for responder_error the default, the responder may name another
  Retryable retryable;
  std::string_view title;  // the same for every occurrence (RFC 9457 3.1.3)
};

const ProblemKind& describe(Problem problem);

/// In the order of the enum; for tests, metrics and documents that walk them all.
std::span<const ProblemKind> all_problems();

/// One occurrence of it.
struct Failure {
  Problem problem;
  std::string detail;
  std::optional<int> status;                 // where a responder named one
  std::optional<Duration> retry_after = {};  // where it is known
  std::string response = {};                 // of a service that reported an error; may be empty
};

}  // namespace mqtt_bridge
