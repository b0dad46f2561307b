// Which request a response answers where turns are taken, or where it has a key.
#include "base/limits/call.hpp"
#include "base/limits/exchange.hpp"
#include "exchange/scene.hpp"

namespace mqtt_bridge {
namespace {

// Actions without a content rule: turns -------------------------------------------------------

/// A scene whose calls are for an action that the table knows nothing of.
class TurnScene : public Scene {
 public:
  TurnScene() { up(); }
  ExchangeId call(std::string payload, Duration timeout = 5s) {
    return std::get<ExchangeId>(try_call_for("translate", std::move(payload), timeout));
  }
  void answer(std::string_view payload, bool duplicate = false) {
    table.response(
        {.topic = "alice/translate/response", .payload = payload, .duplicate = duplicate}, now);
  }
  void correlated_answer(ExchangeId exchange, std::string_view payload) {
    table.response({.topic = "alice/translate/response",
                    .payload = payload,
                    .correlation = correlation_of.at(exchange)},
                   now);
  }
};

TEST(Turns, AreTakenOneAfterTheOther) {
  TurnScene scene;
  const auto a = scene.call("a");
  const auto b = scene.call("b");
  EXPECT_THAT(scene.publish(), ElementsAre("a"));
  scene.answer("whatever");
  EXPECT_EQ(scene.outcome(a), "whatever by turn");
  EXPECT_THAT(scene.publish(), ElementsAre("b"));
  scene.answer("something else");
  EXPECT_EQ(scene.outcome(b), "something else by turn");
}

TEST(Turns, AreAnsweredFromTheFirstMomentOnWhereThereWasNoEarlierRun) {
  Scene scene;
  scene.up();
  const auto a = std::get<ExchangeId>(scene.try_call_for("translate", "a", 1s));
  EXPECT_THAT(scene.publish(), ElementsAre("a"));
  scene.table.response({.topic = "alice/translate/response", .payload = "whatever"}, scene.now);
  EXPECT_EQ(scene.outcome(a), "whatever by turn");
}

TEST(Turns, AreRefusedAtOnceWhereAnEarlierRunMayHaveLeftARequestBehind) {
  Scene scene({}, {.doubt = 60s, .turns = {"alice/translate/response"}});
  scene.up();
  scene.advance(18s);
  const auto refused = scene.try_call_for("translate", "x", 5s);
  const auto& failure = std::get<Failure>(refused);
  EXPECT_EQ(failure.problem, Problem::turn_pending);
  EXPECT_EQ(failure.retry_after, 42s);
  EXPECT_THAT(failure.detail, testing::AllOf(testing::HasSubstr("alice/translate/response"),
                                             testing::HasSubstr("42 s")));
  const std::string topic = "bob/translate/response";
  const auto other = std::get<ExchangeId>(scene.try_call_for("translate", "x", 5s, "bob"));
  scene.publish();
  scene.table.response({.topic = topic, .payload = "y"}, scene.now);
  EXPECT_EQ(scene.outcome(other), "y by turn") << "no turns were taken there";
}

TEST(Turns, LeaveTheNextRunOnlyWhatIsStillInDoubt) {
  Scene scene({}, {.doubt = 60s, .turns = {"alice/translate/response"}});
  scene.up();
  scene.advance(18s);
  EXPECT_EQ(scene.table.left_behind(scene.now).doubt, 42s);
  EXPECT_THAT(scene.table.left_behind(scene.now).turns, ElementsAre("alice/translate/response"));
  static_cast<void>(scene.try_call_for("translate", "x", 1s, "bob"));
  scene.publish();
  scene.advance(1s);
  EXPECT_EQ(scene.table.left_behind(scene.now).doubt, limits::turn_rest);
  EXPECT_THAT(scene.table.left_behind(scene.now).turns,
              ElementsAre("alice/translate/response", "bob/translate/response"));
  scene.advance(41s);
  EXPECT_THAT(scene.table.left_behind(scene.now).turns, ElementsAre("bob/translate/response"));
  scene.advance(limits::turn_rest);
  EXPECT_EQ(scene.table.left_behind(scene.now).doubt, 0s);
  EXPECT_THAT(scene.table.left_behind(scene.now).turns, IsEmpty());
}

TEST(Turns, BeginWhenTheDoubtAboutAnEarlierRunEnds) {
  Scene scene({}, {.doubt = 2s, .turns = {"alice/translate/response"}});
  scene.up();
  const auto a = std::get<ExchangeId>(scene.try_call_for("translate", "a", 5s));
  EXPECT_EQ(scene.table.next_deadline(), scene.now + 2s);
  scene.table.response({.topic = "alice/translate/response", .payload = "the earlier run's"},
                       scene.now);
  EXPECT_THAT(scene.publish(), IsEmpty()) << "there may be more of them";
  scene.advance(2s);
  EXPECT_THAT(scene.publish(), ElementsAre("a"));
  EXPECT_EQ(scene.outcome(a), "waits");
}

TEST(Turns, AreToldOnceForEachTopicUntilCorrelationDataComes) {
  TurnScene scene;
  const auto a = scene.call("a");
  const auto note = scene.table.next_turn_note();
  ASSERT_TRUE(note);
  EXPECT_EQ(note->topic, "alice/translate/response");
  EXPECT_TRUE(note->takes_turns);
  scene.call("b");
  EXPECT_FALSE(scene.table.next_turn_note());
  scene.publish();
  scene.correlated_answer(a, "a's");
  const auto end = scene.table.next_turn_note();
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->takes_turns);
}

TEST(Turns, AreRefusedAtOnceWithTheTrueTimeOnceOneEndedUnanswered) {
  TurnScene scene;
  scene.call("a", 1s);
  const auto queued = scene.call("queued", 30s);
  const auto patient = scene.call("patient", 2min);
  scene.publish();
  scene.advance(1s);
  EXPECT_EQ(scene.outcome(queued), "turn-pending") << "its turn could not come in time";
  EXPECT_EQ(scene.outcome(patient), "waits");
  scene.advance(10s);
  const auto refused = scene.try_call_for("translate", "x", 5s);
  EXPECT_EQ(std::get<Failure>(refused).problem, Problem::turn_pending);
  EXPECT_EQ(std::get<Failure>(refused).retry_after, limits::turn_rest - 10s);
}

TEST(Turns, AreNoLongerNeededOnceALateAnswerBringsCorrelationData) {
  TurnScene scene;
  const auto a = scene.call("a", 1s);
  scene.publish();
  scene.advance(1s);
  EXPECT_TRUE(std::holds_alternative<Failure>(scene.try_call_for("translate", "b", 5s)));
  scene.correlated_answer(a, "a's");
  EXPECT_EQ(scene.table.dropped()[static_cast<std::size_t>(Dropped::late)], 1u);
  scene.try_call_for("translate", "b", 5s);
  EXPECT_THAT(scene.publish(), ElementsAre("b"));
}

TEST(Turns, RestForAsLongAsIsAskedFor) {
  Scene scene({.turn_rest = 3s});
  scene.up();
  scene.try_call_for("translate", "a", 1s);
  scene.publish();
  scene.advance(1s);
  EXPECT_TRUE(std::holds_alternative<Failure>(scene.try_call_for("translate", "b", 1s)));
  scene.advance(3s);
  scene.try_call_for("translate", "b", 1s);
  EXPECT_THAT(scene.publish(), ElementsAre("b"));
}

TEST(Turns, DoNotRestForARequestThatReachedNoSubscriber) {
  TurnScene scene;
  const auto a = scene.call("a");
  ASSERT_TRUE(scene.table.next_publish(scene.now));
  scene.table.acknowledged(a, Subscribers::none, scene.now);
  EXPECT_EQ(scene.outcome(a), "no-responder");
  scene.call("b");
  EXPECT_THAT(scene.publish(), ElementsAre("b"));
}

TEST(Turns, WaitUntilALateAnswerCanNoLongerCome) {
  TurnScene scene;
  scene.call("a", 1s);
  scene.publish();
  scene.advance(1s);
  const auto b = scene.call("b", limits::turn_rest + 1s);
  scene.advance(limits::turn_rest - 1ns);
  EXPECT_THAT(scene.publish(), IsEmpty());
  EXPECT_EQ(scene.table.next_deadline(), scene.now + 1ns);
  scene.advance(1ns);
  EXPECT_THAT(scene.publish(), ElementsAre("b"));
  EXPECT_EQ(scene.outcome(b), "waits");
}

TEST(Turns, GoOnWhenTheLateAnswerHasCome) {
  TurnScene scene;
  scene.call("a", 1s);
  scene.publish();
  scene.advance(1s);
  const auto b = scene.call("b", 2min);
  scene.answer("a's");
  EXPECT_EQ(scene.outcome(b), "waits");
  EXPECT_EQ(scene.table.dropped(Dropped::unmatched), 1u);
  EXPECT_THAT(scene.publish(), ElementsAre("b"));
  scene.answer("b's");
  EXPECT_EQ(scene.outcome(b), "b's by turn");
}

TEST(Turns, AreNotTakenByWhatTheBrokerDeliversOnceMore) {
  TurnScene scene;
  scene.call("a");
  const auto b = scene.call("b");
  scene.publish();
  scene.answer("a's");
  scene.publish();
  scene.answer("a's", true);
  EXPECT_EQ(scene.outcome(b), "waits");
  scene.answer("b's", true);
  EXPECT_EQ(scene.outcome(b), "b's by turn") << "it had not come before";
}

TEST(Turns, AreNotTakenByALateAnswerThatTheBrokerDeliversOnceMore) {
  TurnScene scene;
  scene.call("a", 1s);
  scene.publish();
  scene.advance(1s);
  const auto b = scene.call("b", 2min);
  scene.answer("a's");
  scene.publish();
  scene.answer("a's", true);
  EXPECT_EQ(scene.outcome(b), "waits");
}

TEST(Turns, AreNoLongerNeededOnceCorrelationDataCameBack) {
  TurnScene scene;
  const auto a = scene.call("a");
  const auto b = scene.call("b");
  const auto c = scene.call("c");
  scene.publish();
  scene.correlated_answer(a, "a's");
  EXPECT_THAT(scene.publish(), ElementsAre("b", "c"));
  scene.correlated_answer(c, "c's");
  scene.answer("anybody's");
  EXPECT_EQ(scene.outcome(b), "waits");
  scene.correlated_answer(b, "b's");
  EXPECT_EQ(scene.outcome(b), "b's by correlation");
  EXPECT_EQ(scene.outcome(c), "c's by correlation");
}

TEST(Turns, AreStillNeededWhenSomebodyElsesCorrelationDataComes) {
  TurnScene scene;
  scene.call("a");
  scene.call("b");
  EXPECT_THAT(scene.publish(), ElementsAre("a"));
  scene.table.response({.topic = "alice/translate/response", .payload = "x", .correlation = "x"},
                       scene.now);
  EXPECT_THAT(scene.publish(), IsEmpty());
}

TEST(Turns, AreNeededAgainOnceAResponderSendsNoneAnyMore) {
  TurnScene scene;
  const auto a = scene.call("a");
  scene.publish();
  scene.correlated_answer(a, "a's");
  const auto b = scene.call("b", 1s);
  scene.publish();
  scene.answer("b's");
  EXPECT_EQ(scene.outcome(b), "waits");
  scene.advance(1s);
  EXPECT_EQ(scene.outcome(b), "unmatched-response");
  scene.advance(limits::memory_age);
  const auto c = scene.call("c");
  scene.call("d");
  EXPECT_THAT(scene.publish(), ElementsAre("c"));
  scene.answer("c's");
  EXPECT_EQ(scene.outcome(c), "c's by turn");
}

TEST(Turns, AreNotAnsweredBeforeTheyArePublished) {
  TurnScene scene;
  scene.down();
  const auto a = scene.call("a");
  scene.answer("somebody else's");
  EXPECT_EQ(scene.outcome(a), "waits");
  scene.up(true);
  scene.publish();
  scene.answer("a's");
  EXPECT_EQ(scene.outcome(a), "a's by turn");
}

TEST(Turns, LeaveNoQuarantineBehindThatHasEnded) {
  TurnScene scene;
  for (int i = 0; i < 10; ++i) {
    scene.call("a", 1s);
    scene.publish();
    scene.advance(1s);
    scene.answer("late");
    scene.outcome(0);
  }
  scene.table.next_turn_note();
  for (const auto& fill : scene.table.fills()) {
    if (fill.empties) {
      EXPECT_EQ(fill.entries, 0u) << fill.table;
    }
  }
}

TEST(Turns, ArePublishedOnceWhateverBecomesOfThem) {
  TurnScene scene;
  const auto a = scene.call("a", 10s);
  ASSERT_TRUE(scene.table.next_publish(scene.now));
  scene.down();
  scene.up();
  scene.advance(5s);
  EXPECT_THAT(scene.publish(), IsEmpty());
  scene.advance(5s);
  EXPECT_EQ(scene.outcome(a), "response-timeout");
}

TEST(Turns, AreWaitedForByAsManyAsTheBoundAndNoMore) {
  TurnScene scene;
  for (std::size_t i = 0; i <= limits::turn_queue; ++i)  // one of them has its turn
    scene.call("x", 1s);
  const auto refused = scene.try_call_for("translate", "x", 1s);
  EXPECT_EQ(std::get<Failure>(refused).problem, Problem::overloaded);
}

TEST(Turns, AreTakenOnAsManyTopicsAsTheBoundAndNoMore) {
  TurnScene scene;
  const auto begin = [&](std::size_t netid) {
    return scene.table.begin(transform_request({.netid = std::to_string(netid),
                                                .action = "translate",
                                                .payload = "",
                                                .correlation = std::to_string(netid),
                                                .arrived = scene.now,
                                                .deadline = scene.now + 1s}));
  };
  for (std::size_t i = 0; i < limits::turn_topics; ++i)
    ASSERT_TRUE(std::holds_alternative<ExchangeId>(begin(i))) << i;
  EXPECT_TRUE(std::holds_alternative<Failure>(begin(limits::turn_topics)));
  scene.advance(1s);  // nothing was published: no topic is owed anything
  EXPECT_TRUE(std::holds_alternative<ExchangeId>(begin(limits::turn_topics)));
}

TEST(Exchanges, PublishNothingForACallerThatHasGone) {
  Scene scene;
  const auto a = scene.call("a");
  const auto b = scene.call("b");
  scene.table.withdraw(a, scene.now);
  EXPECT_EQ(scene.outcome(a), "broker-unavailable") << "it may still read that";
  scene.up();
  EXPECT_THAT(scene.publish(), ElementsAre("b"));
  scene.table.withdraw(b, scene.now);
  scene.answer("B");
  EXPECT_EQ(scene.outcome(b), "B by content") << "what is published is published";
  scene.table.withdraw(b, scene.now);
}

// Keys ----------------------------------------------------------------------------------------

/// Requests whose responses have a key.
class Keys : public testing::Test {
 protected:
  Keys() { scene_.up(); }

  std::variant<ExchangeId, Failure> ask(std::string response_topic, Matching matching) {
    return scene_.table.begin({.request_topic = "plant/get",
                               .response_topic = std::move(response_topic),
                               .payload = "{}",
                               .matching = std::move(matching),
                               .fairness_key = "plant",
                               .correlation = "correlation " + std::to_string(++calls_),
                               .arrived = scene_.now,
                               .deadline = scene_.now + 5s});
  }
  ExchangeId ask_by_topic(const std::string& topic) {
    return std::get<ExchangeId>(ask(topic, MatchByTopic{}));
  }
  ExchangeId ask_by_id(const std::string& id, const std::string& pointer = "/id") {
    return std::get<ExchangeId>(ask("plant/said", MatchById{pointer, id}));
  }
  void say(std::string_view topic, std::string_view payload) {
    scene_.table.response({.topic = topic, .payload = payload}, scene_.now);
  }

  Scene scene_;
  int calls_ = 0;
};

TEST_F(Keys, InTheTopicFindTheRequest) {
  const auto a = ask_by_topic("plant/said/1");
  const auto b = ask_by_topic("plant/said/2");
  scene_.publish();
  say("plant/said/3", "nobody's");
  say("plant/said/2", "two");
  say("plant/said/2", "two again");
  say("plant/said/1", "one");
  EXPECT_EQ(scene_.outcome(a), "one by topic");
  EXPECT_EQ(scene_.outcome(b), "two by topic");
  EXPECT_EQ(scene_.table.dropped(Dropped::unmatched), 2u);
}

TEST_F(Keys, InTheJsonFindTheRequest) {
  const auto a = ask_by_id("1");
  const auto b = ask_by_id("2");
  const auto c = ask_by_id("2", "/re/0/id");
  scene_.publish();
  say("plant/said", R"({"re":[{"id":2}]})");
  say("plant/said", R"({"id":"2","n":1})");
  say("plant/said", R"({"id":"2","n":2})");
  say("plant/said", R"({"id":"1"})");
  EXPECT_EQ(scene_.outcome(a), R"({"id":"1"} by id)");
  EXPECT_EQ(scene_.outcome(b), R"({"id":"2","n":1} by id)");
  EXPECT_EQ(scene_.outcome(c), R"({"re":[{"id":2}]} by id)");
  EXPECT_EQ(scene_.table.dropped(Dropped::unmatched), 1u);
}

TEST_F(Keys, AreNotFoundInWhatHasNone) {
  const auto a = ask_by_id("1");
  scene_.publish();
  const std::vector<std::string> others{"",
                                        "1",
                                        "{",
                                        R"({"id":"11"})",
                                        R"({"id":1.0})",
                                        R"({"id":["1"]})",
                                        "\xff",
                                        R"({"re":{"id":"1"}})",
                                        R"({"id":null})"};
  for (const auto& other : others)
    say("plant/said", other);
  EXPECT_EQ(scene_.table.dropped(Dropped::unmatched), others.size());
  say("plant/said", R"({"id":"1","text":")" + std::string(limits::id_bytes, 'x') + R"("})");
  EXPECT_EQ(scene_.table.dropped(Dropped::unchecked), 1u);
  scene_.advance(5s);
  EXPECT_EQ(scene_.outcome(a), "unmatched-response");
}

TEST_F(Keys, AreOfOneRequestOnly) {
  ask_by_id("1");
  const auto second = ask("plant/said", MatchById{"/id", "1"});
  EXPECT_EQ(std::get<Failure>(second).problem, Problem::overloaded);
  EXPECT_TRUE(std::holds_alternative<ExchangeId>(ask("plant/other", MatchById{"/id", "1"})));
}

TEST_F(Keys, AreNoneBeforeTheRequestIsPublished) {
  const auto a = ask_by_topic("plant/said/1");
  say("plant/said/1", "early");
  EXPECT_EQ(scene_.outcome(a), "waits");
  EXPECT_EQ(scene_.table.dropped(Dropped::wrong_topic), 1u);
}

TEST_F(Keys, CountForLessThanCorrelationData) {
  const auto a = ask_by_id("1");
  const auto b = ask_by_id("2");
  scene_.publish();
  scene_.table.response(
      {.topic = "plant/said", .payload = R"({"id":"1"})", .correlation = "correlation 2"},
      scene_.now);
  EXPECT_EQ(scene_.outcome(a), "waits");
  EXPECT_EQ(scene_.outcome(b), R"({"id":"1"} by correlation)");
}

TEST_F(Keys, LeaveNothingBehind) {
  ask_by_id("1");
  ask_by_id("2", "/re/id");
  ask_by_topic("plant/said/1");
  scene_.publish();
  scene_.advance(5s);
  for (const auto& fill : scene_.table.fills()) {
    if (fill.empties && fill.table != "ended") {
      EXPECT_EQ(fill.entries, 0u) << fill.table;
    }
  }
}

}  // namespace
}  // namespace mqtt_bridge
