// The query parameters and fields that all calls have, checked. Pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/problem.hpp"
#include "http/api_options.hpp"
#include "http/query.hpp"
#include "http/request.hpp"

namespace mqtt_bridge {

struct CallParameters {
  std::chrono::milliseconds timeout;
  std::string traceparent;  // empty: none
  std::string tracestate;
};

/// `known`: the names of the parameters that there are, see http/endpoints.hpp. `timeout`: of a
/// call that names none; a longer one than HttpApiOptions::max_timeout is that.
std::variant<CallParameters, Failure> call_parameters_of(const HttpRequest& request,
                                                         std::span<const std::string_view> known,
                                                         std::chrono::milliseconds timeout,
                                                         const HttpApiOptions& options);

/// The value of a parameter; nothing where it is not given.
std::optional<std::string> value_of(const std::vector<QueryParameter>& parameters,
                                    std::string_view name);

}  // namespace mqtt_bridge
