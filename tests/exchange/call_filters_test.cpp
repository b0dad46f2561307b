#include "exchange/call_filters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/exchange.hpp"

namespace mqtt_bridge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// What is to be changed now: "+" before a filter that is wanted, "!" after one without our own.
std::string changes(CallFilters& filters) {
  std::string words;
  while (const auto change = filters.next_change()) {
    words += words.empty() ? "" : " ";
    words += (change->is_wanted ? "+" : "-") + change->filter.filter;
    words += change->filter.no_local ? "!" : "";
  }
  return words;
}

TEST(CallFilters, AreAskedForOnceAndKept) {
  CallFilters filters;
  EXPECT_EQ(filters.enter(1, {{"a"}, {"b"}}), 2u);
  EXPECT_EQ(filters.enter(2, {{"a"}}), 1u);
  EXPECT_EQ(changes(filters), "+a +b");
  EXPECT_EQ(filters.waiting(), 3u);
  EXPECT_THAT(filters.granted("a"), ElementsAre(1, 2));
  EXPECT_THAT(filters.granted("a"), IsEmpty()) << "each waits for it once";
  EXPECT_THAT(filters.granted("b"), ElementsAre(1));
  filters.leave(1, {{"a"}, {"b"}});
  filters.leave(2, {{"a"}});
  EXPECT_EQ(filters.enter(3, {{"b"}, {"a"}}), 0u);
  EXPECT_EQ(changes(filters), "");
}

TEST(CallFilters, AreAskedForAgainOnceTheyWereRefused) {
  CallFilters filters;
  filters.enter(1, {{"a"}});
  changes(filters);
  EXPECT_THAT(filters.refused("a"), ElementsAre(1));
  EXPECT_EQ(changes(filters), "-a") << "the link is not to ask again by itself";
  EXPECT_EQ(filters.enter(2, {{"a"}}), 1u) << "while the first call is still there";
  EXPECT_EQ(changes(filters), "+a");
  filters.leave(1, {{"a"}});
  EXPECT_THAT(filters.granted("a"), ElementsAre(2));
}

TEST(CallFilters, SayWhoUsesWhatIsRefusedOnALaterConnection) {
  CallFilters filters;
  filters.enter(1, {{"a"}});
  filters.granted("a");
  filters.enter(2, {{"a"}});
  EXPECT_THAT(filters.refused("a"), ElementsAre(1, 2));
}

TEST(CallFilters, AreForgottenWhereTheyAreRefusedAndNoCallUsesThem) {
  CallFilters filters;
  filters.enter(1, {{"a"}});
  EXPECT_THAT(filters.refused("a"), ElementsAre(1));
  filters.leave(1, {{"a"}});
  EXPECT_EQ(filters.size(), 0u);
  filters.enter(2, {{"b"}});
  filters.leave(2, {{"b"}});
  EXPECT_EQ(filters.size(), 1u);
  EXPECT_THAT(filters.refused("b"), IsEmpty());
  EXPECT_EQ(filters.size(), 0u);
  EXPECT_THAT(filters.refused("b"), IsEmpty());
  EXPECT_THAT(filters.granted("b"), IsEmpty());
}

TEST(CallFilters, AreNotWaitedForByACallThatHasLeft) {
  CallFilters filters;
  filters.enter(1, {{"a"}});
  filters.enter(2, {{"a"}});
  filters.leave(1, {{"a"}});
  EXPECT_EQ(filters.waiting(), 1u);
  EXPECT_THAT(filters.granted("a"), ElementsAre(2));
}

TEST(CallFilters, AreLeftWhenThereAreTooManyTheOneNotUsedForLongestFirst) {
  CallFilters filters;
  const auto use = [&filters](const std::string& filter) {
    filters.enter(1, {{filter}});
    filters.granted(filter);
    filters.leave(1, {{filter}});
  };
  for (std::size_t i = 0; i < limits::call_filters; ++i)
    use(std::to_string(i));
  use("0");
  changes(filters);
  EXPECT_EQ(filters.size(), limits::call_filters);
  use("one more");
  EXPECT_EQ(filters.size(), limits::call_filters);
  EXPECT_EQ(changes(filters), "+one more -1");
  use("0");
  EXPECT_EQ(changes(filters), "") << "it was used since";
}

TEST(CallFilters, AreNotLeftWhileCallsUseThem) {
  CallFilters filters;
  for (std::size_t i = 0; i < limits::call_filters; ++i) {
    ASSERT_TRUE(filters.has_room({{std::to_string(i)}})) << i;
    filters.enter(i, {{std::to_string(i)}});
  }
  EXPECT_FALSE(filters.has_room({{"one more"}}));
  EXPECT_TRUE(filters.has_room({{"0"}})) << "it is there already";
  filters.leave(0, {{"0"}});
  EXPECT_TRUE(filters.has_room({{"one more"}}));
}

TEST(CallFilters, AreAskedForWithoutOurOwnOnceACallNeedsThat) {
  CallFilters filters;
  filters.enter(1, {{"a", false}});
  filters.granted("a");
  EXPECT_EQ(changes(filters), "+a");
  EXPECT_EQ(filters.enter(2, {{"a", true}}), 1u) << "not before the broker knows it";
  EXPECT_EQ(changes(filters), "+a!");
  EXPECT_THAT(filters.granted("a"), ElementsAre(2));
  EXPECT_EQ(filters.enter(3, {{"a", false}}), 0u);
  EXPECT_EQ(changes(filters), "");
}

}  // namespace
}  // namespace mqtt_bridge
