// How many random worlds the tests run.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace mqtt_bridge::simulation {

/// The environment variable SIMULATION_SEEDS asks for more of them, or fewer.
inline std::uint64_t seeds_wanted() {
  const char* const wanted = std::getenv("SIMULATION_SEEDS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 3000;
}

}  // namespace mqtt_bridge::simulation
