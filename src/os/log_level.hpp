// How much a line of the log matters. Values.
#pragma once

namespace mqtt_bridge {

enum class LogLevel { trace, debug, info, warn, error };

}  // namespace mqtt_bridge
