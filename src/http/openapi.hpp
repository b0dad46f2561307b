// The HTTP interface as an OpenAPI 3.1 document, made of the table of endpoints, the routes, the
// header fields that are read and the problems: what is served is what it says. Pure function.
#pragma once

#include <string>
#include <string_view>

#include "http/api_options.hpp"

namespace mqtt_bridge {

/// JSON in one line. It costs about 0.1 ms a route, so keep it as long as `options` are the same.
std::string openapi_document(const HttpApiOptions& options, std::string_view version);

}  // namespace mqtt_bridge
