// What the kernel says of this process, as Prometheus's clients tell it (process_*). Nothing is
// told of what cannot be read.
#pragma once

#include <string>

namespace mqtt_bridge {

/// In Prometheus's text format.
std::string process_metrics();

}  // namespace mqtt_bridge
