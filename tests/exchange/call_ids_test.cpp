#include "exchange/call_ids.hpp"

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TEST(CallIds, AreTheNumbersFromOneToTheLargestInt) {
  CallIds ids(INT32_MAX - 2);
  EXPECT_EQ(ids.next(), "2147483646");
  EXPECT_EQ(ids.next(), "2147483647");
  EXPECT_EQ(ids.next(), "1");
}

TEST(CallIds, OfARangeAreNoneOfAnotherOne) {
  constexpr std::uint32_t count = (1U << 31) / limits::id_ranges;
  for (const unsigned range : {0U, 1U, limits::id_ranges - 1}) {
    CallIds ids(INT32_MAX - 1);
    ids.use_range(range);
    for (int i = 0; i < 5; ++i) {
      const auto id = static_cast<std::uint32_t>(std::stoul(ids.next()));
      EXPECT_EQ(id / count, range);
      EXPECT_GT(id, 0U);
    }
  }
}

}  // namespace
}  // namespace mqtt_bridge
