#include "exchange/json_id.hpp"

#include <nlohmann/json.hpp>

#include "base/limits.hpp"

namespace mqtt_bridge {
namespace {

using Json = nlohmann::json;

std::optional<std::string> id_at(const Json& document, const std::string& pointer) {
  try {
    const Json::json_pointer place(pointer);
    if (!document.contains(place))
      return std::nullopt;
    const Json& value = document.at(place);
    if (value.is_string())
      return value.get<std::string>();
    return value.is_number_integer() ? std::optional(value.dump()) : std::nullopt;
  } catch (const Json::exception&) {  // no pointer, or it leads nowhere in this document
    return std::nullopt;
  }
}

}  // namespace

std::vector<std::optional<std::string>> ids_at(std::string_view json,
                                               const std::vector<std::string>& pointers) {
  std::vector<std::optional<std::string>> ids(pointers.size());
  if (json.size() > limits::id_bytes)
    return ids;
  const Json document = Json::parse(json, nullptr, false);
  if (document.is_discarded())
    return ids;
  for (std::size_t i = 0; i < pointers.size(); ++i)
    ids[i] = id_at(document, pointers[i]);
  return ids;
}

}  // namespace mqtt_bridge
