// head_for_httplib() of head.hpp: a head in the form that cpp-httplib reads alike in all its
// releases, with the fields of the table in endpoints.hpp and no others.
#include <algorithm>
#include <string>
#include <string_view>

#include "base/ascii.hpp"
#include "http/accept.hpp"
#include "http/endpoints.hpp"
#include "http/head.hpp"

namespace mqtt_bridge {
namespace {

/// The library refuses a whole head for one line above 8192 bytes.
constexpr std::size_t longest_value = 8000;

}  // namespace

std::string head_for_httplib(const HttpHead& head) {
  // The library answers 400 to a method that it does not know; every release knows OPTIONS.
  const bool is_known = is_known_method(head.method) && head.method != "TRACE";
  std::string text(is_known ? head.method : "OPTIONS");
  text.append(" ").append(head.path()).append(" HTTP/1.1\r\n");
  for (const auto& [name, way, of_pages] : read_fields) {
    if (way == ReadField::Way::apart)
      continue;
    std::string value = head.joined(name);
    if (name == "Host")
      value = head.authority.value_or("");
    if (name == "Accept")
      value = prefers_json(value) ? "application/json" : prefers_html(value) ? "text/html" : "";
    if (value.empty() || value.size() > longest_value || value.find('%') != std::string::npos) {
      continue;
    }
    text.append(name).append(": ").append(value).append("\r\n");
  }
  return text += "Content-Length: 0\r\n\r\n";
}

}  // namespace mqtt_bridge
