#include "http/openapi.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/problem.hpp"
#include "http/endpoints.hpp"
#include "http/openapi_components.hpp"
#include "http/openapi_parts.hpp"
#include "http/openapi_routes.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {
namespace openapi {
namespace {

// The endpoints ----------------------------------------------------------------------------------

Json action_parameter(const HttpApiOptions& options) {
  Json names = Json::array();
  for (const Action action : all_actions)
    names.push_back(to_string(action));
  for (const auto& action : options.actions)
    names.push_back(action);
  return path_parameter("action", {{"type", "string"}, {"enum", std::move(names)}});
}

Json slug_parameter() {
  Json slugs = Json::array();
  for (const ProblemKind& kind : all_problems())
    slugs.push_back(kind.slug);
  return path_parameter("slug", {{"type", "string"}, {"enum", std::move(slugs)}});
}

Json id_parameter() {
  Json parameter = path_parameter("id", {{"type", "string"}, {"pattern", "^[0-9a-f]{32}$"}});
  parameter["example"] = std::string(32, '0');
  return parameter;
}

Operation operation_of(Endpoint::Kind kind) {
  switch (kind) {
    case Endpoint::Kind::transform:
      return Operation::transform;
    case Endpoint::Kind::call:
      return Operation::call;
    case Endpoint::Kind::ready:
      return Operation::readiness;
    case Endpoint::Kind::alive:
    case Endpoint::Kind::metrics:
    case Endpoint::Kind::status:
    case Endpoint::Kind::openapi:
    case Endpoint::Kind::runbook:
    case Endpoint::Kind::page:
    case Endpoint::Kind::events:
      break;
  }
  return Operation::plain;
}

/// What it answers with where it succeeds.
Json success_of(Endpoint::Kind kind) {
  switch (kind) {
    case Endpoint::Kind::transform: {
      Json content = content_of("text/plain", schema_of("string"));
      content["application/json"] = {{"schema", reference("schemas", "Answer")}};
      content[batch_media_type] = Json::object();  // of a batch, a line for each of its lines
      return content;
    }
    case Endpoint::Kind::call:
      return {{"*/*", Json::object()}};  // as the call would have been answered
    case Endpoint::Kind::page: {
      Json content = content_of("text/plain", schema_of("string"));
      content["text/html"] = {{"schema", schema_of("string")}};
      return content;
    }
    case Endpoint::Kind::events:
      return content_of("text/event-stream", schema_of("string"));
    case Endpoint::Kind::status:
      return content_of("application/json", reference("schemas", "Status"));
    case Endpoint::Kind::openapi:
      return content_of("application/json", schema_of("object"));
    case Endpoint::Kind::alive:
    case Endpoint::Kind::ready:
    case Endpoint::Kind::metrics:
    case Endpoint::Kind::runbook:
      break;
  }
  return content_of("text/plain", schema_of("string"));
}

Json text_to_transform() {
  Json text{{"schema", schema_of("string")}};
  text["example"] = "hello";
  return {{"description", "The text itself, in UTF-8"},
          {"required", true},
          {"content", {{"text/plain", std::move(text)}, {batch_media_type, Json::object()}}}};
}

void add_call_responses(Json& responses, const std::string& method) {
  if (method == "delete")
    responses.erase("200");
  else
    responses["202"] = accepted();
  responses["204"] =
      success(method == "delete" ? "The call is given up" : "The call asked for no answer", {},
              Operation::plain);
}

Json operation_at(const Endpoint& endpoint, const std::string& method,
                  const HttpApiOptions& options, OperationIds& ids) {
  const bool is_call = endpoint.kind == Endpoint::Kind::transform;
  const bool is_open = endpoint.token == Endpoint::Token::never ||
                       (options.open_health && endpoint.token == Endpoint::Token::unless_open);
  const bool asks_for_token = options.token && !is_open;
  // Of the server as a whole, see decide.cpp: it has no text.
  const bool is_ping = endpoint.kind == Endpoint::Kind::page && method == "options";
  const Operation kind = operation_of(endpoint.kind);
  Json parameters = Json::array();
  for (const std::string_view name : endpoint.parameters)
    parameters.push_back(reference("parameters", name));
  for (auto& field : caller_fields(is_call ? Makes::a_call : Makes::nothing))
    parameters.push_back(std::move(field));
  if (endpoint.kind == Endpoint::Kind::call && method == "get")
    parameters.push_back(reference("parameters", "Prefer"));
  Json operation{{"operationId", ids.of(method, endpoint.path)},
                 {"tags", {is_call ? "calls" : "operating"}},
                 {"summary", endpoint.summary},
                 {"parameters", std::move(parameters)}};
  if (is_call)
    operation["requestBody"] = text_to_transform();
  operation["responses"] = {
      {"200", success(endpoint.summary, is_ping ? Json() : success_of(endpoint.kind), kind)}};
  if (is_call)
    operation["responses"]["202"] = accepted();
  if (endpoint.kind == Endpoint::Kind::call)
    add_call_responses(operation["responses"], method);
  operation["responses"].update(problem_responses(kind, asks_for_token));
  operation["security"] = security(asks_for_token);
  return operation;
}

void add_endpoint_paths(const HttpApiOptions& options, OperationIds& ids, std::string& paths) {
  for (const Endpoint& each : endpoint::all) {
    Json item = Json::object();
    if (each.kind == Endpoint::Kind::transform)
      item["parameters"] = Json::array({action_parameter(options)});
    if (each.kind == Endpoint::Kind::call)
      item["parameters"] = Json::array({id_parameter()});
    if (each.kind == Endpoint::Kind::runbook)
      item["parameters"] = Json::array({slug_parameter()});
    for (const std::string& method : methods_in(each.allow))
      item[method] = operation_at(each, method, options, ids);
    add_path(paths, std::string(each.path), item);
  }
}

bool asks_for_a_token(const HttpApiOptions& options) {
  const auto& routes = options.routes->all();
  return options.token || std::any_of(routes.begin(), routes.end(),
                                      [](const auto& route) { return route->token.has_value(); });
}

/// Without those of a kind that neither the paths nor other components refer to.
void leave_out_unused(Json& components, const char* kind, const std::string& paths) {
  const std::string others = dump(components);
  Json used = Json::object();
  for (const auto& [name, component] : components[kind].items()) {
    const std::string pointer = "\"#/components/" + std::string(kind) + "/" + name + "\"";
    if (paths.find(pointer) != std::string::npos || others.find(pointer) != std::string::npos)
      used[name] = component;
  }
  components[kind] = std::move(used);
}

}  // namespace
}  // namespace openapi

std::string openapi_document(const HttpApiOptions& options, std::string_view version) {
  using namespace openapi;
  OperationIds ids;
  std::string paths;
  add_endpoint_paths(options, ids, paths);
  add_route_paths(options, ids, paths);
  Json components = openapi::components(options);
  for (const char* const kind : {"parameters", "responses", "headers"})
    leave_out_unused(components, kind, paths);
  if (asks_for_a_token(options))
    components["securitySchemes"] = {{security_scheme, {{"type", "http"}, {"scheme", "bearer"}}}};
  const Json head{
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "mqtt-bridge"},
        {"version", version},
        {"summary", "Call MQTT request/response services over HTTP"},
        {"license", {{"name", "MIT"}, {"identifier", "MIT"}}}}},
      {"servers", {{{"url", "/"}, {"description", "The bridge that this comes from"}}}},
      {"tags",
       {{{"name", "calls"}, {"description", "Texts transformed by a service behind the broker"}},
        {{"name", "routes"}, {"description", "Services that the operator has configured"}},
        {{"name", "operating"}, {"description", "What the bridge says of itself"}}}}};
  std::string document = dump(head);
  document.back() = ',';
  return document.append("\"paths\":{").append(paths).append("},\"components\":") +
         dump(components) + "}\n";
}

}  // namespace mqtt_bridge
