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
    policy.attempt_begins();
    policy.attempt_failed(failure, now, jitter);
  }
  return *policy.next_attempt();
}

void bring_up(LinkPolicy& policy, Instant now) {
  policy.attempt_begins();
  policy.link_is_up(now);
}

TEST(LinkPolicy, ConnectsAtOnceInTheNewestVersion) {
  const LinkPolicy policy(Protocol::automatic, start);
  EXPECT_EQ(policy.next_attempt(), start);
  EXPECT_EQ(policy.version(), MqttVersion::v5);
}

TEST(LinkPolicy, HasNoNextAttemptWhileOneRuns) {
  LinkPolicy policy(Protocol::automatic, start);
  policy.attempt_begins();
  EXPECT_EQ(policy.next_attempt(), std::nullopt);
}

TEST(LinkPolicy, ReconnectsAtOnceWhenAStableLinkIsLost) {
  LinkPolicy policy(Protocol::automatic, start);
  bring_up(policy, start);
  policy.link_lost(start + 1s, longest);
  EXPECT_EQ(policy.next_attempt(), start + 1s);
}

TEST(LinkPolicy, WaitsWhenALinkIsLostAsSoonAsItIsUp) {
  LinkPolicy policy(Protocol::automatic, start);
  bring_up(policy, start);
  policy.link_lost(start + 1s - 1ms, longest);
  EXPECT_GT(*policy.next_attempt(), start + 1s - 1ms);
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

TEST(LinkPolicy, NeverFightsForItsClientId) {
  LinkPolicy policy(Protocol::automatic, start);
  bring_up(policy, start);
  policy.taken_over(start + 10s, 0.0);
  EXPECT_EQ(policy.next_attempt(), start + 10s + limits::reconnect_cap / 2);
}

}  // namespace
}  // namespace mqtt_bridge
