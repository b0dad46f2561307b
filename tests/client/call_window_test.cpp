#include "client/call_window.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

std::string taken(CallWindow& window) {
  std::string texts;
  while (const auto result = window.next())
    texts += std::to_string(result->first) + result->second.text + " ";
  return texts;
}

CallResult answer(std::string text) {
  return {ExitCode::answered, std::move(text), ""};
}

TEST(CallWindow, GivesResultsInTheOrderInWhichTheCallsBegan) {
  CallWindow window(10, 1000);
  EXPECT_EQ(window.begin(1), 1U);
  EXPECT_EQ(window.begin(1), 2U);
  EXPECT_EQ(window.begin(1), 3U);
  window.end(3, answer("c"));
  EXPECT_EQ(taken(window), "");
  window.end(1, answer("a"));
  EXPECT_EQ(taken(window), "1a ");
  EXPECT_EQ(window.begin(1), 4U);
  window.end(2, answer("b"));
  EXPECT_EQ(taken(window), "2b 3c ");
  EXPECT_FALSE(window.is_empty());
  window.end(4, answer("d"));
  EXPECT_EQ(taken(window), "4d ");
  EXPECT_TRUE(window.is_empty());
}

TEST(CallWindow, HoldsSoManyCallsOfWhichTheOldestHasNotEnded) {
  CallWindow window(2, 1000);
  window.begin(0);
  EXPECT_FALSE(window.is_full());
  window.begin(0);
  EXPECT_TRUE(window.is_full());
  window.end(2, answer(""));
  EXPECT_TRUE(window.is_full());
  window.end(1, answer(""));
  EXPECT_EQ(taken(window), "1 2 ");
  EXPECT_FALSE(window.is_full());
}

TEST(CallWindow, HoldsSoManyBytesOfRequestsAndAnswers) {
  CallWindow window(100, 10);
  window.begin(50);
  EXPECT_TRUE(window.is_full());
  window.end(1, answer("x"));
  EXPECT_FALSE(window.is_full());
  window.begin(9);
  EXPECT_TRUE(window.is_full());
  EXPECT_EQ(taken(window), "1x ");
  EXPECT_FALSE(window.is_full());
  window.end(2, answer(std::string(10, 'x')));
  EXPECT_TRUE(window.is_full());
  taken(window);
  EXPECT_FALSE(window.is_full());
}

}  // namespace
}  // namespace mqtt_bridge
