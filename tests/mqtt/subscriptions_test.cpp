#include "mqtt/subscriptions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr Instant now = Instant{} + 1h;
constexpr Instant later = now + 65s;

/// What is asked for now, each answered at once.
std::string ask(Subscriptions& subscriptions, int reason_code = 1) {
  std::string filters;
  while (const auto next = subscriptions.next_subscribe(now)) {
    filters += (filters.empty() ? "" : " ") + next->filter;
    subscriptions.answered(next->id, reason_code);
  }
  return filters;
}

std::string leave(Subscriptions& subscriptions, bool expects_answers, Instant at = now) {
  std::string filters;
  while (const auto next = subscriptions.next_unsubscribe(expects_answers, at))
    filters += (filters.empty() ? "" : " ") + *next;
  return filters;
}

TopicFilters numbered(std::size_t count) {
  std::vector<std::string> firsts;
  for (std::size_t i = 0; i < count; ++i)
    firsts.push_back(std::to_string(1000 + i));
  return TopicFilters::combined(std::move(firsts), {""});
}

TEST(Subscriptions, AsksForAllInTheirOrderOnEachConnection) {
  Subscriptions subscriptions({"b", "a"}, {"optional"});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ask(subscriptions), "");
    subscriptions.connected();
    EXPECT_EQ(ask(subscriptions), "b a optional");
    EXPECT_TRUE(subscriptions.is_settled());
    subscriptions.disconnected();
  }
}

TEST(Subscriptions, AreGrantedWithAnyQosThatWasAskedFor) {
  for (const auto& [code, is_granted] :
       {std::pair(0, true), {1, true}, {2, false}, {0x80, false}}) {
    Subscriptions subscriptions({"a"}, {});
    subscriptions.connected();
    ask(subscriptions, code);
    EXPECT_EQ(subscriptions.refused().empty(), is_granted) << code;
  }
}

TEST(Subscriptions, SayWhichOneIsAskedForAsAProbe) {
  Subscriptions subscriptions({"a", "b"}, {});
  subscriptions.connected();
  EXPECT_FALSE(subscriptions.next_subscribe(now)->is_probe);
  ask(subscriptions);
  subscriptions.probe();
  const auto probe = subscriptions.next_subscribe(now);
  EXPECT_EQ(probe->filter, "a");
  EXPECT_TRUE(probe->is_probe);
  EXPECT_FALSE(subscriptions.next_subscribe(now));
}

TEST(Subscriptions, HasOnlySoManyOnTheirWay) {
  Subscriptions subscriptions(numbered(100), {});
  subscriptions.connected();
  std::uint64_t id = 0;
  std::size_t asked = 0;
  while (const auto next = subscriptions.next_subscribe(now)) {
    id = next->id;
    ++asked;
  }
  EXPECT_EQ(asked, Subscriptions::asked_at_once);
  EXPECT_TRUE(subscriptions.answered(id, 1));
  EXPECT_FALSE(subscriptions.answered(id, 1)) << "a second time";
  EXPECT_TRUE(subscriptions.next_subscribe(now));
  EXPECT_FALSE(subscriptions.is_settled());
}

TEST(Subscriptions, NamesWhatIsRefusedAndTellsItOnce) {
  Subscriptions subscriptions({"a", "b"}, {"optional"});
  subscriptions.connected();
  ask(subscriptions, 0x87);
  EXPECT_EQ(subscriptions.refused(), (std::set<std::string>{"a", "b"}));
  EXPECT_TRUE(subscriptions.refused_have_changed());
  EXPECT_FALSE(subscriptions.refused_have_changed());
  EXPECT_EQ(subscriptions.next_refusal(), "a");
  EXPECT_EQ(subscriptions.next_refusal(), "b");
  EXPECT_EQ(subscriptions.next_refusal(), "optional");
  subscriptions.ask_refused_again();
  ask(subscriptions, 0x87);
  EXPECT_EQ(subscriptions.next_refusal(), std::nullopt);
}

TEST(Subscriptions, AsksAgainForSomeOfWhatIsRefusedAndForAllOnceTheBrokerGrantsAny) {
  Subscriptions subscriptions(numbered(300), {});
  subscriptions.connected();
  ask(subscriptions, 0x87);
  std::set<std::string> asked;
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(asked.size(), i * Subscriptions::asked_at_once);
    subscriptions.ask_refused_again();
    while (const auto next = subscriptions.next_subscribe(now)) {
      asked.insert(next->filter);
      subscriptions.answered(next->id, 0x87);
    }
    if (asked.size() == 300)
      break;
  }
  EXPECT_EQ(asked.size(), 300u) << "each in its turn";
  subscriptions.ask_refused_again();
  ask(subscriptions);
  EXPECT_TRUE(subscriptions.refused().empty());
}

TEST(Subscriptions, LeavesWhatIsNoLongerWantedAtOnceWhenNoAnswerIsExpected) {
  Subscriptions subscriptions({"a", "b"}, {});
  subscriptions.connected();
  ask(subscriptions);
  subscriptions.set({"b", "c"}, {}, later);
  EXPECT_EQ(ask(subscriptions), "c");
  EXPECT_EQ(leave(subscriptions, false), "a");
  EXPECT_FALSE(subscriptions.has_leaving());
}

TEST(Subscriptions, KeepsThemWhileAnswersAreExpectedUntilNoneCanCome) {
  Subscriptions subscriptions({"a", "b"}, {});
  subscriptions.connected();
  ask(subscriptions);
  subscriptions.set({"b"}, {}, later);
  EXPECT_EQ(leave(subscriptions, true, later - 1ns), "");
  subscriptions.connected();
  EXPECT_EQ(ask(subscriptions), "b a") << "on another connection too";
  EXPECT_EQ(leave(subscriptions, true, later), "a");
}

TEST(Subscriptions, KeepsWhatIsWantedAgain) {
  Subscriptions subscriptions({"a", "b"}, {});
  subscriptions.connected();
  ask(subscriptions);
  subscriptions.set({"b"}, {}, later);
  subscriptions.set({"a", "b"}, {}, later);
  EXPECT_EQ(ask(subscriptions), "a");
  EXPECT_EQ(leave(subscriptions, false), "");
}

TEST(Subscriptions, KeepsWhatIsLeftForTheSecondTimeAsLongAsForTheFirst) {
  Subscriptions subscriptions({"a", "b"}, {});
  subscriptions.connected();
  ask(subscriptions);
  subscriptions.set({"b"}, {}, later);
  subscriptions.set({"a", "b"}, {}, later);
  subscriptions.set({"b"}, {}, later + 1s);
  EXPECT_EQ(leave(subscriptions, true, later), "");
  EXPECT_EQ(leave(subscriptions, true, later + 1s), "a");
}

TEST(Subscriptions, LeavesFirstWhatIsKeptForTheShorterTime) {
  Subscriptions subscriptions({"a", "b", "c"}, {});
  subscriptions.connected();
  ask(subscriptions);
  subscriptions.set({"b", "c"}, {}, later);
  subscriptions.set({"c"}, {}, later - 1s);
  EXPECT_EQ(leave(subscriptions, true, later - 1s), "b");
  EXPECT_EQ(leave(subscriptions, true, later), "a");
}

TEST(Subscriptions, DoesNotAskTwiceForWhatGoesAndComesWhileItIsAskedFor) {
  Subscriptions subscriptions({"a"}, {});
  subscriptions.connected();
  ask(subscriptions);
  for (int i = 0; i < 3; ++i) {
    subscriptions.set({"a", "b"}, {}, later);
    subscriptions.set({"a"}, {}, later);
  }
  EXPECT_EQ(ask(subscriptions), "b");
  EXPECT_EQ(leave(subscriptions, false), "b");
}

TEST(Subscriptions, AskAndLeaveOnlyWhatIsOther) {
  Subscriptions subscriptions(TopicFilters::combined({"alice", "bob"}, {"/up", "/down"}), {});
  subscriptions.connected();
  ask(subscriptions);
  subscriptions.set(TopicFilters::combined({"bob", "carol"}, {"/up", "/left"}), {}, later);
  EXPECT_EQ(ask(subscriptions), "carol/up carol/left bob/left");
  EXPECT_EQ(leave(subscriptions, false), "alice/up alice/down bob/down");
}

TEST(Subscriptions, DoesNotNameWhatIsNoLongerWanted) {
  Subscriptions subscriptions({"a", "b"}, {});
  subscriptions.connected();
  ask(subscriptions, 0x87);
  subscriptions.set({"b"}, {}, later);
  EXPECT_EQ(subscriptions.refused(), (std::set<std::string>{"b"}));
}

// Added ones ----------------------------------------------------------------------------------

/// The answers to added ones, "+" before a granted one.
std::string answers(Subscriptions& subscriptions) {
  std::string words;
  while (const auto answer = subscriptions.next_answer_to_added())
    words +=
        (words.empty() ? "" : " ") + std::string(answer->is_granted ? "+" : "-") + answer->filter;
  return words;
}

TEST(Subscriptions, AsksForAddedOnesOnEachConnectionAndTellsEachAnswer) {
  Subscriptions subscriptions({"a"}, {});
  subscriptions.add("early", Echo::sent);
  EXPECT_EQ(ask(subscriptions), "");
  subscriptions.connected();
  EXPECT_EQ(ask(subscriptions), "early a");
  EXPECT_EQ(answers(subscriptions), "+early");
  subscriptions.add("late", Echo::sent);
  EXPECT_FALSE(subscriptions.is_settled());
  EXPECT_EQ(ask(subscriptions, 0x87), "late");
  EXPECT_EQ(answers(subscriptions), "-late");
  EXPECT_TRUE(subscriptions.refused().empty()) << "whoever added it is told";
  EXPECT_EQ(subscriptions.next_refusal(), std::nullopt);
  subscriptions.connected();
  ask(subscriptions);
  EXPECT_THAT(answers(subscriptions), testing::AnyOf("+early +late", "+late +early"));
}

TEST(Subscriptions, AsksForAddedOnesWithTheEchoThatIsWanted) {
  Subscriptions subscriptions({"a"}, {});
  subscriptions.connected();
  const auto first = subscriptions.next_subscribe(now);
  EXPECT_FALSE(first->is_added);
  EXPECT_EQ(first->echo, Echo::sent);
  subscriptions.add("b", Echo::sent);
  EXPECT_EQ(subscriptions.next_subscribe(now)->echo, Echo::sent);
  subscriptions.add("b", Echo::none);
  const auto again = subscriptions.next_subscribe(now);
  EXPECT_EQ(again->filter, "b");
  EXPECT_TRUE(again->is_added);
  EXPECT_EQ(again->echo, Echo::none);
}

TEST(Subscriptions, ForgetsWhatIsRemoved) {
  Subscriptions subscriptions({"a"}, {});
  subscriptions.add("a", Echo::sent);
  subscriptions.add("b", Echo::sent);
  subscriptions.connected();
  subscriptions.add("c", Echo::sent);
  EXPECT_TRUE(subscriptions.remove("c")) << "before it is asked for";
  EXPECT_FALSE(subscriptions.remove("c"));
  EXPECT_TRUE(subscriptions.remove("b"));
  EXPECT_FALSE(subscriptions.remove("a")) << "it is wanted by itself";
  EXPECT_EQ(ask(subscriptions), "a");
  subscriptions.connected();
  EXPECT_EQ(ask(subscriptions), "a");
}

TEST(Subscriptions, TellsNoAnswerToWhatWasRemovedMeanwhile) {
  Subscriptions subscriptions({}, {});
  subscriptions.connected();
  subscriptions.add("b", Echo::sent);
  const auto id = subscriptions.next_subscribe(now)->id;
  EXPECT_TRUE(subscriptions.remove("b"));
  EXPECT_TRUE(subscriptions.answered(id, 1));
  EXPECT_EQ(answers(subscriptions), "");
  EXPECT_TRUE(subscriptions.is_settled());
}

}  // namespace
}  // namespace mqtt_bridge
