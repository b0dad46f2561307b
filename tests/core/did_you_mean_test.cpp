#include "core/did_you_mean.hpp"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

constexpr std::array<std::string_view, 3> known{"netid", "timeout", "broker"};

TEST(DidYouMean, FindsTheNearestNameWhateverItsCase) {
  struct Row {
    std::string_view name;
    std::string_view meant;
  };
  const Row rows[] = {{"netid", "netid"},    {"netId", "netid"},     {"NETID", "netid"},
                      {"netdi", "netid"},    {"netids", "netid"},    {"net-id", "netid"},
                      {"timout", "timeout"}, {"TimeOut", "timeout"}, {"borker", "broker"}};
  for (const Row& row : rows)
    EXPECT_EQ(did_you_mean(row.name, known), row.meant) << row.name;
}

TEST(DidYouMean, FindsNoneThatIsFurtherThanTwoLetters) {
  for (const std::string& name : {std::string(), std::string("id"), std::string("deadline"),
                                  std::string("brrrkr"), std::string(100'000, 'n')}) {
    EXPECT_EQ(did_you_mean(name, known), "") << name.substr(0, 20);
  }
}

}  // namespace
}  // namespace mqtt_bridge
