// Thousands of worlds in which the promises hold.
// The environment variable SIMULATION_SEEDS asks for more of them, or fewer.
#include "simulation/simulation.hpp"

#include <cstdlib>

#include <gtest/gtest.h>

namespace mqtt_bridge::simulation {
namespace {

std::uint64_t seeds_wanted() {
  const char* const wanted = std::getenv("SIMULATION_SEEDS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 3000;
}

TEST(Simulation, HoldsWhateverHappens) {
  std::size_t calls = 0;
  std::size_t answered = 0;
  for (std::uint64_t seed = 1; seed <= seeds_wanted(); ++seed) {
    Simulation world(seed);
    if (const auto fault = world.run()) {
      Simulation again(seed);
      again.trace();
      again.run();
      FAIL() << "seed " << seed << ": " << *fault << "\n" << again.story();
    }
    calls += world.calls();
    answered += world.answered();
  }
  // A world in which nothing is ever answered would prove nothing.
  EXPECT_GT(answered, calls / 2) << "of " << calls;
  RecordProperty("calls", std::to_string(calls));
  RecordProperty("answered", std::to_string(answered));
}

TEST(Simulation, GoesTheSameWayForTheSameSeed) {
  Simulation one(7);
  Simulation other(7);
  one.trace();
  other.trace();
  one.run();
  other.run();
  EXPECT_EQ(one.story(), other.story());
  EXPECT_NE(one.story(), "");
}

}  // namespace
}  // namespace mqtt_bridge::simulation
