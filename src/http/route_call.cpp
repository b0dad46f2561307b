#include "http/route_call.hpp"

#include <algorithm>
#include <utility>

#include "base/utf8.hpp"
#include "exchange/topic.hpp"
#include "http/call_parameters.hpp"
#include "http/media_type.hpp"
#include "http/trace_context.hpp"

namespace mqtt_bridge {
namespace {

std::optional<Failure> why_not_user(const HttpRequest& request, const Route& route) {
  if (route.users.empty())
    return std::nullopt;
  if (!request.user) {
    return Failure{Problem::forbidden_user,
                   "this route may be called over the unix socket only (allow-user)",
                   {}};
  }
  if (std::find(route.users.begin(), route.users.end(), *request.user) != route.users.end())
    return std::nullopt;
  return Failure{Problem::forbidden_user, "this user may not call this route (allow-user)", {}};
}

/// What the service is told that the body is. Nothing where it is what curl says of all that it is
/// given with --data.
std::string content_type_of(const HttpRequest& request) {
  constexpr std::size_t longest = 255;
  const std::string& type = request.content_type;
  const bool is_told = type.size() <= longest && is_broker_safe(type) && !is_form(type);
  return is_told ? type : "";
}

}  // namespace

std::variant<RouteCall, Failure> route_call_of(const HttpRequest& request,
                                               const HttpApiOptions& options) {
  const Asked& asked = *request.asked;
  const auto route = asked.route_for(request.method);
  if (auto failure = why_not_user(request, *route))
    return *std::move(failure);
  // RFC 9110 9.3.1: it has no meaning there, and who passes a request on may leave it out.
  if (request.method == "GET" && !request.body.empty())
    return Failure{Problem::invalid_payload, "send no body with GET", {}};
  const Turns turns = route->linked == Route::Linked::by_turn ? Turns::perhaps : Turns::none;
  auto parameters = call_parameters_of(request, endpoint::route_parameters,
                                       route->timeout.value_or(options.timeout), turns, options);
  if (auto* const failure = std::get_if<Failure>(&parameters))
    return std::move(*failure);
  auto& [timeout, is_patient, traceparent, tracestate] = std::get<CallParameters>(parameters);
  return RouteCall{.route = route,
                   .values = values_in(route->pattern, asked.path),
                   .content_type = content_type_of(request),
                   .traceparent = std::move(traceparent),
                   .tracestate = std::move(tracestate),
                   .is_patient = is_patient,
                   .arrived = request.arrived,
                   .deadline = request.arrived + timeout};
}

}  // namespace mqtt_bridge
