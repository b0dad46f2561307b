// What mqtt_client reads of a problem in JSON, by hand so that it loads no library. Pure function.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mqtt_bridge {

/// What mqtt_client needs of a problem (RFC 9457 3.1). A member that is absent, or not a string,
/// is empty; of a repeated one the last counts.
struct ProblemText {
  std::string slug;  // what follows the last '/' or ':' of `type`
  std::string detail;
  friend bool operator==(const ProblemText&, const ProblemText&) = default;
};

/// Nothing unless `json` is one well-formed JSON object (RFC 8259), in UTF-8, of at most 64 KiB and
/// with at most 16 levels.
std::optional<ProblemText> read_problem(std::string_view json);

}  // namespace mqtt_bridge
