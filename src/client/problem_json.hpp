// A problem that mqtt_client found itself, as those of mqtt_bridged are written. Pure function.
#pragma once

#include <string>
#include <string_view>

namespace mqtt_bridge {

/// RFC 9457 4.2.1: a problem without a type of its own, in one line with its end.
std::string problem_json(std::string_view detail);

}  // namespace mqtt_bridge
