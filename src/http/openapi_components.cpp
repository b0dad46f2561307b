#include "http/openapi_components.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "base/duration.hpp"
#include "base/limits/call.hpp"
#include "base/limits/http.hpp"
#include "base/problem.hpp"
#include "http/endpoints.hpp"
#include "http/openapi_schemas.hpp"

namespace mqtt_bridge::openapi {
namespace {

// Which problems an operation can come to --------------------------------------------------------

enum class Arises {
  anywhere,
  where_a_token_is_asked_for,
  in_readiness,  // and in calls
  in_calls,
  in_transform,
  in_routes,
  in_making_calls,
  in_asking_for_calls,
  of_responders,  // with a status that they name
  elsewhere,      // of no operation that is described: another path, another method
};

Arises where_arises(Problem problem) {
  using enum Problem;
  using enum Arises;
  switch (problem) {
    case malformed_request:
    case forbidden_origin:
    case request_timeout:
    case payload_too_large:
    case uri_too_long:
    case unsupported_media_type:
    case headers_too_large:
    case internal_error:
    case overloaded:
    case shutting_down:
      return anywhere;
    case unauthorized:
      return where_a_token_is_asked_for;
    case broker_unavailable:
      return in_readiness;
    case invalid_payload:
    case invalid_parameter:
    case not_found:  // an encoded slash in a value of the path
    case wrong_broker:
    case unmatched_response:
    case bad_response:
    case broker_refused:
    case no_responder:
    case turn_pending:
    case turns_elsewhere:
    case response_timeout:
      return in_calls;
    case invalid_netid:
    case netid_not_served:
    case unknown_action:
      return in_transform;
    case invalid_idempotency_key:
    case idempotency_key_reused:
    case state_unavailable:
      return in_making_calls;
    case call_gone:
      return in_asking_for_calls;
    case value_not_allowed:
    case forbidden_user:
      return in_routes;
    case responder_error:
      return of_responders;
    case method_not_allowed:
    case not_implemented:
      return elsewhere;
  }
  return elsewhere;
}

bool can_come_of(Problem problem, Operation operation) {
  const bool makes_call = operation == Operation::transform || operation == Operation::route;
  const bool is_call = makes_call || operation == Operation::call;
  switch (where_arises(problem)) {
    case Arises::anywhere:
    case Arises::where_a_token_is_asked_for:
      return true;
    case Arises::in_readiness:
      return is_call || operation == Operation::readiness;
    case Arises::in_calls:
    case Arises::of_responders:
      return is_call;
    case Arises::in_transform:
      return operation == Operation::transform;
    case Arises::in_making_calls:
      return makes_call;
    case Arises::in_asking_for_calls:  // or sent again with its key
      return is_call;
    case Arises::in_routes:
      return operation == Operation::route;
    case Arises::elsewhere:
      return false;
  }
  return false;
}

/// By the status as it is written there; "default" for a status that the responder names.
using Slugs = std::map<std::string, std::vector<std::string_view>>;

Slugs slugs_of(Operation operation) {
  Slugs slugs;
  for (const ProblemKind& kind : all_problems()) {
    if (!can_come_of(kind.problem, operation))
      continue;
    const bool is_named = where_arises(kind.problem) == Arises::of_responders;
    slugs[is_named ? "default" : std::to_string(kind.status)].push_back(kind.slug);
  }
  return slugs;
}

constexpr std::array operations{Operation::plain, Operation::readiness, Operation::transform,
                                Operation::route, Operation::call};

std::string name_of(Operation operation, std::string_view status) {
  switch (operation) {
    case Operation::plain:
      return "Plain-" + std::string(status);
    case Operation::readiness:
      return "Readiness-" + std::string(status);
    case Operation::transform:
      return "Transform-" + std::string(status);
    case Operation::route:
      return "Route-" + std::string(status);
    case Operation::call:
      return "Call-" + std::string(status);
  }
  return {};
}

std::string listed(const std::vector<std::string_view>& words) {
  std::string list;
  for (const std::string_view word : words)
    list.append(list.empty() ? "" : ", ").append(word);
  return list;
}

Json problem_response_of(std::string_view status, const std::vector<std::string_view>& slugs) {
  Json headers{{"Request-Id", reference("headers", "Request-Id")}};
  if (status == "401")
    headers["WWW-Authenticate"] = reference("headers", "WWW-Authenticate");
  if (status == "503")
    headers["Retry-After"] = reference("headers", "Retry-After");
  return {
      {"description", listed(slugs)},
      {"headers", std::move(headers)},
      {"content", {{"application/problem+json", {{"schema", reference("schemas", "Problem")}}}}}};
}

Json all_problem_responses() {
  Json all = Json::object();
  for (const Operation operation : operations) {
    for (const auto& [status, slugs] : slugs_of(operation))
      all[name_of(operation, status)] = problem_response_of(status, slugs);
  }
  return all;
}

// Parameters and header fields -------------------------------------------------------------------

Json in_query(std::string_view name, std::string_view description, Json schema) {
  return {
      {"name", name}, {"in", "query"}, {"description", description}, {"schema", std::move(schema)}};
}

Json netid_parameter(const HttpApiOptions& options) {
  Json schema{{"type", "string"}, {"minLength", 1}, {"maxLength", limits::netid_bytes}};
  if (!options.netids.contains("*")) {
    Json served(options.netids);
    if (!options.netid.empty() && !options.netids.contains(options.netid))
      served.insert(served.begin(), options.netid);
    if (!served.empty())
      schema["enum"] = std::move(served);
  }
  if (!options.netid.empty())
    schema["default"] = options.netid;
  Json parameter = in_query("netid", "Whose service is asked", std::move(schema));
  parameter["required"] = options.netid.empty();
  return parameter;
}

Json broker_parameter(const HttpApiOptions& options) {
  Json parameter = in_query(
      "broker", "HOST:PORT. The call is refused with 421 unless the bridge uses this broker",
      {{"type", "string"}});
  const BrokerUrl& broker = options.brokers.front();
  parameter["example"] = broker.host + ":" + std::to_string(broker.port);
  return parameter;
}

std::string_view meaning_of(const ReadField& field) {
  if (field.name == "Request-Id")
    return "Comes back in the answer, and is in the log; a random one is made where there is none";
  if (field.name == "Prefer")
    return "RFC 7240: respond-async, or wait=SECONDS, or both; what has no answer then is answered "
           "with 202 and asked for later";
  if (field.name == "Idempotency-Key")
    return "A request with the key of an earlier one gets its answer, and nothing is published";
  return "W3C Trace Context, passed on to the service";
}

Json parameters(const HttpApiOptions& options) {
  Json all{{"netid", netid_parameter(options)},
           {"timeout", timeout_parameter(options, options.timeout)},
           {"broker", broker_parameter(options)}};
  const auto add_field = [&all](std::string_view name) {
    all[std::string(name)] = {{"name", name},
                              {"in", "header"},
                              {"description", meaning_of(*read_field(name))},
                              {"schema", {{"type", "string"}}}};
  };
  std::for_each(fields_of_callers.begin(), fields_of_callers.end(), add_field);
  std::for_each(fields_of_calls.begin(), fields_of_calls.end(), add_field);
  return all;
}

Json header(std::string_view description, Json schema) {
  return {{"description", description}, {"schema", std::move(schema)}};
}

Json headers() {
  Json required = header("The caller's, or a random one; it is in the log",
                         {{"type", "string"}, {"maxLength", limits::request_id_bytes}});
  required["required"] = true;
  return {{"Request-Id", std::move(required)},
          {"Server-Timing", header("How long each part of the call took", {{"type", "string"}})},
          {"Location", header("Where to ask for the answer", {{"type", "string"}})},
          {"Preference-Applied", header("RFC 7240", {{"type", "string"}})},
          {"Retry-After", header("Seconds", {{"type", "integer"}, {"minimum", 0}})},
          {"WWW-Authenticate", header("RFC 6750", {{"type", "string"}})}};
}

}  // namespace

Json reference(std::string_view kind, std::string_view name) {
  return {{"$ref", std::string("#/components/").append(kind).append("/").append(name)}};
}

Json timeout_parameter(const HttpApiOptions& options, std::chrono::milliseconds timeout) {
  const auto otherwise = std::min(timeout, options.max_timeout);
  Json parameter =
      in_query("timeout",
               "How long to wait for the answer, from 1ms to " + duration_text(options.max_timeout),
               {{"type", "string"},
                {"pattern", "^[0-9]+([.][0-9]+)?(ms|s|m)?$"},
                {"default", duration_text(otherwise)}});
  parameter["example"] = "1500ms";
  return parameter;
}

Json success(std::string_view description, Json content, Operation operation) {
  Json headers{{"Request-Id", reference("headers", "Request-Id")}};
  if (operation == Operation::transform || operation == Operation::route ||
      operation == Operation::call)
    headers["Server-Timing"] = reference("headers", "Server-Timing");
  Json response{{"description", description}, {"headers", std::move(headers)}};
  if (!content.empty())
    response["content"] = std::move(content);
  return response;
}

Json problem_responses(Operation operation, bool asks_for_token) {
  Json responses = Json::object();
  for (const auto& [status, slugs] : slugs_of(operation)) {
    if (status != "401" || asks_for_token)
      responses[status] = reference("responses", name_of(operation, status));
  }
  return responses;
}

Json components(const HttpApiOptions& options) {
  Json all{{"parameters", parameters(options)},
           {"headers", headers()},
           {"schemas", schemas()},
           {"responses", all_problem_responses()}};
  return all;
}

}  // namespace mqtt_bridge::openapi
