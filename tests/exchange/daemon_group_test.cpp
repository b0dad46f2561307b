#include "exchange/daemon_group.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/exchange.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Optional;
using Turns = DaemonGroup::Turns;

constexpr Duration rest = 60s;

/// One daemon of the group `g`, and what it hears.
class Daemon {
 public:
  explicit Daemon(const std::string& id, Turns turns = Turns::are_of_another)
      : group("g", id, turns, rest) {}

  void hear(const std::string& id, const std::string& payload, bool is_retained = false) {
    EXPECT_TRUE(group.heard("mqtt-bridge/g/" + id + "/status", payload, is_retained, now));
  }
  /// Its link comes up, others have said this before, and it hears itself.
  void come_up(const std::map<std::string, DaemonStatus>& others = {}) {
    group.link_up();
    for (const auto& [id, status] : others)
      hear(id, daemon_status_message(status), true);
    while (const auto message = group.next_message()) {
      EXPECT_FALSE(group.is_settled());
      hear("me", *message);
    }
    EXPECT_TRUE(group.is_settled());
  }
  std::optional<std::string> why_no_turns() const { return group.why_no_turns(now); }

  Instant now{};
  DaemonGroup group;
};

TEST(DaemonGroup, SaysOfItselfWhatOthersRead) {
  EXPECT_EQ(daemon_status_message({true, 7}), R"({"takes_turns":true,"id_range":7})");
  EXPECT_THAT(parse_daemon_status(daemon_status_message({true, 7})),
              Optional(DaemonStatus{true, 7}));
  EXPECT_THAT(parse_daemon_status(R"({"id_range":0,"takes_turns":false,"more":[]})"),
              Optional(DaemonStatus{false, 0}));
}

TEST(DaemonGroup, TakesNothingElseForThat) {
  for (const std::string payload :
       {"", "{}", "[]", "null", "no JSON", R"({"takes_turns":1,"id_range":0})",
        R"({"takes_turns":true})", R"({"takes_turns":true,"id_range":-1})",
        R"({"takes_turns":true,"id_range":1024})", R"({"takes_turns":true,"id_range":"1"})"}) {
    EXPECT_EQ(parse_daemon_status(payload), std::nullopt) << payload;
  }
  EXPECT_EQ(parse_daemon_status(daemon_status_message({}) + std::string(limits::birth_bytes, ' ')),
            std::nullopt);
}

TEST(DaemonGroup, KnowsItsTopicsFromOthers) {
  DaemonGroup group("g", "me", Turns::are_of_another, rest);
  EXPECT_EQ(group.filter(), "mqtt-bridge/g/+/status");
  EXPECT_EQ(group.status_topic(), "mqtt-bridge/g/me/status");
  for (const std::string topic :
       {"mqtt-bridge/h/a/status", "mqtt-bridge/g/a/response/1", "a/b/response",
        "mqtt-bridge/g/a/b/status", "mqtt-bridge/g/status"}) {
    EXPECT_FALSE(group.heard(topic, "", false, {})) << topic;
  }
}

TEST(DaemonGroup, IsSettledOnceItHearsWhatItSaidOnThisConnection) {
  Daemon daemon("me");
  EXPECT_EQ(daemon.group.next_message(), std::nullopt);
  daemon.group.link_up();
  const auto message = daemon.group.next_message();
  ASSERT_TRUE(message);
  EXPECT_EQ(daemon.group.next_message(), std::nullopt);
  daemon.hear("me", *message, true);
  EXPECT_FALSE(daemon.group.is_settled()) << "that was retained, so it is of an earlier run";
  daemon.hear("me", "");
  EXPECT_FALSE(daemon.group.is_settled()) << "that is the will of an earlier connection";
  EXPECT_EQ(daemon.group.next_message(), std::nullopt) << "it is on its way";
  daemon.hear("me", *message);
  EXPECT_TRUE(daemon.group.is_settled());
  daemon.group.link_down(daemon.now);
  EXPECT_FALSE(daemon.group.is_settled());
}

TEST(DaemonGroup, SaysSoAgainWhenThatWasCleared) {
  Daemon daemon("me");
  daemon.come_up();
  daemon.hear("me", "");
  EXPECT_TRUE(daemon.group.next_message());
  EXPECT_TRUE(daemon.group.is_settled());
}

TEST(DaemonGroup, TakesTurnsWhereItIsTheOneThatIsToldTo) {
  Daemon daemon("me", Turns::are_taken);
  daemon.come_up({{"other", {false, 0}}});
  EXPECT_EQ(daemon.why_no_turns(), std::nullopt);
}

TEST(DaemonGroup, TakesNoTurnsWhereItIsNotToldTo) {
  Daemon daemon("me");
  daemon.come_up();
  EXPECT_THAT(daemon.why_no_turns(), Optional(HasSubstr("none of the daemons")));
  daemon.hear("other", daemon_status_message({true, 0}));
  EXPECT_THAT(daemon.why_no_turns(),
              Optional(HasSubstr("'other' of the group 'g' takes the turns")));
}

TEST(DaemonGroup, TakesNoTurnsWhileAnotherOneDoesNorForARestAfterThat) {
  Daemon daemon("me", Turns::are_taken);
  daemon.come_up({{"other", {true, 0}}});
  EXPECT_THAT(daemon.why_no_turns(), Optional(HasSubstr("only one of them may")));
  daemon.hear("other", "");
  EXPECT_THAT(daemon.why_no_turns(), Optional(HasSubstr("may still come")));
  EXPECT_EQ(daemon.group.next_deadline(daemon.now), daemon.now + rest);
  daemon.now += rest - 1ms;
  EXPECT_TRUE(daemon.why_no_turns());
  daemon.now += 1ms;
  EXPECT_EQ(daemon.why_no_turns(), std::nullopt);
  EXPECT_EQ(daemon.group.next_deadline(daemon.now), std::nullopt);
}

TEST(DaemonGroup, RestsTooWhereTheOtherOneWentWhileThisOneHadNoLink) {
  Daemon daemon("me", Turns::are_taken);
  daemon.come_up({{"other", {true, 0}}});
  daemon.group.link_down(daemon.now);
  daemon.come_up();
  EXPECT_TRUE(daemon.group.others().empty());
  EXPECT_THAT(daemon.why_no_turns(), Optional(HasSubstr("may still come")));
}

TEST(DaemonGroup, LeavesItsRangeToTheOneThatWasThereBefore) {
  const unsigned range = Daemon("me").group.id_range();
  Daemon daemon("me");
  daemon.come_up({{"other", {false, range}}, {"third", {false, (range + 1) % limits::id_ranges}}});
  EXPECT_EQ(daemon.group.id_range(), (range + 2) % limits::id_ranges);
  daemon.hear("later", daemon_status_message({false, daemon.group.id_range()}));
  EXPECT_TRUE(daemon.group.next_message()) << "by the order of their names the other one has it";
}

TEST(DaemonGroup, KeepsItsRangeWhereOneThatComesLaterHasIt) {
  Daemon daemon("me");
  daemon.come_up();
  daemon.hear("other", daemon_status_message({false, daemon.group.id_range()}));
  EXPECT_EQ(daemon.group.next_message(), std::nullopt);
}

TEST(DaemonGroup, TakesNoTurnsWhereItCannotRememberAllOthers) {
  Daemon daemon("me", Turns::are_taken);
  daemon.come_up();
  for (std::size_t i = 0; i < limits::group_members; ++i)
    daemon.hear("other-" + std::to_string(i), daemon_status_message({false, 0}));
  EXPECT_EQ(daemon.why_no_turns(), std::nullopt);
  daemon.hear("one more", daemon_status_message({true, 0}));
  EXPECT_EQ(daemon.group.others().size(), limits::group_members);
  EXPECT_THAT(daemon.why_no_turns(), Optional(HasSubstr("too many")));
}

}  // namespace
}  // namespace mqtt_bridge
