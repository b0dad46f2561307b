// The call that a request to /transform/{action} asks for: its parameters and its text, checked.
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/problem.hpp"
#include "exchange/call.hpp"
#include "http/api_options.hpp"
#include "http/request.hpp"

namespace mqtt_bridge {

/// Without its payload, which stays in the request, and without correlation data; or what is wrong
/// with it. REQUIRES: `request.asked`, at the endpoint of calls.
std::variant<Call, Failure> call_of(const HttpRequest& request, const HttpApiOptions& options);

/// The NetID that a request names, or the bridge's own; valid or not.
std::string netid_of(const HttpRequest& request, const HttpApiOptions& options);

}  // namespace mqtt_bridge
