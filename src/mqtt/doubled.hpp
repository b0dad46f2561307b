// A pause that grows. Pure function.
#pragma once

#include <algorithm>

#include "base/instant.hpp"

namespace mqtt_bridge {

/// After the `count`th of something, counted from 1: doubles each time, up to a cap.
inline Duration doubled(Duration first, int count, Duration cap) {
  for (int i = 1; i < count && first < cap; ++i)
    first *= 2;
  return std::min(first, cap);
}

}  // namespace mqtt_bridge
