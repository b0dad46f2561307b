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
  bool is_patient;          // it is answered later, see Call
  std::string traceparent;  // empty: none
  std::string tracestate;
};

/// Whether others may have to wait until a call has its answer, see exchange/turn_matcher.hpp.
enum class Turns { none, perhaps };

/// `known`: the names of the parameters that there are, see http/endpoints.hpp. `timeout`: of a
/// call that names none; a longer one than HttpApiOptions::max_timeout is that. A call that is
/// answered later has max_async_timeout instead of both, but where turns may be taken.
std::variant<CallParameters, Failure> call_parameters_of(const HttpRequest& request,
                                                         std::span<const std::string_view> known,
                                                         std::chrono::milliseconds timeout,
                                                         Turns turns,
                                                         const HttpApiOptions& options);

/// The value of a parameter; nothing where it is not given.
std::optional<std::string> value_of(const std::vector<QueryParameter>& parameters,
                                    std::string_view name);

}  // namespace mqtt_bridge
