// The bearer token of a request (RFC 6750 2.1), and the comparison that does not tell a guesser how
// near he came. Pure functions.
#pragma once

#include <optional>
#include <string_view>

namespace mqtt_bridge {

/// The token of an Authorization field's value, a view into it. Nothing when the scheme is not
/// Bearer (in any case, RFC 9110 11.1) or what follows is not a b64token.
std::optional<std::string_view> parse_bearer(std::string_view authorization);

/// Takes the same time wherever `presented` first differs from `expected`; the time depends on the
/// length of `presented` alone. Two empty strings are equal. REQUIRES: a token is configured.
bool constant_time_equal(std::string_view presented, std::string_view expected);

}  // namespace mqtt_bridge
