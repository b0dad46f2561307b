// The value of an Idempotency-Key field (draft-ietf-httpapi-idempotency-key-header 2.1). Pure
// function.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/problem.hpp"

namespace mqtt_bridge {

/// The key: a String of RFC 8941 3.3.3, or as many callers send it, without the quotes; then it is
/// made of visible characters but '"', ',', ';' and '\'. Or invalid-idempotency-key.
std::variant<std::string, Failure> parse_idempotency_key(std::string_view field);

}  // namespace mqtt_bridge
