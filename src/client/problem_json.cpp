#include "client/problem_json.hpp"

#include "base/json_string.hpp"
#include "client/verdict.hpp"

namespace mqtt_bridge {

std::string problem_json(std::string_view detail) {
  std::string json = R"({"type":"about:blank","detail":")";
  append_json(json, on_one_line(detail));  // UTF-8, whatever it was
  return json + "\"}\n";
}

}  // namespace mqtt_bridge
