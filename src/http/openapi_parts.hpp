// What several parts of the OpenAPI document are made of. Pure functions.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "http/openapi_components.hpp"

namespace mqtt_bridge::openapi {

inline constexpr const char* security_scheme = "bearer";
inline constexpr const char* batch_media_type = "application/x-ndjson";

std::string dump(const Json& json);
Json schema_of(const char* type);
Json content_of(const char* media_type, Json schema);

/// An empty list says that nothing is asked for.
Json security(bool asks_for_token);

/// "GET, HEAD" as a list, in small letters.
std::vector<std::string> methods_in(std::string_view allow);

/// The fields that a caller may send.
enum class Makes { nothing, a_call };
Json caller_fields(Makes makes);

Json path_parameter(std::string_view name, Json schema);

/// The response of a call that is answered later.
Json accepted();

/// One member of the object of paths. As text, since an object of thousands of members is slow to
/// make.
void add_path(std::string& paths, const std::string& path, const Json& item);

/// Names an operation uniquely: "post_transform_action".
class OperationIds {
 public:
  std::string of(std::string_view method, std::string_view path);

 private:
  std::map<std::string, std::size_t> taken_;
};

}  // namespace mqtt_bridge::openapi
