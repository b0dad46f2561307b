#include "os/repeats.hpp"

#include <chrono>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "base/limits/log.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{};

TEST(Repeats, LogATextAtOnceAndThenMoreAndMoreRarely) {
  Repeats repeats;
  std::string logged;
  for (auto at = 0s; at <= 1h; at += 1s) {
    if (const auto left_out = repeats.take("down", start + at))
      logged += std::to_string(at.count()) + "s:" + std::to_string(*left_out) + " ";
  }
  EXPECT_EQ(logged,
            "0s:0 10s:9 30s:19 70s:39 150s:79 310s:159 630s:319 1230s:599 1830s:599 2430s:599 "
            "3030s:599 ");
}

TEST(Repeats, AreNotDefeatedByTextsThatTakeTurns) {
  for (const int texts : {1, 2, 3, 64}) {
    Repeats repeats;
    std::map<std::string, int> logged;
    for (int i = 0; i < 10'000; ++i) {  // in 5 s
      const std::string text = "text " + std::to_string(i % texts);
      logged[text] += repeats.take(text, start + i * 500us).has_value() ? 1 : 0;
    }
    for (const auto& [text, count] : logged)
      EXPECT_EQ(count, 1) << text << " of " << texts;
  }
}

TEST(Repeats, AreBoundedHoweverManyTextsThereAre) {
  Repeats repeats;
  std::size_t logged = 0;
  for (int i = 0; i < 10'000; ++i)
    logged += repeats.take("text " + std::to_string(i), start + i * 500us).has_value() ? 1 : 0;
  EXPECT_EQ(logged, limits::repeat_texts + 1);
  EXPECT_EQ(repeats.take("another one", start + 5s + limits::repeat_pause),
            10'000 - limits::repeat_texts - 1);
}

TEST(Repeats, AreNewAgainAfterASilence) {
  Repeats repeats;
  EXPECT_EQ(repeats.take("lost", start), 0U);
  EXPECT_EQ(repeats.take("lost", start + 9s), std::nullopt);
  EXPECT_EQ(repeats.take("lost", start + 9s + limits::repeat_memory), 1U);
  EXPECT_EQ(repeats.take("lost", start + 9s + limits::repeat_memory + 10s - 1ns), std::nullopt);
  EXPECT_EQ(repeats.take("lost", start + 9s + limits::repeat_memory + 10s), 1U);
}

TEST(Repeats, BeginAnewWhenSomethingChangedButNotForAPeerThatChangesAllTheTime) {
  Repeats repeats;
  EXPECT_EQ(repeats.take("down", start), 0U);
  repeats.begin_anew(start + 1s);
  EXPECT_EQ(repeats.take("down", start + 2s), 0U) << "it had been up meanwhile";
  int logged = 0;
  for (int i = 0; i < 1000; ++i) {  // in 5 s
    repeats.begin_anew(start + 2s + i * 5ms);
    logged += repeats.take("down", start + 2s + i * 5ms).has_value() ? 1 : 0;
  }
  EXPECT_EQ(logged, 0);
  repeats.begin_anew(start + 11s);
  EXPECT_EQ(repeats.take("down", start + 11s), 0U);
}

TEST(Repeats, TellWhatWasLeftOutWhenSomethingChanged) {
  Repeats repeats;
  for (int i = 0; i < 13; ++i)
    repeats.take("down", start + i * 10ms);
  repeats.take("once", start);
  const auto left_out = repeats.begin_anew(start + 1s);
  ASSERT_EQ(left_out.size(), 1U);
  EXPECT_EQ(left_out[0].text, "down");
  EXPECT_EQ(left_out[0].times, 12U);
  EXPECT_TRUE(repeats.begin_anew(start + 1s + limits::repeat_pause).empty());
}

TEST(Repeats, ForgetTextsThatWouldBeNewToMakeRoom) {
  Repeats repeats;
  for (std::size_t i = 0; i < limits::repeat_texts; ++i)
    EXPECT_EQ(repeats.take("text " + std::to_string(i), start), 0U);
  for (const char* const text : {"one", "two"})
    EXPECT_EQ(repeats.take(text, start + limits::repeat_memory), 0U);
}

}  // namespace
}  // namespace mqtt_bridge
