#include "http/openapi_parts.hpp"

#include <algorithm>
#include <utility>

#include "base/ascii.hpp"
#include "http/endpoints.hpp"

namespace mqtt_bridge::openapi {

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json schema_of(const char* type) {
  return {{"type", type}};
}

Json content_of(const char* media_type, Json schema) {
  return {{media_type, {{"schema", std::move(schema)}}}};
}

Json security(bool asks_for_token) {
  Json list = Json::array();
  if (asks_for_token)
    list.push_back({{security_scheme, Json::array()}});
  return list;
}

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

Json caller_fields(Makes makes) {
  Json list = Json::array();
  for (const std::string_view name : fields_of_callers)
    list.push_back(reference("parameters", name));
  if (makes == Makes::nothing)
    return list;
  for (const std::string_view name : fields_of_calls)
    list.push_back(reference("parameters", name));
  return list;
}

Json accepted() {
  Json response =
      success("The call is answered later, at the path in Location",
              content_of("application/json", reference("schemas", "Accepted")), Operation::plain);
  for (const char* const name : {"Location", "Preference-Applied", "Retry-After"})
    response["headers"][name] = reference("headers", name);
  return response;
}

Json path_parameter(std::string_view name, Json schema) {
  return {{"name", name}, {"in", "path"}, {"required", true}, {"schema", std::move(schema)}};
}

void add_path(std::string& paths, const std::string& path, const Json& item) {
  paths.append(paths.empty() ? "" : ",").append(dump(path)).append(":").append(dump(item));
}

std::string OperationIds::of(std::string_view method, std::string_view path) {
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

}  // namespace mqtt_bridge::openapi
