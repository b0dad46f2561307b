#include "base/wall_clock.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::chrono;

TEST(WallClocks, SayADateAsRfc3339Does) {
  const sys_days day = year{2026} / 2 / 28;
  EXPECT_EQ(date_text(day), "2026-02-28T00:00:00.000Z");
  EXPECT_EQ(date_text(day + 13h + 4min + 5s + 67ms + 900us), "2026-02-28T13:04:05.067Z");
  EXPECT_EQ(date_text(day + 24h - 1ms), "2026-02-28T23:59:59.999Z");
}

TEST(WallClocks, KnowWhenAnInstantWas) {
  const Instant now{100s};
  const WallClock clock{now, sys_days(year{2026} / 3 / 1)};
  EXPECT_EQ(date_text(clock.at(now)), "2026-03-01T00:00:00.000Z");
  EXPECT_EQ(date_text(clock.at(now - 1500ms)), "2026-02-28T23:59:58.500Z");
}

}  // namespace
}  // namespace mqtt_bridge
