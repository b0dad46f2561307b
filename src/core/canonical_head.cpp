#include <algorithm>
#include <string>
#include <string_view>

#include "core/ascii.hpp"
#include "core/http_head.hpp"

namespace mqtt_bridge {
namespace {

/// The library refuses a whole head for one line above 8192 bytes.
constexpr std::size_t longest_value = 8000;

/// The values of all fields of that name, as one (RFC 9110 5.3): the library keeps equal names in
/// no certain order.
std::string joined_values(const HttpHead& head, std::string_view name) {
  std::string joined;
  for (const HttpField& field : head.fields) {
    if (field.value.empty() || !ascii::equals_ignoring_case(field.name, name))
      continue;
    if (!joined.empty())
      joined += ", ";
    joined += field.value;
  }
  return joined;
}

/// RFC 3986 3.4 allows '?' in a query and '=' anywhere in a parameter. Of those, cpp-httplib 0.11
/// understands only the '=' between a name and its value.
std::string canonical_target(std::string_view target) {
  const auto query = std::min(target.find('?'), target.size());
  std::string canonical(query == 0 ? "/" : "");
  canonical += target.substr(0, std::min(query + 1, target.size()));
  bool separates = false;  // a '=' here stands between a name and its value
  for (std::size_t i = query + 1; i < target.size(); ++i) {
    const char c = target[i];
    if (i == query + 1 || target[i - 1] == '&') {
      separates = c != '=';
    }
    if (c == '?') {
      canonical += "%3F";
    } else if (c == '=') {
      canonical += separates ? "=" : "%3D";
      separates = false;
    } else {
      canonical += c;
    }
  }
  return canonical;
}

}  // namespace

std::string canonical_head(const HttpHead& head) {
  std::string text(head.method);
  text.append(" ").append(canonical_target(head.target)).append(" HTTP/1.1\r\n");
  for (const std::string_view name :
       {"Host", "Accept", "Authorization", "Content-Type", "Request-Id", "X-Request-Id",
        "traceparent", "tracestate", "Origin", "Access-Control-Request-Method"}) {
    std::string value = joined_values(head, name);
    if (name == "Content-Type")  // its parameters are nobody's business, and may hold a '%'
      value.resize(std::min(value.find(';'), value.size()));
    if (value.empty() || value.size() > longest_value || value.find('%') != std::string::npos) {
      continue;
    }
    text.append(name).append(": ").append(value).append("\r\n");
  }
  return text += "Content-Length: 0\r\n\r\n";
}

}  // namespace mqtt_bridge
