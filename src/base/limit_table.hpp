// Every limit of base/limits in words, for --help-limits. docs/limits.md says the same; a test
// compares the three.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mqtt_bridge {

struct Limit {
  std::string_view name;
  std::string value;    // with its unit
  std::string_view of;  // what it limits
};

/// In the order of a call's way.
std::vector<Limit> all_limits();

}  // namespace mqtt_bridge
