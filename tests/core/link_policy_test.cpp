#include "core/link_policy.hpp"

#include <gtest/gtest.h>

#include "core/limits.hpp"

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
  policy.link_is_up(true, now);
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
  policy.link_lost(start + 1s, longest);
  EXPECT_EQ(policy.next_attempt(), start + 1s);
}

TEST(LinkPolicy, WaitsOnceThreeLinksInARowWereLostAsSoonAsTheyWereUp) {
  LinkPolicy policy(Protocol::automatic, start);
  Instant now = start;
  for (int i = 0; i < 2; ++i) {
    bring_up(policy, now);
    now += 100ms - 1ns;
    policy.link_lost(now, longest);
    ASSERT_EQ(policy.next_attempt(), now);
  }
  bring_up(policy, now);
  now += 100ms - 1ns;
  policy.link_lost(now, longest);
  EXPECT_GT(*policy.next_attempt(), now);
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
  policy.link_lost(now + 1s, longest);
  fail(policy, 2, now + 1s, ConnectFailure::closed);
  fail(policy, 100, now + 1s, ConnectFailure::unreachable);
  EXPECT_EQ(policy.version(), MqttVersion::v3_1_1);
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
    policy.link_lost(now + 200ms, longest);
    ASSERT_EQ(policy.next_attempt(), now + 200ms);
  }
}

/// A link that breaks after `life` and is up again at once; how often until a take-over is seen.
int losses_until_taken_over(bool session_present, Duration life,
                            LinkPolicy::ClientId client_id = LinkPolicy::ClientId::configured) {
  LinkPolicy policy(Protocol::automatic, start, client_id);
  Instant now = start;
  for (int losses = 1; losses < 100; ++losses) {
    policy.attempt_begins(now);
    policy.link_is_up(session_present, now);
    now += life;
    if (policy.link_lost(now, 0.0) == LinkPolicy::Loss::taken_over) {
      EXPECT_EQ(policy.next_attempt(), now + limits::reconnect_cap / 2);
      return losses;
    }
  }
  return 0;
}

TEST(LinkPolicy, SeesATakeOverThatTheBrokerDoesNotTell) {
  EXPECT_EQ(losses_until_taken_over(false, 10s - 1ns), 5);
}

TEST(LinkPolicy, TakesNoBrokenConnectionForATakeOver) {
  EXPECT_EQ(losses_until_taken_over(true, 200ms), 0) << "the session was kept";
  EXPECT_EQ(losses_until_taken_over(false, 10s), 0) << "the links lived long";
  EXPECT_EQ(losses_until_taken_over(false, 200ms, LinkPolicy::ClientId::made_up), 0)
      << "nobody else has this client id";
}

TEST(LinkPolicy, TakesNoRestartOfTheBrokerForATakeOver) {
  LinkPolicy policy(Protocol::automatic, start);
  Instant now = start;
  for (int i = 0; i < 10; ++i) {
    policy.attempt_begins(now);
    policy.link_is_up(false, now);
    now += 1s;
    EXPECT_EQ(policy.link_lost(now, longest), LinkPolicy::Loss::broken);
    policy.attempt_begins(now);
    policy.attempt_failed(ConnectFailure::unreachable, now, longest);
    now = *policy.next_attempt();
  }
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

TEST(LinkPolicy, DoesNotHurryWhereItYields) {
  LinkPolicy policy(Protocol::automatic, start);
  bring_up(policy, start);
  policy.taken_over(start + 10s, 0.0);
  policy.hurry(start + 12s);
  EXPECT_EQ(policy.next_attempt(), start + 10s + limits::reconnect_cap / 2);
}

TEST(LinkPolicy, NeverFightsForItsClientId) {
  LinkPolicy policy(Protocol::automatic, start);
  bring_up(policy, start);
  policy.taken_over(start + 10s, 0.0);
  EXPECT_EQ(policy.next_attempt(), start + 10s + limits::reconnect_cap / 2);
}

}  // namespace
}  // namespace mqtt_bridge
