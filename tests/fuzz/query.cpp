// The input: the query of a request's target; and the same as a value that is sent in one.
#include "http/query.hpp"

#include <algorithm>
#include <string>

#include "fuzz.hpp"

namespace mqtt_bridge {
namespace {

std::string encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string sent;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    sent += '%';
    sent += digits[byte / 16];
    sent += digits[byte % 16];
  }
  return sent;
}

}  // namespace

void fuzz(std::string_view input) {
  const auto parameters = parse_query(input);
  std::size_t bytes = 0;
  for (const QueryParameter& parameter : parameters)
    bytes += parameter.name.size() + parameter.value.size();
  require(bytes <= input.size(), "what is decoded is no longer than it was sent");
  const auto most = static_cast<std::size_t>(std::count(input.begin(), input.end(), '&')) + 1;
  require(parameters.size() <= most, "there are no more parameters than '&' separate");

  const auto again = parse_query("a=b&" + encoded(input) + "=" + encoded(input) + "&c=d");
  require(again.size() == 3 && again[1].name == input && again[1].value == input,
          "what is encoded arrives as it was");
}

}  // namespace mqtt_bridge
