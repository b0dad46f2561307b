// What the operations of the OpenAPI document refer to: parameters, schemas and the responses for
// problems. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "http/api_options.hpp"

namespace mqtt_bridge::openapi {

using Json = nlohmann::ordered_json;

/// What an operation is for. It says which problems can come of it.
enum class Operation { plain, readiness, transform, route, call };

Json components(const HttpApiOptions& options);

/// References to all responses with a problem that it may give.
Json problem_responses(Operation operation, bool asks_for_token);

/// `{"$ref": "#/components/<kind>/<name>"}`
Json reference(std::string_view kind, std::string_view name);

/// The query parameter of this name, whose default may be a route's.
Json timeout_parameter(const HttpApiOptions& options, std::chrono::milliseconds timeout);

/// A response that succeeds, with the fields that it carries.
Json success(std::string_view description, Json content, Operation operation);

}  // namespace mqtt_bridge::openapi
