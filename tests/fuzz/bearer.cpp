// The input, in lines: an Authorization field, and a token to compare it with.
#include "http/bearer.hpp"

#include <algorithm>
#include <string>

#include "base/ascii.hpp"
#include "fuzz.hpp"

namespace mqtt_bridge {

void fuzz(std::string_view input) {
  std::optional<std::string_view> rest = input;
  const std::string_view authorization = *take_line(rest);
  const std::string_view expected = rest.value_or("");
  require(constant_time_equal(authorization, expected) == (authorization == expected) &&
              constant_time_equal(expected, authorization) == (authorization == expected) &&
              constant_time_equal(input, std::string(input)),
          "constant_time_equal() compares as == does");

  const auto token = parse_bearer(authorization);
  require(parse_bearer("bEARER   " + std::string(authorization)).has_value() ==
              (parse_bearer("Bearer " + std::string(authorization)).has_value()),
          "the scheme's letters and spaces do not matter");
  if (!token)
    return;
  require(!token->empty() && authorization.ends_with(*token), "a token ends its field");
  require(ascii::equals_ignoring_case(authorization.substr(0, 7), "bearer "),
          "a bearer token comes with its scheme");
  require(std::all_of(token->begin(), token->end(),
                      [](char c) { return c > ' ' && c <= '~' && c != ',' && c != '"'; }),
          "a token is of visible characters");
  require(parse_bearer("Bearer " + std::string(*token)) == token, "a token is read back");
}

}  // namespace mqtt_bridge
