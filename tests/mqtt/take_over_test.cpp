#include "mqtt/take_over.hpp"

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using Verdict = TakeOverEvidence::Verdict;

/// Links that live so long, one after the other, until the verdict is `wanted`; how many, or 0.
int links_until(Verdict wanted, Duration life, bool is_forgotten = false) {
  TakeOverEvidence evidence;
  for (int links = 1; links < 100; ++links) {
    evidence.link_is_up(is_forgotten);
    if (evidence.link_broke(life) == wanted)
      return links;
  }
  return 0;
}

TEST(TakeOverEvidence, IsThatConnectionsOnWhichNothingWasSentEndAsSoonAsTheyAreMade) {
  TakeOverEvidence evidence;
  for (int link = 0; link < 3; ++link) {
    EXPECT_EQ(evidence.quiet_time(), Duration(0));
    evidence.link_is_up(false);
    EXPECT_NE(evidence.link_broke(3ms), Verdict::taken_over);
  }
  EXPECT_EQ(evidence.quiet_time(), 100ms);
  EXPECT_EQ(evidence.connection_ended(true), Verdict::hint);
  EXPECT_EQ(evidence.quiet_time(), 100ms);
  EXPECT_EQ(evidence.connection_ended(true), Verdict::taken_over);
}

TEST(TakeOverEvidence, IsNotThatConnectionsBreakOnWhatWeSend) {
  TakeOverEvidence evidence;
  for (int link = 0; link < 100; ++link) {
    evidence.link_is_up(false);
    EXPECT_NE(evidence.link_broke(3ms), Verdict::taken_over);
    EXPECT_NE(evidence.connection_ended(false), Verdict::taken_over) << "perhaps on a SUBSCRIBE";
  }
}

TEST(TakeOverEvidence, IsThatTheBrokerForgetsSessionsThatItPromisedToKeep) {
  EXPECT_EQ(links_until(Verdict::taken_over, 200ms, true), 4);
  EXPECT_EQ(links_until(Verdict::taken_over, 60s, true), 4);
  EXPECT_EQ(links_until(Verdict::taken_over, 120s, true), 0) << "now and then one is forgotten";
}

TEST(TakeOverEvidence, IsNotThatANetworkDropsConnections) {
  for (const Duration life : {Duration(100ms), Duration(1s), Duration(1h)})
    EXPECT_EQ(links_until(Verdict::taken_over, life), 0);
}

TEST(TakeOverEvidence, HintsAtItWhenConnectionsBreakAgainAndAgain) {
  for (const Duration life : {Duration(1s), Duration(30s), Duration(119s)})
    EXPECT_EQ(links_until(Verdict::hint, life), 5);
  EXPECT_EQ(links_until(Verdict::hint, 120s), 0) << "no client stays away for longer";
}

TEST(TakeOverEvidence, SuspectsALinkAfterAHintUntilItHasLivedLongerThanAnyClientStaysAway) {
  TakeOverEvidence evidence;
  EXPECT_FALSE(evidence.is_suspected(0s));
  for (int link = 0; link < 5; ++link) {
    evidence.link_is_up(false);
    evidence.link_broke(6s);
  }
  EXPECT_TRUE(evidence.is_suspected(119s));
  EXPECT_FALSE(evidence.is_suspected(120s));
  evidence.forget();
  EXPECT_FALSE(evidence.is_suspected(0s));
}

TEST(TakeOverEvidence, SuspectsALinkOnceAnotherClientIsKnown) {
  TakeOverEvidence evidence;
  evidence.is_certain();
  EXPECT_TRUE(evidence.is_suspected(0s));
}

TEST(TakeOverEvidence, IsForgottenWhenTheBrokerWasNotThere) {
  TakeOverEvidence evidence;
  for (int link = 0; link < 100; ++link) {
    evidence.link_is_up(true);
    EXPECT_EQ(evidence.link_broke(3ms), Verdict::none);
    evidence.forget();
  }
}

TEST(TakeOverEvidence, NeedsOneConnectionOnlyOnceItIsKnown) {
  TakeOverEvidence evidence;
  evidence.is_certain();
  EXPECT_EQ(evidence.quiet_time(), 100ms);
  EXPECT_EQ(evidence.connection_ended(true), Verdict::taken_over);
  EXPECT_EQ(evidence.quiet_time(), 100ms);
  evidence.link_is_up(false);
  EXPECT_EQ(evidence.link_broke(10s), Verdict::none) << "the other client is gone";
  EXPECT_EQ(evidence.quiet_time(), Duration(0));
}

}  // namespace
}  // namespace mqtt_bridge
