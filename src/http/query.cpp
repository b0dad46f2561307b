#include "http/query.hpp"

#include <algorithm>
#include <cstddef>

#include "base/ascii.hpp"

namespace mqtt_bridge {
namespace {

std::string decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && i + 2 < text.size() &&
                           ascii::hex_value(text[i + 1]) >= 0 && ascii::hex_value(text[i + 2]) >= 0;
    if (is_escape) {
      plain +=
          static_cast<char>(ascii::hex_value(text[i + 1]) * 16 + ascii::hex_value(text[i + 2]));
      i += 2;
    } else {
      plain += text[i] == '+' ? ' ' : text[i];
    }
  }
  return plain;
}

}  // namespace

std::vector<QueryParameter> parse_query(std::string_view query) {
  std::vector<QueryParameter> parameters;
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(parameter.size() + 1, query.size()));
    if (parameter.empty())
      continue;
    const std::string_view name = parameter.substr(0, parameter.find('='));
    const std::size_t value = std::min(name.size() + 1, parameter.size());
    parameters.push_back({decoded(name), decoded(parameter.substr(value))});
  }
  return parameters;
}

}  // namespace mqtt_bridge
