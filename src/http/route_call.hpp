// The call that a request to the path of a route asks for, checked. Pure function.
#pragma once

#include <variant>

#include "base/problem.hpp"
#include "http/api_options.hpp"
#include "http/request.hpp"
#include "route/route_request.hpp"

namespace mqtt_bridge {

/// Without its payload, which stays in the request, and without what the bridge adds; or what is
/// wrong with it. REQUIRES: `request.asked` has a route for its method.
std::variant<RouteCall, Failure> route_call_of(const HttpRequest& request,
                                               const HttpApiOptions& options);

}  // namespace mqtt_bridge
