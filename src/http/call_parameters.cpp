#include "http/call_parameters.hpp"

#include <algorithm>

#include "base/duration.hpp"
#include "base/limits/call.hpp"
#include "base/nearest.hpp"
#include "base/utf8.hpp"
#include "http/later_wish.hpp"
#include "http/trace_context.hpp"

namespace mqtt_bridge {
namespace {

using Parameters = std::vector<QueryParameter>;

/// "netid, timeout and broker"
std::string listed(std::span<const std::string_view> names) {
  std::string list;
  for (const std::string_view& name : names) {
    if (&name != &names.front())
      list += &name == &names.back() ? " and " : ", ";
    list += name;
  }
  return list;
}

/// A misspelt parameter would otherwise be a call to another NetID, or one that waits for long.
std::string unknown_parameter(std::string_view name, std::span<const std::string_view> known) {
  constexpr std::size_t longest_shown = 64;
  const bool is_shown = is_utf8(name) && name.size() <= longest_shown;
  const std::string_view meant = nearest(name, known);
  std::string detail = is_shown ? "there is no parameter '" + std::string(name) + "'; "
                                : "there is no such parameter; ";
  if (!meant.empty())
    return detail.append("did you mean ").append(meant).append("?");
  return detail + "the parameters are " + listed(known);
}

/// What is wrong with them whatever their values are.
std::optional<Failure> why_not(const Parameters& parameters,
                               std::span<const std::string_view> known) {
  for (auto each = parameters.begin(); each != parameters.end(); ++each) {
    const auto& name = each->name;
    const auto is_namesake = [&name](const auto& other) { return other.name == name; };
    if (std::find(known.begin(), known.end(), name) == known.end())
      return Failure{Problem::invalid_parameter, unknown_parameter(name, known), {}};
    if (std::any_of(parameters.begin(), each, is_namesake))
      return Failure{Problem::invalid_parameter, name + " is given twice", {}};
  }
  return std::nullopt;
}

/// Nothing when it is not one that a call may name.
std::optional<std::chrono::milliseconds> timeout_of(const std::optional<std::string>& wanted,
                                                    std::chrono::milliseconds otherwise,
                                                    std::chrono::milliseconds most) {
  if (!wanted)
    return std::min(otherwise, most);
  const auto timeout = parse_duration(*wanted);
  const bool is_valid = timeout && *timeout >= limits::min_timeout && *timeout <= most;
  return is_valid ? timeout : std::nullopt;
}

Failure bad_timeout(std::chrono::milliseconds most) {
  return {Problem::invalid_parameter,
          "timeout is a duration from 1ms to " + duration_text(most) + ", such as 1500ms or 2s",
          {}};
}

std::optional<Failure> why_not_broker(const std::optional<std::string>& wanted,
                                      const HttpApiOptions& options) {
  if (!wanted)
    return std::nullopt;
  const auto broker = parse_host_port(*wanted, 1883);
  if (const auto* why = std::get_if<std::string>(&broker)) {
    return Failure{Problem::invalid_parameter, "broker: " + *why, {}};
  }
  // Any of them is right: a call may move from one to another while it waits.
  const auto& [host, port] = std::get<HostPort>(broker);
  std::string served;
  for (const BrokerUrl& each : options.brokers) {
    if (same_broker(each, host, port))
      return std::nullopt;
    served += (served.empty() ? "" : ", ") + to_string(each);
  }
  return Failure{Problem::wrong_broker, "this bridge serves " + served, {}};
}

}  // namespace

std::optional<std::string> value_of(const std::vector<QueryParameter>& parameters,
                                    std::string_view name) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [name](const auto& each) { return each.name == name; });
  if (found == parameters.end())
    return std::nullopt;
  return found->value;
}

std::variant<CallParameters, Failure> call_parameters_of(const HttpRequest& request,
                                                         std::span<const std::string_view> known,
                                                         std::chrono::milliseconds timeout,
                                                         Turns turns,
                                                         const HttpApiOptions& options) {
  const Parameters parameters = parse_query(request.query);
  if (auto failure = why_not(parameters, known))
    return *std::move(failure);
  if (auto failure = why_not_broker(value_of(parameters, "broker"), options))
    return *std::move(failure);
  const bool is_patient = is_for_later(request);
  const auto most = is_patient ? options.max_async_timeout : options.max_timeout;
  if (is_patient && turns == Turns::none)
    timeout = most;
  const auto wanted = timeout_of(value_of(parameters, "timeout"), timeout, most);
  if (!wanted)
    return bad_timeout(most);
  const std::string_view traceparent = request.asked->field("traceparent");
  const bool is_traced = is_traceparent(traceparent);
  return CallParameters{*wanted, is_patient, std::string(is_traced ? traceparent : ""),
                        is_traced && is_tracestate(request.tracestate) ? request.tracestate : ""};
}

}  // namespace mqtt_bridge
