#include "http/openapi_routes.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ascii.hpp"
#include "base/limits/route.hpp"
#include "http/endpoints.hpp"

namespace mqtt_bridge::openapi {
namespace {

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

/// It is nothing else, or that of a call that is answered later.
Json one_way_accepted() {
  Json response = accepted();
  response["description"] = "The broker has it; or with Location, it is asked for there";
  response["headers"]["Server-Timing"] = reference("headers", "Server-Timing");
  return response;
}

Json route_responses(const Route& route, bool asks_for_token) {
  Json responses;
  if (route.linked == Route::Linked::not_at_all) {
    responses["202"] = one_way_accepted();
  } else {
    responses["202"] = accepted();
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
  for (auto& field : caller_fields(Makes::a_call))
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

}  // namespace

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

}  // namespace mqtt_bridge::openapi
