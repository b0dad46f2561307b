#include "mqtt/link_policy.hpp"

#include <gtest/gtest.h>

#include "base/limits/mqtt.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{};
constexpr double longest = 0.999;

/// Lets `count` attempts fail one after the other, each at once; gives the time of the next one.
Instant fail(LinkPolicy& policy, int count, Instant now, ConnectFailure failure,
             double jitter = longest) {
  for (int i = 0; i < count; ++i) {
    now = *policy.next_attempt();
    policy.attempt_begins(now);
    policy.attempt_failed(failure, now, jitter);
  }
  return *policy.next_attempt();
}

void bring_up(LinkPolicy& policy, Instant now) {
  policy.attempt_begins(now);
  policy.link_is_up(false, now);
}

TEST(LinkPolicy, ConnectsAtOnceInTheNewestVersion) {
  const LinkPolicy policy(Protocol::automatic, start);
  EXPECT_EQ(policy.next_attempt(), start);
  EXPECT_EQ(policy.version(), MqttVersion::v5);
}

TEST(LinkPolicy, HasNoNextAttemptWhileOneRuns) {
  LinkPolicy policy(Protocol::automatic, start);
  policy.attempt_begins(start);
  EXPECT_EQ(policy.next_attempt(), std::nullopt);
}

TEST(LinkPolicy, ReconnectsAtOnceWhenALinkIsLost) {
  LinkPolicy policy(Protocol::automatic, start);
  bring_up(policy, start);
  policy.link_lost(LinkLoss::broken, start + 1s, longest);
  EXPECT_EQ(policy.next_attempt(), start + 1s);
}

TEST(LinkPolicy, WaitsOnceThreeLinksInARowWereLostAsSoonAsTheyWereUp) {
  LinkPolicy policy(Protocol::automatic, start);
  Instant now = start;
  for (int i = 0; i < 2; ++i) {
    bring_up(policy, now);
    now += 100ms - 1ns;
    policy.link_lost(LinkLoss::broken, now, longest);
    ASSERT_EQ(policy.next_attempt(), now);
  }
  bring_up(policy, now);
  now += 100ms - 1ns;
  policy.link_lost(LinkLoss::broken, now, longest);
  EXPECT_GT(*policy.next_attempt(), now);
}

/// Links that break as soon as something is published on them, for so long.
Instant flap(LinkPolicy& policy, Instant now, Duration how_long) {
  const Instant end = now + how_long;
  while (now < end) {
    bring_up(policy, now);
    now += 5ms;
    policy.link_lost(LinkLoss::broken, now, longest);
    EXPECT_LE(*policy.next_attempt(), now + 1s) << "the broker is there";
    now = *policy.next_attempt();
  }
  return now;
}

TEST(LinkPolicy, NeverStaysAwayForLongWhileTheBrokerIsThereThoughLinksBreak) {
  LinkPolicy policy(Protocol::automatic, start);
  flap(policy, start, 5min);
}

TEST(LinkPolicy, IsBackSoonAfterTheBrokerWasAwayThoughLinksBrokeBefore) {
  LinkPolicy policy(Protocol::automatic, start);
  Instant now = flap(policy, start, 5min);
  const Instant away = now;
  while (now < away + 400ms)
    now = fail(policy, 1, now, ConnectFailure::unreachable);
  EXPECT_LE(now, away + 600ms);
}

TEST(LinkPolicy, WaitsALittleAlsoWhereTheBrokerSaysWhyItEndsEachLink) {
  LinkPolicy policy(Protocol::automatic, start);
  Instant now = start;
  for (int i = 0; i < 20; ++i) {
    bring_up(policy, now);
    policy.link_lost(LinkLoss::told, now, longest);
    now = *policy.next_attempt();
  }
  EXPECT_GT(now, start + 1s);
}

TEST(LinkPolicy, TriesOftenWhileAnOutageIsShort) {
  LinkPolicy policy(Protocol::automatic, start);
  Instant now = start;
  while (now < start + 2s) {
    const Instant next = fail(policy, 1, now, ConnectFailure::unreachable);
    EXPECT_LE(next - now, 150ms);
    now = next;
  }
}

TEST(LinkPolicy, BacksOffToItsCapInALongOutage) {
  LinkPolicy policy(Protocol::automatic, start);
  const Instant late = fail(policy, 40, start, ConnectFailure::unreachable);
  const Instant later = fail(policy, 1, late, ConnectFailure::unreachable);
  EXPECT_GT(later - late, limits::reconnect_cap * 0.99);
  EXPECT_LE(later - late, limits::reconnect_cap);
}

TEST(LinkPolicy, SpreadsItsAttemptsByTheJitter) {
  LinkPolicy policy(Protocol::automatic, start);
  EXPECT_EQ(fail(policy, 1, start, ConnectFailure::unreachable, 0.0), start);
}

TEST(LinkPolicy, FallsBackAtOnceWhenTheBrokerRefusesTheVersion) {
  LinkPolicy policy(Protocol::automatic, start);
  EXPECT_EQ(fail(policy, 1, start, ConnectFailure::version_refused), start);
  EXPECT_EQ(policy.version(), MqttVersion::v3_1_1);
}

TEST(LinkPolicy, IsNotDemotedByABrokerThatIsMerelyDown) {
  LinkPolicy policy(Protocol::automatic, start);
  fail(policy, 100, start, ConnectFailure::unreachable);
  EXPECT_EQ(policy.version(), MqttVersion::v5);
}

TEST(LinkPolicy, IsNotDemotedByARefusalForAnotherReason) {
  LinkPolicy policy(Protocol::automatic, start);
  fail(policy, 100, start, ConnectFailure::refused);
  EXPECT_EQ(policy.version(), MqttVersion::v5);
}

TEST(LinkPolicy, TakesThreeSilentClosuresInARowForARefusalOfTheVersion) {
  LinkPolicy policy(Protocol::automatic, start);
  fail(policy, 2, start, ConnectFailure::closed);
  fail(policy, 1, start, ConnectFailure::unreachable);
  fail(policy, 2, start, ConnectFailure::closed);
  EXPECT_EQ(policy.version(), MqttVersion::v5);
  fail(policy, 1, start, ConnectFailure::closed);
  EXPECT_EQ(policy.version(), MqttVersion::v3_1_1);
}

TEST(LinkPolicy, IsNotDemotedByAProxyThatClosesWhileItsBrokerIsDown) {
  for (const auto in_trial : {ConnectFailure::closed, ConnectFailure::unreachable}) {
    LinkPolicy policy(Protocol::automatic, start);
    const Instant now = fail(policy, 3, start, ConnectFailure::closed);
    ASSERT_EQ(policy.version(), MqttVersion::v3_1_1) << "it may be the version";
    EXPECT_GT(fail(policy, 1, now, in_trial), now) << "it was not; no hurry";
    EXPECT_EQ(policy.version(), MqttVersion::v5);
    const Instant later = fail(policy, 10, now, ConnectFailure::unreachable);
    EXPECT_EQ(policy.version(), MqttVersion::v5);
    EXPECT_GT(later, now);
  }
}

TEST(LinkPolicy, TriesBothVersionsEachTimeWhileBothAreClosedOn) {
  LinkPolicy policy(Protocol::automatic, start);
  fail(policy, 3, start, ConnectFailure::closed);
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(policy.version(), MqttVersion::v3_1_1);
    const Instant now = fail(policy, 1, start, ConnectFailure::closed);
    ASSERT_EQ(policy.version(), MqttVersion::v5);
    EXPECT_EQ(fail(policy, 1, start, ConnectFailure::closed), now) << "the trial follows at once";
  }
}

TEST(LinkPolicy, KeepsTheOldVersionThroughARestartOfABrokerThatHasNoOther) {
  LinkPolicy policy(Protocol::automatic, start);
  const Instant now = fail(policy, 3, start, ConnectFailure::closed);
  bring_up(policy, now);
  policy.link_lost(LinkLoss::broken, now + 1s, longest);
  fail(policy, 2, now + 1s, ConnectFailure::closed);
  fail(policy, 10, now + 1s, ConnectFailure::unreachable);
  EXPECT_EQ(policy.version(), MqttVersion::v3_1_1);
}

TEST(LinkPolicy, TriesTheNewestVersionAgainOnALaterConnectionEverMoreRarely) {
  LinkPolicy policy(Protocol::automatic, start);
  Instant now = fail(policy, 1, start, ConnectFailure::version_refused);
  Duration pause = 60s;
  for (int i = 0; i < 10; ++i) {
    Instant refused_at = now;
    bring_up(policy, now);
    policy.link_lost(LinkLoss::broken, refused_at + pause - 1ns, longest);
    policy.attempt_begins(refused_at + pause - 1ns);
    ASSERT_EQ(policy.version(), MqttVersion::v3_1_1) << "too soon";
    policy.link_is_up(false, now);
    now = refused_at + pause;
    policy.link_lost(LinkLoss::broken, now, longest);
    policy.attempt_begins(now);
    ASSERT_EQ(policy.version(), MqttVersion::v5);
    EXPECT_TRUE(policy.tries_newest_again());
    policy.attempt_failed(i % 2 == 0 ? ConnectFailure::closed : ConnectFailure::version_refused,
                          now, longest);
    ASSERT_EQ(policy.version(), MqttVersion::v3_1_1) << "once is enough";
    EXPECT_EQ(policy.next_attempt(), now) << "nobody waits for that";
    pause = std::min<Duration>(2 * pause, limits::version_pause_cap);
  }
}

TEST(LinkPolicy, StaysWithTheNewestVersionOnceTheBrokerTakesIt) {
  LinkPolicy policy(Protocol::automatic, start);
  bring_up(policy, fail(policy, 1, start, ConnectFailure::version_refused));
  policy.link_lost(LinkLoss::broken, start + 1h, longest);
  const Instant now = fail(policy, 5, start + 1h, ConnectFailure::unreachable);
  bring_up(policy, now);
  EXPECT_EQ(policy.version(), MqttVersion::v5);
  EXPECT_FALSE(policy.tries_newest_again());
  policy.link_lost(LinkLoss::broken, now + 1s, longest);
  fail(policy, 2, now + 1s, ConnectFailure::closed);
  EXPECT_EQ(policy.version(), MqttVersion::v5);
}

TEST(LinkPolicy, StaysWithTheOldVersionWhenItsTrialIsRefusedForAnotherReason) {
  LinkPolicy policy(Protocol::automatic, start);
  fail(policy, 3, start, ConnectFailure::closed);
  fail(policy, 100, start, ConnectFailure::refused);
  EXPECT_EQ(policy.version(), MqttVersion::v3_1_1);
}

TEST(LinkPolicy, GoesBackToTheNewestVersionWhenTheOldOneIsRefusedToo) {
  LinkPolicy policy(Protocol::automatic, start);
  fail(policy, 2, start, ConnectFailure::version_refused);
  EXPECT_EQ(policy.version(), MqttVersion::v5);
}

TEST(LinkPolicy, KeepsTheVersionThatTheOperatorNamed) {
  for (const auto protocol : {Protocol::v5, Protocol::v3_1_1}) {
    LinkPolicy policy(protocol, start);
    const auto named = policy.version();
    fail(policy, 10, start, ConnectFailure::version_refused);
    fail(policy, 10, start, ConnectFailure::closed);
    EXPECT_EQ(policy.version(), named);
  }
}

TEST(LinkPolicy, ReconnectsAtOnceHoweverOftenALinkIsLost) {
  LinkPolicy policy(Protocol::automatic, start);
  for (Instant now = start; now < start + 1h; now += 1s) {
    bring_up(policy, now);
    policy.link_lost(LinkLoss::broken, now + 200ms, longest);
    ASSERT_EQ(policy.next_attempt(), now + 200ms);
  }
}

TEST(LinkPolicy, SeesATakeOverThatTheBrokerDoesNotTell) {
  LinkPolicy policy(Protocol::automatic, start);
  Instant now = start;
  int links = 0;
  auto verdict = LinkPolicy::Verdict::none;
  while (verdict != LinkPolicy::Verdict::taken_over) {
    ASSERT_LT(++links, 10);
    policy.attempt_begins(now);
    if (policy.quiet_time() > Duration(0)) {
      verdict = policy.attempt_failed(ConnectFailure::ended_idle, now, 0.0);
    } else {
      policy.link_is_up(false, now);
      now += 5ms;
      verdict = policy.link_lost(LinkLoss::broken, now, 0.0);
    }
    if (verdict != LinkPolicy::Verdict::taken_over)
      now = *policy.next_attempt();
  }
  EXPECT_EQ(links, 5);
  EXPECT_EQ(policy.next_attempt(), now + limits::reconnect_cap / 2) << "and yields";
}

TEST(LinkPolicy, TakesNoRestartOfTheBrokerForATakeOver) {
  LinkPolicy policy(Protocol::automatic, start);
  Instant now = start;
  for (int i = 0; i < 10; ++i) {
    policy.attempt_begins(now);
    policy.link_is_up(true, now);
    now += 50ms;
    EXPECT_EQ(policy.link_lost(LinkLoss::broken, now, longest), LinkPolicy::Verdict::none);
    policy.attempt_begins(now);
    policy.attempt_failed(ConnectFailure::unreachable, now, longest);
    now = *policy.next_attempt();
  }
}

TEST(LinkPolicy, YieldsForLongerEachTime) {
  LinkPolicy policy(Protocol::automatic, start);
  Instant now = start;
  for (const auto pause : {5s, 10s, 20s, 30s, 30s}) {
    bring_up(policy, now);
    now += 1s;
    EXPECT_EQ(policy.link_lost(LinkLoss::taken_over, now, 0.0), LinkPolicy::Verdict::taken_over);
    EXPECT_EQ(policy.next_attempt(), now + pause);
    now += pause;
  }
  bring_up(policy, now);
  now += limits::yield_cap;
  policy.link_lost(LinkLoss::taken_over, now, 0.0);
  EXPECT_EQ(policy.next_attempt(), now + 5s) << "it was gone for long";
}

TEST(LinkPolicy, TakesTurnsWhereTheClientIdIsShared) {
  for (const auto loss : {LinkLoss::broken, LinkLoss::taken_over}) {
    LinkPolicy policy(Protocol::automatic, start, LinkPolicy::ClientId::shared);
    Instant now = start;
    for (const auto pause : {50ms, 100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
      bring_up(policy, now);
      EXPECT_EQ(policy.quiet_time(), Duration(0));
      now += 5ms;
      policy.link_lost(loss, now, 0.5);
      EXPECT_EQ(policy.next_attempt(), now + pause / 2);
      now = *policy.next_attempt();
    }
  }
}

TEST(LinkPolicy, TakesTurnsWhereTheClientIdIsSharedAlsoWhenThrownOffBeforeItIsUp) {
  LinkPolicy policy(Protocol::automatic, start, LinkPolicy::ClientId::shared);
  policy.attempt_begins(start);
  EXPECT_EQ(policy.attempt_failed(ConnectFailure::ended, start, 0.5), LinkPolicy::Verdict::none);
  EXPECT_EQ(policy.next_attempt(), start + 25ms);
  policy.attempt_begins(start);
  EXPECT_EQ(policy.attempt_failed(ConnectFailure::ended, start, 0.5), LinkPolicy::Verdict::hint);
  EXPECT_EQ(policy.next_attempt(), start + 50ms);
}

TEST(LinkPolicy, TriesEachSecondWhileSomebodyNeedsTheLink) {
  LinkPolicy policy(Protocol::automatic, start);
  const Instant late = fail(policy, 40, start, ConnectFailure::unreachable);
  policy.attempt_begins(late);
  policy.attempt_failed(ConnectFailure::unreachable, late, longest);
  ASSERT_GT(*policy.next_attempt(), late + 9s);
  policy.hurry(late + 1ms);
  EXPECT_EQ(policy.next_attempt(), late + 1s);
  policy.attempt_begins(late + 1s);
  policy.attempt_failed(ConnectFailure::unreachable, late + 1s, longest);
  policy.hurry(late + 5s);
  EXPECT_EQ(policy.next_attempt(), late + 5s) << "the last one was long ago";
}

LinkPolicy with_brokers(std::size_t count) {
  return {Protocol::automatic, start, LinkPolicy::ClientId::own, count};
}

TEST(LinkPolicy, TriesEachBrokerAtOnceBeforeItPauses) {
  LinkPolicy policy = with_brokers(3);
  Instant now = start;
  for (const std::size_t broker : {0U, 1U, 2U}) {
    EXPECT_EQ(policy.broker(), broker);
    EXPECT_EQ(policy.next_attempt(), now);
    now += 10ms;
    policy.attempt_begins(now);
    policy.attempt_failed(ConnectFailure::unreachable, now, longest);
  }
  EXPECT_EQ(policy.broker(), 0u);
  EXPECT_GT(*policy.next_attempt(), now);
}

TEST(LinkPolicy, KeepsTheFirstBrokerThatAccepts) {
  LinkPolicy policy = with_brokers(2);
  policy.attempt_begins(start);
  policy.attempt_failed(ConnectFailure::refused, start, longest);
  bring_up(policy, start);
  EXPECT_EQ(policy.broker(), 1u);
  policy.link_lost(LinkLoss::broken, start + 1s, longest);
  EXPECT_EQ(policy.broker(), 1u) << "it has our session";
  policy.attempt_begins(start + 1s);
  policy.attempt_failed(ConnectFailure::unreachable, start + 1s, longest);
  EXPECT_EQ(policy.broker(), 0u);
  EXPECT_EQ(policy.next_attempt(), start + 1s);
}

TEST(LinkPolicy, LeavesABrokerThatIsSilent) {
  LinkPolicy policy = with_brokers(2);
  bring_up(policy, start);
  policy.link_lost(LinkLoss::silent, start + 1s, longest);
  EXPECT_EQ(policy.broker(), 1u);
  EXPECT_EQ(policy.next_attempt(), start + 1s);
}

TEST(LinkPolicy, LeavesABrokerThatEndsOneLinkAfterTheOther) {
  LinkPolicy policy = with_brokers(2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(policy.broker(), 0u);
    bring_up(policy, start);
    policy.link_lost(LinkLoss::told, start + 1ms, longest);
  }
  EXPECT_EQ(policy.broker(), 1u);
}

TEST(LinkPolicy, TriesAnOlderVersionWithTheBrokerThatRefusedTheNewest) {
  LinkPolicy policy = with_brokers(2);
  policy.attempt_begins(start);
  policy.attempt_failed(ConnectFailure::version_refused, start, longest);
  EXPECT_EQ(policy.broker(), 0u);
  EXPECT_EQ(policy.version(), MqttVersion::v3_1_1);
  policy.attempt_begins(start);
  policy.attempt_failed(ConnectFailure::unreachable, start, longest);
  EXPECT_EQ(policy.broker(), 1u);
  EXPECT_EQ(policy.version(), MqttVersion::v5) << "the other one may take it";
}

TEST(LinkPolicy, StaysAwayFromAllBrokersWhereItYields) {
  LinkPolicy policy = with_brokers(2);
  bring_up(policy, start);
  policy.link_lost(LinkLoss::taken_over, start + 10s, 0.0);
  EXPECT_EQ(policy.next_attempt(), start + 10s + limits::reconnect_cap / 2);
}

TEST(LinkPolicy, DoesNotHurryWhereItYields) {
  LinkPolicy policy(Protocol::automatic, start);
  bring_up(policy, start);
  policy.link_lost(LinkLoss::taken_over, start + 10s, 0.0);
  policy.hurry(start + 12s);
  EXPECT_EQ(policy.next_attempt(), start + 10s + limits::reconnect_cap / 2);
}

TEST(LinkPolicy, NeverFightsForItsClientId) {
  LinkPolicy policy(Protocol::automatic, start);
  bring_up(policy, start);
  policy.link_lost(LinkLoss::taken_over, start + 10s, 0.0);
  EXPECT_EQ(policy.next_attempt(), start + 10s + limits::reconnect_cap / 2);
}

}  // namespace
}  // namespace mqtt_bridge
