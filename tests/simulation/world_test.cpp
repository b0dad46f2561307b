// Thousands of worlds in which the promises hold.
#include "simulation/world.hpp"

#include <gtest/gtest.h>

#include "simulation/seeds.hpp"

namespace mqtt_bridge::world {
namespace {

TEST(World, HoldsWhateverHappens) {
  std::size_t calls = 0;
  std::size_t answered = 0;
  for (std::uint64_t seed = 1; seed <= seeds_wanted(); ++seed) {
    World world(seed);
    if (const auto fault = world.run()) {
      World again(seed);
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

TEST(World, GoesTheSameWayForTheSameSeed) {
  World one(7);
  World other(7);
  one.trace();
  other.trace();
  one.run();
  other.run();
  EXPECT_EQ(one.story(), other.story());
  EXPECT_NE(one.story(), "");
}

}  // namespace
}  // namespace mqtt_bridge::world
