// A value of JSON that is neither an object nor an array nor null. Value.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace mqtt_bridge {

using JsonScalar = std::variant<std::string, bool, std::int64_t, double>;

/// That there is `value` at `pointer` (RFC 6901).
struct JsonTest {
  std::string pointer;
  JsonScalar value;
  friend bool operator==(const JsonTest&, const JsonTest&) = default;
};

}  // namespace mqtt_bridge
