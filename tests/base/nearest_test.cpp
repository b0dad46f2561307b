#include "base/nearest.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

constexpr std::array<std::string_view, 7> known{"broker",      "netid", "netids", "timeout",
                                                "max-timeout", "host",  "id"};

TEST(Nearest, IsTheKnownWordThatDiffersLeast) {
  for (const auto& [word, expected] : {
           std::pair{"brokr", "broker"},
           {"brooker", "broker"},
           {"netId", "netid"},
           {"BROKR", "broker"},
           {"netidz", "netid"},  // as near as "netids", and before it
           {"timout", "timeout"},
           {"hots", "host"},
           {"netid", "netid"},
       }) {
    EXPECT_EQ(nearest(word, known), expected) << word;
  }
}

TEST(Nearest, IsNothingWhereNoWordIsMeant) {
  for (const std::string_view word : {"", "x", "colour", "brkr2x", "xd0", "ab", "tim"}) {
    EXPECT_EQ(nearest(word, known), "") << word;
  }
  EXPECT_EQ(nearest(std::string(100'000, 'x'), known), "");
}

TEST(Nearest, EndsASentence) {
  EXPECT_EQ(did_you_mean("brokr", known), "; did you mean 'broker'?");
  EXPECT_EQ(did_you_mean("colour", known), "");
}

}  // namespace
}  // namespace mqtt_bridge
