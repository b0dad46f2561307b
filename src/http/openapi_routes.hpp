// The operations of the routes in the OpenAPI document. Pure function.
#pragma once

#include <string>

#include "http/api_options.hpp"
#include "http/openapi_parts.hpp"

namespace mqtt_bridge::openapi {

/// Paths that differ in the names of their variables only are one to OpenAPI: those that come first
/// name them, and serve the methods that they have.
void add_route_paths(const HttpApiOptions& options, OperationIds& ids, std::string& paths);

}  // namespace mqtt_bridge::openapi
