// What is published next and again, and what becomes of requests that may break the connection.
#include "base/limits/exchange.hpp"
#include "base/limits/mqtt.hpp"
#include "exchange/scene.hpp"

namespace mqtt_bridge {
namespace {

// Suspects: what may have broken the connection ---------------------------------------------------

TEST(Suspects, GoOutOneAtATimeAfterTheConnectionBroke) {
  Scene scene;
  scene.up();
  for (const char* const text : {"a", "b", "c"})
    scene.call(text);
  while (scene.table.next_publish(scene.now)) {
  }
  scene.down();
  scene.up(true);
  scene.call("new");
  for (const std::string text : {"a", "b", "c"}) {
    const auto next = scene.table.next_publish(scene.now);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->payload, text);
    EXPECT_FALSE(scene.table.next_publish(scene.now)) << "it must be alone";
    scene.table.acknowledged(next->exchange, Subscribers::perhaps, scene.now);
  }
  EXPECT_THAT(scene.publish(), ElementsAre("new"));
}

/// A broker that ends the connection on each request whose text begins with "deadly", and
/// acknowledges all others.
class DeadlyScene : public Scene {
 public:
  DeadlyScene() { up(); }

  /// Publishes all there is, over as many connections as it takes; how many of them broke.
  int publish_all() {
    int broken = 0;
    std::vector<ExchangeId> unacknowledged;
    for (int pauses = 0; pauses < 2;) {
      if (const auto next = table.next_publish(now)) {
        pauses = 0;
        unacknowledged.push_back(next->exchange);
        if (!next->payload.starts_with("deadly"))
          continue;
        ++broken;
        unacknowledged.clear();
        down();
        advance(5ms);
        up(true);
      } else if (unacknowledged.empty()) {
        ++pauses;
        advance(limits::trial_pause);
      }
      for (const auto id : std::exchange(unacknowledged, {}))
        table.acknowledged(id, Subscribers::perhaps, now);
    }
    return broken;
  }
};

TEST(Suspects, AreEndedOnlyWhenTheyBreakConnectionsAlone) {
  DeadlyScene scene;
  const auto a = scene.call("a");
  const auto deadly = scene.call("deadly");
  const auto b = scene.call("b");
  EXPECT_EQ(scene.publish_all(), 1 + limits::suspect_trials);
  EXPECT_EQ(scene.outcome(deadly), "broker-refused");
  EXPECT_EQ(scene.outcome(a), "waits");
  EXPECT_EQ(scene.outcome(b), "waits");
  scene.answer("A");
  scene.answer("B");
  EXPECT_EQ(scene.outcome(a), "A by content");
  EXPECT_EQ(scene.outcome(b), "B by content");
}

TEST(Suspects, OfTheSameKindAreRefusedForAWhileThatGrows) {
  DeadlyScene scene;
  scene.call("deadly");
  scene.publish_all();
  for (const Duration pause : {1s, 2s, 4s}) {
    const auto refused = scene.try_call("deadly");
    ASSERT_TRUE(std::holds_alternative<Failure>(refused));
    const auto& failure = std::get<Failure>(refused);
    EXPECT_EQ(failure.problem, Problem::broker_refused);
    EXPECT_GT(failure.retry_after, 0s);
    EXPECT_LE(failure.retry_after, pause);
    EXPECT_TRUE(std::holds_alternative<ExchangeId>(scene.try_call("ok"))) << "it is smaller";
    scene.advance(pause);
    scene.try_call("deadly");
    EXPECT_EQ(scene.publish_all(), limits::suspect_trials) << "it goes out alone from the start";
  }
}

TEST(Suspects, ThatAreQueuedAreRefusedTooAndNotPublished) {
  DeadlyScene scene;
  std::vector<ExchangeId> calls;
  for (int i = 0; i < 10; ++i)
    calls.push_back(scene.call("deadly"));
  EXPECT_LE(scene.publish_all(), 1 + limits::suspect_trials);
  for (const auto call : calls)
    EXPECT_EQ(scene.outcome(call), "broker-refused");
}

TEST(Suspects, ThatShrinkBreakFewConnections) {
  DeadlyScene scene;
  int broken = 0;
  for (std::size_t size = 400; size > 6; --size) {
    scene.try_call("deadly" + std::string(size, 'x'));
    broken += scene.publish_all();
    scene.advance(1ms);
  }
  EXPECT_LE(broken, 30);
}

TEST(Suspects, UnderFreshNamesBreakFewConnections) {
  DeadlyScene scene;
  int broken = 0;
  int others = 0;
  const auto end = scene.now + 10s;
  for (int i = 0; scene.now < end; ++i) {
    scene.try_call("deadly", Action::uppercase, 1s, "netid " + std::to_string(i));
    const auto other = scene.try_call("other", Action::uppercase, 1s, "bob");
    ASSERT_TRUE(std::holds_alternative<ExchangeId>(other));
    broken += scene.publish_all();
    scene.table.response({.topic = "bob/uppercase/response", .payload = "OTHER"}, scene.now);
    others += scene.outcome(std::get<ExchangeId>(other)) == "OTHER by content" ? 1 : 0;
    scene.advance(20ms);
  }
  EXPECT_GT(others, 10);
  EXPECT_LE(broken, 10 * 7);  // one in limits::trial_pause
}

TEST(Suspects, UnderFreshNamesDoNotKeepThoseWaitingThatWereThereBefore) {
  DeadlyScene scene;
  scene.call("small");
  scene.publish_all();
  scene.answer("SMALL");
  scene.advance(1h);
  for (int i = 0; i < 5; ++i)  // each waits for its trial
    scene.try_call("deadly", Action::uppercase, 10s, "netid " + std::to_string(i));
  scene.table.next_publish(scene.now);
  scene.down();
  scene.up(true);
  const auto larger = scene.call("not so small", Action::uppercase, 10s);
  // The first trial breaks the connection; the next one is not due yet.
  ASSERT_EQ(scene.table.next_publish(scene.now)->payload, "deadly");
  scene.down();
  scene.up(true);
  const auto next = scene.table.next_publish(scene.now);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->exchange, larger);
}

TEST(Suspects, AreNotBlamedForABrokerThatWasAway) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello", Action::uppercase, 60s);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(scene.table.next_publish(scene.now));
    scene.down();
    scene.table.link_down("there is no broker", scene.now);
    scene.advance(100ms);
    scene.up(true);
  }
  EXPECT_EQ(scene.outcome(a), "waits");
}

TEST(Suspects, AreNotBlamedForAConnectionThatWentSilent) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello", Action::uppercase, 60s);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(scene.table.next_publish(scene.now));
    scene.advance(limits::puback_timeout);
    scene.down();
    scene.up(true);
  }
  EXPECT_EQ(scene.outcome(a), "waits");
}

TEST(Suspects, AreNoneWhereWeEndedTheConnectionOurselves) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello", Action::uppercase, 60s);
  const auto b = scene.call("hullo", Action::uppercase, 60s);
  for (int i = 0; i < 2 * limits::lost_publishes; ++i) {
    ASSERT_TRUE(scene.table.next_publish(scene.now));
    ASSERT_TRUE(scene.table.next_publish(scene.now)) << "not one at a time";
    scene.table.link_down("connecting anew, with other credentials", scene.now, LinkEnd::other);
    scene.advance(1ms);
    scene.up(true);
  }
  EXPECT_EQ(scene.outcome(a), "waits");
  EXPECT_EQ(scene.outcome(b), "waits");
}

TEST(Suspects, ThatAreOnTrialWhenWeEndTheConnectionAreTriedAgain) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello", Action::uppercase, 60s);
  const auto b = scene.call("hullo", Action::uppercase, 60s);
  ASSERT_TRUE(scene.table.next_publish(scene.now));
  ASSERT_TRUE(scene.table.next_publish(scene.now));
  scene.down();
  scene.up(true);
  for (int i = 0; i < 2 * limits::suspect_trials; ++i) {
    ASSERT_TRUE(scene.table.next_publish(scene.now));
    EXPECT_FALSE(scene.table.next_publish(scene.now)) << "it is alone";
    scene.table.link_down("connecting anew, with other credentials", scene.now, LinkEnd::other);
    scene.up(true);
  }
  EXPECT_EQ(scene.outcome(a), "waits");
  EXPECT_EQ(scene.outcome(b), "waits");
}

}  // namespace
}  // namespace mqtt_bridge
