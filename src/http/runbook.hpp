// The runbook: what docs/problems.md says of each problem, which the daemon serves where the `type`
// of a problem leads. The text is compiled in.
#pragma once

#include <string_view>

namespace mqtt_bridge {

/// Without its heading; empty where there is no such entry.
std::string_view runbook_entry(std::string_view slug);

/// All of docs/problems.md. The build makes its source, see CMakeLists.txt.
std::string_view runbook_text();

}  // namespace mqtt_bridge
