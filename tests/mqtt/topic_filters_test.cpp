#include "mqtt/topic_filters.hpp"

#include <algorithm>
#include <iterator>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

std::vector<std::string> all_of(TopicFilters filters) {
  std::vector<std::string> all;
  while (!filters.empty()) {
    EXPECT_TRUE(filters.contains(filters.first()));
    all.push_back(filters.take_first());
    EXPECT_FALSE(filters.contains(all.back())) << "it is taken";
  }
  EXPECT_EQ(filters.size(), 0u);
  return all;
}

TEST(TopicFilters, AreEachFirstLevelWithEachRest) {
  const auto filters = TopicFilters::combined({"bob", "alice", "bob"}, {"/up", "/down", "/up"});
  EXPECT_EQ(filters.size(), 4u);
  EXPECT_EQ(all_of(filters),
            (std::vector<std::string>{"alice/up", "alice/down", "bob/up", "bob/down"}));
}

TEST(TopicFilters, KeepAFewInTheirOrder) {
  TopicFilters filters = {"b/x", "a"};
  filters.append({"b/a/c", ""});
  EXPECT_EQ(all_of(filters), (std::vector<std::string>{"b/x", "a", "b/a/c", ""}));
}

TEST(TopicFilters, AreNoneWithoutFirstLevelsOrRests) {
  EXPECT_TRUE(TopicFilters().empty());
  EXPECT_TRUE(TopicFilters::combined({}, {"/up"}).empty());
  EXPECT_TRUE(TopicFilters::combined({"alice"}, {}).empty());
}

TEST(TopicFilters, ContainWholeFiltersOnly) {
  const auto filters = TopicFilters::combined({"alice", "bob"}, {"/up", ""});
  for (const char* const filter : {"alice/up", "bob", "alice"})
    EXPECT_TRUE(filters.contains(filter)) << filter;
  for (const char* const filter : {"", "/up", "alic/up", "alice/", "alice/up/", "carol", "alice/u"})
    EXPECT_FALSE(filters.contains(filter)) << filter;
}

TEST(TopicFilters, KnowWildcardsAndSharedOnes) {
  EXPECT_TRUE(TopicFilters::combined({"+"}, {"/up"}).has_wildcard());
  EXPECT_TRUE((TopicFilters{"a/b", "a/#"}).has_wildcard());
  EXPECT_FALSE((TopicFilters{"a/b"}).has_wildcard());
  EXPECT_TRUE((TopicFilters{"a", "$share/group/a"}).has_shared());
  EXPECT_FALSE((TopicFilters{"a/$share/b", "$shared/b"}).has_shared());
}

TEST(TopicFilters, AreSubtractedByWhatTheySay) {
  const auto all = TopicFilters::combined({"alice", "bob"}, {"/up", "/down"});
  EXPECT_EQ(all_of(all.without({"alice/up"})),
            (std::vector<std::string>{"bob/up", "bob/down", "alice/down"}));
  EXPECT_TRUE((TopicFilters{"alice/up"}).without(all).empty());
  EXPECT_TRUE(all.without(all).empty());
  EXPECT_EQ(all_of(all.without({})), all_of(all));
}

/// Some of 16 filters, whose blocks may overlap in any way with those of others.
TopicFilters some(std::mt19937& random, std::set<std::string>& same) {
  const auto subset = [&](const std::vector<std::string>& all) {
    std::vector<std::string> chosen;
    std::copy_if(all.begin(), all.end(), std::back_inserter(chosen),
                 [&](const auto&) { return random() % 2 == 0; });
    return chosen;
  };
  TopicFilters filters;
  for (int part = 0; part < 3; ++part) {
    const TopicFilters more =
        TopicFilters::combined(subset({"a", "b", "c", "+"}), subset({"", "/x", "/y", "/x/y"}))
            .without(filters);
    for (const auto& filter : all_of(more))
      EXPECT_TRUE(same.insert(filter).second) << filter;
    filters.append(more);
  }
  while (!filters.empty() && random() % 3 != 0)
    same.erase(filters.take_first());
  return filters;
}

TEST(TopicFilters, AreSubtractedAsSetsAre) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 1000; ++i) {
    std::set<std::string> ones;
    std::set<std::string> others;
    const TopicFilters one = some(random, ones);
    const TopicFilters other = some(random, others);
    std::set<std::string> expected;
    std::set_difference(ones.begin(), ones.end(), others.begin(), others.end(),
                        std::inserter(expected, expected.end()));
    const auto left = all_of(one.without(other));
    EXPECT_EQ(std::set<std::string>(left.begin(), left.end()), expected);
    EXPECT_EQ(left.size(), expected.size()) << "none twice";
  }
}

}  // namespace
}  // namespace mqtt_bridge
