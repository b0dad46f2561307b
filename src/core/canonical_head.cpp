#include <algorithm>
#include <string>
#include <string_view>

#include "core/accept.hpp"
#include "core/ascii.hpp"
#include "core/http_head.hpp"

namespace mqtt_bridge {
namespace {

/// The library refuses a whole head for one line above 8192 bytes.
constexpr std::size_t longest_value = 8000;

/// Whether a handler may read the parameter; its name may be percent-encoded.
bool is_read(std::string_view parameter) {
  const std::string_view name = parameter.substr(0, parameter.find('='));
  return name == "netid" || name == "timeout" || name == "broker" ||
         name.find('%') != std::string_view::npos;
}

/// RFC 3986 3.4 allows '?' in a query and '=' anywhere in a parameter. Of those, cpp-httplib 0.11
/// understands only the '=' between a name and its value.
void append_parameter(std::string_view parameter, std::string& to) {
  const auto separator = parameter.find('=');
  for (std::size_t i = 0; i < parameter.size(); ++i) {
    const char c = parameter[i];
    if (c == '?') {
      to += "%3F";
    } else if (c == '=' && (i != separator || i == 0)) {
      to += "%3D";
    } else {
      to += c;
    }
  }
}

/// The path, and of the query what handlers read.
std::string canonical_target(std::string_view target) {
  const auto query = std::min(target.find('?'), target.size());
  std::string canonical(query == 0 ? "/" : target.substr(0, query));
  char before = '?';
  for (std::size_t at = query; at < target.size();) {
    const std::size_t end = std::min(target.find('&', at + 1), target.size());
    const std::string_view parameter = target.substr(at + 1, end - at - 1);
    if (is_read(parameter)) {
      canonical += before;
      append_parameter(parameter, canonical);
      before = '&';
    }
    at = end;
  }
  return canonical;
}

}  // namespace

std::string canonical_head(const HttpHead& head) {
  std::string text(head.method);
  text.append(" ").append(canonical_target(head.target)).append(" HTTP/1.1\r\n");
  for (const std::string_view name :
       {"Host", "Accept", "Authorization", "Content-Type", "Content-Encoding", "Request-Id",
        "X-Request-Id", "traceparent", "Origin", "Access-Control-Request-Method"}) {
    std::string value = head.joined(name);
    if (name == "Accept")
      value = prefers_json(value) ? "application/json" : "";
    if (name == "Content-Type") {  // its parameters are nobody's business, and may hold a '%'
      value.resize(std::min(value.find(';'), value.size()));
      value.resize(value.find_last_not_of(" \t") + 1);
    }
    if (value.empty() || value.size() > longest_value || value.find('%') != std::string::npos) {
      continue;
    }
    text.append(name).append(": ").append(value).append("\r\n");
  }
  return text += "Content-Length: 0\r\n\r\n";
}

}  // namespace mqtt_bridge
