#include "http/openapi.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/ascii.hpp"
#include "base/limits/route.hpp"
#include "base/problem.hpp"
#include "http/endpoints.hpp"
#include "http/openapi_components.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {
namespace openapi {
namespace {

constexpr const char* security_scheme = "bearer";
constexpr const char* batch_media_type = "application/x-ndjson";

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json schema_of(const char* type) {
  return {{"type", type}};
}

Json content_of(const char* media_type, Json schema) {
  return {{media_type, {{"schema", std::move(schema)}}}};
}

/// An empty list says that nothing is asked for.
Json security(bool asks_for_token) {
  Json list = Json::array();
  if (asks_for_token)
    list.push_back({{security_scheme, Json::array()}});
  return list;
}

/// "GET, HEAD" as a list, in small letters.
std::vector<std::string> methods_in(std::string_view allow) {
  std::vector<std::string> methods;
  while (!allow.empty()) {
    const std::string_view first = allow.substr(0, allow.find(", "));
    std::string method;
    for (const char c : first)
      method += ascii::to_lower(c);
    methods.push_back(std::move(method));
    allow.remove_prefix(std::min(first.size() + 2, allow.size()));
  }
  return methods;
}

/// Names an operation uniquely: "post_transform_action".
class OperationIds {
 public:
  std::string of(std::string_view method, std::string_view path) {
    std::string id(method);
    for (const char c : path) {
      if (ascii::is_alpha(c) || ascii::is_digit(c))
        id += c;
      else if (id.back() != '_')
        id += '_';
    }
    while (id.back() == '_')
      id.pop_back();
    const std::size_t times = ++taken_[id];
    return times == 1 ? id : id + "." + std::to_string(times);  // no other id has a dot
  }

 private:
  std::map<std::string, std::size_t> taken_;
};

Json caller_fields() {
  Json list = Json::array();
  for (const std::string_view name : fields_of_callers)
    list.push_back(reference("parameters", name));
  return list;
}

Json path_parameter(std::string_view name, Json schema) {
  return {{"name", name}, {"in", "path"}, {"required", true}, {"schema", std::move(schema)}};
}

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

Operation operation_of(Endpoint::Kind kind) {
  switch (kind) {
    case Endpoint::Kind::transform:
      return Operation::transform;
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
Json content_of(Endpoint::Kind kind) {
  switch (kind) {
    case Endpoint::Kind::transform: {
      Json content = content_of("text/plain", schema_of("string"));
      content["application/json"] = {{"schema", reference("schemas", "Answer")}};
      content[batch_media_type] = Json::object();  // of a batch, a line for each of its lines
      return content;
    }
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
  for (auto& field : caller_fields())
    parameters.push_back(std::move(field));
  Json operation{{"operationId", ids.of(method, endpoint.path)},
                 {"tags", {is_call ? "calls" : "operating"}},
                 {"summary", endpoint.summary},
                 {"parameters", std::move(parameters)}};
  if (is_call)
    operation["requestBody"] = text_to_transform();
  operation["responses"] = {
      {"200", success(endpoint.summary, is_ping ? Json() : content_of(endpoint.kind), kind)}};
  operation["responses"].update(problem_responses(kind, asks_for_token));
  operation["security"] = security(asks_for_token);
  return operation;
}

/// One member of the object of paths. As text, since an object of thousands of members is slow to
/// make.
void add_path(std::string& paths, const std::string& path, const Json& item) {
  paths.append(paths.empty() ? "" : ",").append(dump(path)).append(":").append(dump(item));
}

void add_endpoint_paths(const HttpApiOptions& options, OperationIds& ids, std::string& paths) {
  for (const Endpoint& each : endpoint::all) {
    Json item = Json::object();
    if (each.kind == Endpoint::Kind::transform)
      item["parameters"] = Json::array({action_parameter(options)});
    if (each.kind == Endpoint::Kind::runbook)
      item["parameters"] = Json::array({slug_parameter()});
    for (const std::string& method : methods_in(each.allow))
      item[method] = operation_at(each, method, options, ids);
    add_path(paths, std::string(each.path), item);
  }
}

// The routes -------------------------------------------------------------------------------------

/// A regular expression (ECMA-262) of what a pattern, in which '*' stands for anything, allows.
std::string regex_of(const std::vector<std::string>& patterns) {
  std::string regex;
  for (const std::string& pattern : patterns) {
    regex += regex.empty() ? "^(" : "|";
    for (const char c : pattern) {
      if (c == '*')
        regex += ".*";
      else if (std::string_view("\\^$.|?+()[]{}/").find(c) != std::string_view::npos)
        regex.append("\\") += c;
      else
        regex += c;
    }
  }
  return regex + ")$";
}

Json value_schema(const Route& route, const std::string& variable) {
  Json schema{{"type", "string"}, {"minLength", 1}, {"maxLength", limits::path_value_bytes}};
  const auto allowed =
      std::find_if(route.allowed.begin(), route.allowed.end(),
                   [&variable](const auto& each) { return each.variable == variable; });
  if (allowed == route.allowed.end())
    return schema;
  const bool is_exact =
      std::none_of(allowed->values.begin(), allowed->values.end(),
                   [](const auto& value) { return value.find('*') != std::string::npos; });
  if (is_exact)
    schema["enum"] = allowed->values;
  else
    schema["pattern"] = regex_of(allowed->values);
  return schema;
}

/// The path as OpenAPI writes it, which knows no rest.
struct Templated {
  std::string path;                // "/z2m/{device}/{attribute}"
  std::string shape;               // the same without the names: "/z2m/{}/{}"
  std::vector<std::string> names;  // of its variables
};

Templated templated(const PathPattern& pattern) {
  Templated result;
  for (const PathPattern::Segment& segment : pattern.segments) {
    const bool is_literal = segment.kind == PathPattern::Kind::literal;
    result.path += "/" + (is_literal ? segment.text : "{" + segment.text + "}");
    result.shape += "/" + (is_literal ? segment.text : "{}");
    if (!is_literal)
      result.names.push_back(segment.text);
  }
  return result;
}

std::string meaning_of(const Route& route) {
  std::string meaning = "Publishes to `" + route.topic.text() + "`";
  if (route.linked == Route::Linked::not_at_all)
    return meaning + ", and waits for no answer.";
  meaning += route.response_topic.text().empty()
                 ? "; the answer comes on a topic of the bridge's own"
                 : "; the answer comes on `" + route.response_topic.text() + "`";
  meaning += ", and is found by " + std::string(to_string(route.linked)) + ".";
  if (!route.pattern.segments.empty() &&
      route.pattern.segments.back().kind == PathPattern::Kind::rest)
    meaning += " The last variable stands for one segment or more: `" + route.path + "`.";
  return meaning;
}

Json route_responses(const Route& route, bool asks_for_token) {
  Json responses;
  if (route.linked == Route::Linked::not_at_all) {
    responses["202"] = success("The broker has it", {}, Operation::route);
  } else {
    Json any = Json::object();  // of any type that the service names
    responses["200"] = success("The service's answer", {{"*/*", std::move(any)}}, Operation::route);
  }
  responses.update(problem_responses(Operation::route, asks_for_token));
  return responses;
}

Json route_operation(const Route& route, const std::string& method, const Templated& own,
                     const Templated& shown, const HttpApiOptions& options, OperationIds& ids) {
  const bool asks_for_token = route.token || options.token;
  Json parameters = Json::array();
  for (std::size_t i = 0; i < own.names.size(); ++i)
    parameters.push_back(path_parameter(shown.names[i], value_schema(route, own.names[i])));
  for (const std::string_view name : endpoint::route_parameters) {
    parameters.push_back(name == "timeout" && route.timeout
                             ? timeout_parameter(options, *route.timeout)
                             : reference("parameters", name));
  }
  for (auto& field : caller_fields())
    parameters.push_back(std::move(field));
  Json operation{{"operationId", ids.of(method, own.path)},
                 {"tags", {"routes"}},
                 {"summary", method + " " + route.path},
                 {"description", meaning_of(route)},
                 {"parameters", std::move(parameters)}};
  if (method != "get") {
    const char* const type = route.set.empty() ? "*/*" : "application/json";
    operation["requestBody"] = {
        {"description", "The payload of the request"},
        {"content", {{type, Json::object()}, {batch_media_type, Json::object()}}}};
  }
  operation["responses"] = route_responses(route, asks_for_token);
  operation["security"] = security(asks_for_token);
  return operation;
}

/// Paths that differ in the names of their variables only are one to OpenAPI: those that come first
/// name them, and serve the methods that they have.
void add_route_paths(const HttpApiOptions& options, OperationIds& ids, std::string& paths) {
  std::map<std::string, std::pair<Templated, Json>> shapes;
  for (const auto& route : options.routes->all()) {
    const Templated own = templated(route->pattern);
    auto& [shown, item] = shapes.try_emplace(own.shape, own, Json::object()).first->second;
    for (std::string method : route->methods) {
      std::transform(method.begin(), method.end(), method.begin(), ascii::to_lower);
      if (!item.contains(method))
        item[method] = route_operation(*route, method, own, shown, options, ids);
    }
  }
  for (const auto& [shape, path] : shapes)
    add_path(paths, path.first.path, path.second);
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
