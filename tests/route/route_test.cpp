#include "route/route.hpp"

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TEST(AllowedValues, AreTextsInWhichAStarStandsForAnything) {
  struct Row {
    const char* value;
    const char* pattern;
    bool is_allowed;
  };
  const Row rows[] = {
      {"lamp", "lamp", true},        {"lamp", "lam", false},     {"lam", "lamp", false},
      {"Lamp", "lamp", false},       {"plug-1", "plug-*", true}, {"plug-", "plug-*", true},
      {"a-plug-1", "plug-*", false}, {"anything", "*", true},    {"a/b", "*", true},
      {"a-b", "*-b", true},          {"a-bb", "*-b", false},     {"a-b-b", "*-b", true},
      {"abc", "a*c", true},          {"ac", "a*c", true},        {"a", "a*a", false},
      {"aa", "a*a", true},           {"abab", "a*ab*b", false},  {"aabb", "a*ab*b", true},
      {"xaybz", "*a*b*", true},      {"xbyaz", "*a*b*", false},  {"a", "**", true},
      {"ab", "a**b", true},          {"a?", "a?", true},         {"ab", "a?", false},
  };
  for (const Row& row : rows)
    EXPECT_EQ(is_allowed_value(row.value, {row.pattern}), row.is_allowed)
        << row.value << " " << row.pattern;
  EXPECT_TRUE(is_allowed_value("b", {"a", "b"}));
  EXPECT_FALSE(is_allowed_value("c", {"a", "b"}));
  EXPECT_FALSE(is_allowed_value("c", {}));
}

/// A pattern of the operator's must not cost much, whatever the caller sends.
TEST(AllowedValues, DoNotTakeLongerWithMoreStars) {
  std::string pattern;
  for (int i = 0; i < 200; ++i)
    pattern += "*a";
  EXPECT_FALSE(is_allowed_value(std::string(512, 'a') + "b", {pattern}));
}

}  // namespace
}  // namespace mqtt_bridge
