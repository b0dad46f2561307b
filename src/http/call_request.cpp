#include "http/call_request.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.hpp"
#include "base/duration.hpp"
#include "base/limits.hpp"
#include "base/nearest.hpp"
#include "base/utf8.hpp"
#include "exchange/topic.hpp"
#include "http/media_type.hpp"
#include "http/query.hpp"
#include "http/trace_context.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {
namespace {

using Parameters = std::vector<QueryParameter>;

std::optional<std::string> value_of(const Parameters& parameters, std::string_view name) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [name](const auto& each) { return each.name == name; });
  if (found == parameters.end())
    return std::nullopt;
  return found->value;
}

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

/// A text read in the wrong charset would be answered by a wrong one.
Failure foreign(const std::string& charset) {
  constexpr std::size_t longest_shown = 32;
  const bool is_shown = ascii::is_token(charset) && charset.size() <= longest_shown;
  return {Problem::unsupported_media_type,
          "send the text as UTF-8 (Content-Type: text/plain; charset=utf-8), not as " +
              (is_shown ? charset : "what its charset says"),
          {}};
}

bool is_served_action(std::string_view name, const HttpApiOptions& options) {
  const auto& more = options.actions;
  return parse_action(name) || std::find(more.begin(), more.end(), name) != more.end();
}

Failure unknown_action(std::string_view name, const HttpApiOptions& options) {
  std::string known;
  for (const Action action : all_actions) {
    known.append(known.empty() ? "" : ", ").append(to_string(action));
  }
  for (const auto& action : options.actions)
    known.append(", ").append(action);
  return {Problem::unknown_action,
          (is_utf8(name) && name.size() < 64 ? "there is no action '" + std::string(name) + "'; "
                                             : "there is no such action; ") +
              "the actions are " + known + "; --action adds others",
          {}};
}

/// Nothing when it is not one that a call may name.
std::optional<std::chrono::milliseconds> timeout_of(const std::optional<std::string>& wanted,
                                                    const HttpApiOptions& options) {
  if (!wanted)
    return options.timeout;
  const auto timeout = parse_duration(*wanted);
  const bool is_valid =
      timeout && *timeout >= limits::min_timeout && *timeout <= options.max_timeout;
  return is_valid ? timeout : std::nullopt;
}

Failure bad_timeout(const HttpApiOptions& options) {
  return {Problem::invalid_parameter,
          "timeout is a duration from 1ms to " + duration_text(options.max_timeout) +
              ", such as 1500ms or 2s",
          {}};
}

std::optional<Failure> why_not_netid_of_call(const std::string& netid,
                                             const HttpApiOptions& options) {
  if (auto why = why_not_netid(netid))
    return Failure{Problem::invalid_netid, *why, {}};
  const auto& served = options.netids;
  if (netid == options.netid || served.contains(netid) || served.contains("*"))
    return std::nullopt;
  return Failure{Problem::netid_not_served,
                 "this bridge does not serve the NetID " + netid + "; its --netids has to name it",
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
  const auto& [host, port] = std::get<HostPort>(broker);
  if (same_broker(options.broker, host, port))
    return std::nullopt;
  return Failure{Problem::wrong_broker, "this bridge serves " + to_string(options.broker), {}};
}

/// What is wrong with its action or its text.
std::optional<Failure> why_not_text(const HttpRequest& request, std::string_view action,
                                    const HttpApiOptions& options) {
  if (!is_served_action(action, options))
    return unknown_action(action, options);
  if (const auto charset = foreign_charset(request.content_type))
    return foreign(*charset);
  if (!is_utf8(request.body))
    return Failure{Problem::invalid_payload, "the body is not UTF-8 text", {}};
  return std::nullopt;
}

}  // namespace

std::variant<Call, Failure> call_of(const HttpRequest& request, const HttpApiOptions& options) {
  const Asked& asked = *request.asked;
  const std::string_view action = endpoint::action_in(asked.path);
  if (auto failure = why_not_text(request, action, options))
    return *std::move(failure);
  const Parameters parameters = parse_query(request.query);
  if (auto failure = why_not(parameters, asked.endpoint->parameters))
    return *std::move(failure);
  std::string netid = value_of(parameters, "netid").value_or(options.netid);
  if (auto failure = why_not_netid_of_call(netid, options))
    return *std::move(failure);
  if (auto failure = why_not_broker(value_of(parameters, "broker"), options))
    return *std::move(failure);
  const auto timeout = timeout_of(value_of(parameters, "timeout"), options);
  if (!timeout)
    return bad_timeout(options);
  const std::string_view traceparent = asked.field("traceparent");
  const bool is_traced = is_traceparent(traceparent);
  return Call{
      .netid = std::move(netid),
      .action = std::string(action),
      .payload = {},
      .correlation = {},
      .traceparent = std::string(is_traced ? traceparent : ""),
      .tracestate = is_traced && is_tracestate(request.tracestate) ? request.tracestate : "",
      .arrived = request.arrived,
      .deadline = request.arrived + *timeout};
}

std::string netid_of(const HttpRequest& request, const HttpApiOptions& options) {
  return value_of(parse_query(request.query), "netid").value_or(options.netid);
}

}  // namespace mqtt_bridge
