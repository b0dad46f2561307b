#include "base/problem.hpp"

#include <array>
#include <cstddef>

namespace mqtt_bridge {
namespace {

using enum Problem;
constexpr auto yes = Retryable::yes;
constexpr auto no = Retryable::no;

// A problem after which a request may have been published, or which the same request would meet
// again, is not retryable.
constexpr auto kinds = std::to_array<ProblemKind>({
    {invalid_netid, "invalid-netid", 400, no, "Invalid NetID"},
    {invalid_payload, "invalid-payload", 400, no, "Invalid payload"},
    {invalid_parameter, "invalid-parameter", 400, no, "Invalid parameter"},
    {invalid_idempotency_key, "invalid-idempotency-key", 400, no, "Invalid Idempotency-Key"},
    {malformed_request, "malformed-request", 400, no, "Malformed request"},
    {unauthorized, "unauthorized", 401, no, "Unauthorized"},
    {netid_not_served, "netid-not-served", 403, no, "NetID not served here"},
    {value_not_allowed, "value-not-allowed", 403, no, "Value not allowed here"},
    {forbidden_origin, "forbidden-origin", 403, no, "Forbidden origin"},
    {forbidden_user, "forbidden-user", 403, no, "Forbidden user"},
    {unknown_action, "unknown-action", 404, no, "Unknown action"},
    {not_found, "not-found", 404, no, "Not found"},
    {method_not_allowed, "method-not-allowed", 405, no, "Method not allowed"},
    {request_timeout, "request-timeout", 408, yes, "Request did not arrive in time"},
    {call_gone, "call-gone", 410, no, "The call is not kept any more"},
    {payload_too_large, "payload-too-large", 413, no, "Payload too large"},
    {uri_too_long, "uri-too-long", 414, no, "URI too long"},
    {unsupported_media_type, "unsupported-media-type", 415, no, "Unsupported media type"},
    {wrong_broker, "wrong-broker", 421, no, "Not connected to that broker"},
    {idempotency_key_reused, "idempotency-key-reused", 422, no,
     "Idempotency-Key of another request"},
    {headers_too_large, "headers-too-large", 431, no, "Header fields too large"},
    {internal_error, "internal-error", 500, no, "Internal error"},
    {not_implemented, "not-implemented", 501, no, "Not implemented"},
    {unmatched_response, "unmatched-response", 502, no, "No response matched the request"},
    {bad_response, "bad-response", 502, no, "Unusable response"},
    {broker_refused, "broker-refused", 502, no, "The broker refuses the request"},
    {broker_unavailable, "broker-unavailable", 503, yes, "Broker unavailable"},
    {no_responder, "no-responder", 503, yes, "No responder"},
    {turn_pending, "turn-pending", 503, yes, "A late answer is waited for"},
    {turns_elsewhere, "turns-elsewhere", 503, yes, "Another daemon takes the turns"},
    {overloaded, "overloaded", 503, yes, "Overloaded"},
    {state_unavailable, "state-unavailable", 503, yes, "Nothing can be kept"},
    {shutting_down, "shutting-down", 503, yes, "Shutting down"},
    {response_timeout, "response-timeout", 504, no, "No response in time"},
    {responder_error, "responder-error", 502, no, "The responder reported an error"},
});

constexpr bool in_the_order_of_the_enum() {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (static_cast<std::size_t>(kinds[i].problem) != i)
      return false;
  }
  return true;
}
static_assert(in_the_order_of_the_enum());
static_assert(static_cast<std::size_t>(responder_error) + 1 == kinds.size());

}  // namespace

const ProblemKind& describe(Problem problem) {
  return kinds[static_cast<std::size_t>(problem)];
}

std::span<const ProblemKind> all_problems() {
  return kinds;
}

}  // namespace mqtt_bridge
