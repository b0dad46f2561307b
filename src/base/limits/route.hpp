// Limits of routes.
#pragma once

#include <cstddef>

namespace mqtt_bridge::limits {

// Routes.
inline constexpr std::size_t routes = 4096;
inline constexpr std::size_t path_value_bytes = 512;  // that stands for a variable of a path

}  // namespace mqtt_bridge::limits
