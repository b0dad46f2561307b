// What to say to callers who ask for what there is not: where to look, and what they may have
// meant. Pure functions. REQUIRES: `request.asked`.
#pragma once

#include <string>

#include "http/api_options.hpp"
#include "http/request.hpp"

namespace mqtt_bridge {

/// For a path where there is nothing.
std::string why_not_found(const HttpRequest& request, const HttpApiOptions& options);

/// For a path that has other methods, `allow`.
std::string why_not_allowed(const HttpRequest& request, const std::string& allow);

}  // namespace mqtt_bridge
