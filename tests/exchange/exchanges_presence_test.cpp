// What follows from who is there to answer.
#include "base/limits/exchange.hpp"
#include "exchange/scene.hpp"

namespace mqtt_bridge {
namespace {

// What the broker says of its subscribers -----------------------------------------------------

TEST(Subscribers, EndACallAtOnceWhenThereAreNone) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello");
  scene.table.next_publish(scene.now);
  scene.table.acknowledged(a, Subscribers::none, scene.now);
  const auto ended = scene.table.next_ended();
  ASSERT_TRUE(ended);
  EXPECT_EQ(std::get<Failure>(ended->outcome).problem, Problem::no_responder);
  EXPECT_THAT(std::get<Failure>(ended->outcome).detail,
              testing::HasSubstr("alice/uppercase/request"));
}

TEST(Subscribers, CountMoreThanPresence) {
  Scene scene;
  scene.up();
  scene.table.announced("one", {"uppercase"});
  scene.table.gone("one", scene.now);
  scene.advance(limits::return_grace);
  const auto first = scene.call("first");  // one call in each second is published all the same
  scene.table.next_publish(scene.now);
  scene.table.acknowledged(first, Subscribers::none, scene.now);
  EXPECT_EQ(scene.outcome(first), "no-responder");
  for (int i = 0; i < 3; ++i) {  // a broker that says so is asked each time
    const auto call = scene.call("hello");
    ASSERT_TRUE(scene.table.next_publish(scene.now));
    scene.table.acknowledged(call, Subscribers::perhaps, scene.now);
    scene.answer("HELLO");
    EXPECT_EQ(scene.outcome(call), "HELLO by content") << "a student's responder was started";
  }
}

TEST(Subscribers, AreWaitedForWhileTheyMayComeBackWithTheBroker) {
  Scene scene;
  scene.up();
  scene.down();
  scene.advance(300ms);
  scene.up(false);
  const auto a = scene.call("hello");
  scene.table.next_publish(scene.now);
  scene.table.acknowledged(a, Subscribers::none, scene.now);
  EXPECT_EQ(scene.outcome(a), "waits");
  scene.table.announced("one", {"uppercase"}, Heard::live);
  EXPECT_THAT(scene.publish(), ElementsAre("hello"));
  scene.answer("HELLO");
  EXPECT_EQ(scene.outcome(a), "HELLO by content");
}

TEST(Subscribers, AreWaitedForOnlySoLongAfterTheBrokerCameBack) {
  Scene scene;
  scene.up();
  scene.down();
  scene.up(false);
  const auto a = scene.call("hello");
  for (int i = 0; i < 40 && scene.outcome(a) == "waits"; ++i) {
    if (scene.table.next_publish(scene.now))
      scene.table.acknowledged(a, Subscribers::none, scene.now);
    scene.advance(50ms);
  }
  EXPECT_EQ(scene.outcome(a), "no-responder");
  EXPECT_LE(scene.now, Instant{} + limits::return_grace + 100ms);
}

TEST(Subscribers, ThatWereThereBeforeMayStillAnswer) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello", Action::uppercase, 60s);
  scene.publish();
  scene.down();
  scene.up(false);
  scene.advance(2s);
  ASSERT_TRUE(scene.table.next_publish(scene.now));
  scene.table.acknowledged(a, Subscribers::none, scene.now);
  EXPECT_EQ(scene.outcome(a), "waits");
  scene.answer("HELLO");
  EXPECT_EQ(scene.outcome(a), "HELLO by content");
}

TEST(Subscribers, ThatAreGoneAreAskedForOnceMoreBeforeACallInFlightIsEnded) {
  for (const Subscribers subscribers : {Subscribers::none, Subscribers::perhaps}) {
    Scene scene;
    scene.up();
    const auto other = scene.call("other", Action::reverse);
    scene.table.next_publish(scene.now);
    scene.table.acknowledged(other, Subscribers::none, scene.now);  // this broker says it
    scene.table.announced("one", {"uppercase"});
    const auto a = scene.call("hello");
    scene.publish();
    scene.table.gone("one", scene.now);
    scene.advance(grace);
    ASSERT_TRUE(scene.table.next_publish(scene.now));
    scene.table.acknowledged(a, subscribers, scene.now);
    EXPECT_EQ(scene.outcome(a), subscribers == Subscribers::none ? "no-responder" : "waits");
  }
}

TEST(Subscribers, ThatGotARequestAfterTheRespondersWereGoneMayAnswerIt) {
  for (const bool has_reason_codes : {true, false}) {
    Scene scene;
    scene.table.link_up(
        {.session_present = false, .window = window, .may_tell_subscribers = has_reason_codes},
        scene.now);
    scene.table.announced("one", {"uppercase", "morse"});
    const auto before = std::get<ExchangeId>(scene.try_call_for("morse", "hi", 5s));
    scene.publish();
    scene.advance(1ms);
    scene.table.gone("one", scene.now);
    const auto a = scene.call("hello");
    const auto own = std::get<ExchangeId>(scene.try_call_for("morse", "ho", 5s, "bob"));
    scene.publish();
    scene.advance(limits::return_grace);
    scene.publish();
    EXPECT_EQ(scene.outcome(before), "no-responder");
    EXPECT_EQ(scene.outcome(a), has_reason_codes ? "waits" : "no-responder");
    EXPECT_EQ(scene.outcome(own), has_reason_codes ? "waits" : "no-responder");
  }
}

// Who answers: presence -----------------------------------------------------------------------

/// Whether a second call is refused while presence says that all responders are gone. The first one
/// is published all the same.
bool refuses_for_presence(Scene& scene) {
  scene.try_call("the one in each second");
  scene.publish();
  const auto second = scene.try_call("hello");
  const auto* const failure = std::get_if<Failure>(&second);
  return failure != nullptr && failure->problem == Problem::no_responder;
}

TEST(Exchanges, SaysAtOnceThatEveryResponderIsGone) {
  Scene scene;
  scene.up();
  scene.table.announced("one", {"uppercase", "reverse"});
  scene.table.announced("two", {"uppercase"});
  scene.table.gone("two", scene.now);
  scene.advance(grace);
  const auto a = scene.call("hello");
  scene.publish();
  scene.table.gone("one", scene.now);
  scene.advance(grace - 1ns);
  EXPECT_EQ(scene.outcome(a), "waits");
  EXPECT_EQ(scene.table.next_deadline(), scene.now + 1ns);
  scene.advance(1ns);
  EXPECT_EQ(scene.outcome(a), "no-responder");
  EXPECT_TRUE(refuses_for_presence(scene));
  EXPECT_TRUE(std::holds_alternative<ExchangeId>(scene.try_call("hello", Action::shuffle)))
      << "nobody ever announced it";
}

TEST(Exchanges, PublishesOneCallInEachSecondAlthoughAllRespondersAreGone) {
  Scene scene;
  scene.up();
  scene.table.announced("one", {"uppercase"});
  scene.table.gone("one", scene.now);
  scene.advance(limits::return_grace);
  const auto first = scene.call("first");
  EXPECT_THAT(scene.publish(), ElementsAre("first"));
  EXPECT_TRUE(std::holds_alternative<Failure>(scene.try_call("refused")));
  scene.advance(limits::presence_probe - 1ns);
  EXPECT_TRUE(std::holds_alternative<Failure>(scene.try_call("refused")));
  EXPECT_TRUE(std::holds_alternative<ExchangeId>(scene.try_call("x", Action::uppercase, 1s, "bob")))
      << "each NetID has its own responder, as far as is known";
  scene.advance(1ns);
  EXPECT_TRUE(std::holds_alternative<ExchangeId>(scene.try_call("second")));
  scene.answer("FIRST");
  EXPECT_EQ(scene.outcome(first), "FIRST by content");
  EXPECT_TRUE(std::holds_alternative<ExchangeId>(scene.try_call("at once")))
      << "an answer clears the verdict";
}

TEST(Exchanges, WaitsLongerForAResponderWhereTheBrokerIsFarAway) {
  Scene scene;
  scene.up();
  scene.table.announced("one", {"uppercase"});
  const auto a = scene.call("hello");
  ASSERT_TRUE(scene.table.next_publish(scene.now));
  scene.advance(20ms);
  scene.table.acknowledged(a, Subscribers::perhaps, scene.now);
  scene.table.gone("one", scene.now);
  scene.advance(limits::gone_round_trips * 20ms - 1ns);
  EXPECT_EQ(scene.outcome(a), "waits");
  scene.table.announced("one", {"uppercase"}, Heard::live);
  EXPECT_THAT(scene.publish(), ElementsAre("hello"));
}

TEST(Exchanges, WaitsLongerForAResponderThatIsFarAwayFromTheBroker) {
  Scene scene;
  scene.up();
  scene.table.announced("one", {"uppercase"});
  const auto answered = scene.call("hello");
  scene.publish();  // the broker acknowledges it at once
  scene.advance(20ms);
  scene.answer("HELLO");
  EXPECT_EQ(scene.outcome(answered), "HELLO by content");
  const auto a = scene.call("hi");
  scene.publish();
  scene.table.gone("one", scene.now);
  scene.advance(limits::gone_round_trips * 20ms - 1ns);
  EXPECT_EQ(scene.outcome(a), "waits");
  scene.table.announced("one", {"uppercase"}, Heard::live);
  EXPECT_THAT(scene.publish(), ElementsAre("hi"));
}

TEST(Exchanges, WaitsForAResponderThatComesBackSoon) {
  Scene scene;
  scene.up();
  scene.advance(1h);
  scene.table.announced("one", {"uppercase"});
  const auto a = scene.call("hello");
  scene.publish();
  scene.table.gone("one", scene.now);
  scene.advance(grace - 1ns);
  scene.table.announced("one", {"uppercase"});
  EXPECT_THAT(scene.publish(), ElementsAre("hello")) << "it may have missed it";
  scene.advance(1s);
  EXPECT_EQ(scene.outcome(a), "waits");
}

TEST(Exchanges, AsksTheOthersWhenOneOfSeveralRespondersIsGone) {
  Scene scene;
  scene.up();
  scene.advance(1h);
  scene.table.announced("one", {"uppercase"});
  scene.table.announced("two", {"uppercase"});
  scene.call("hello");
  EXPECT_THAT(scene.publish(), ElementsAre("hello"));
  scene.table.gone("one", scene.now);
  EXPECT_THAT(scene.publish(), ElementsAre("hello"));
}

TEST(Exchanges, PublishesNothingAgainForWhoeverIsGoneAlready) {
  Scene scene;
  scene.up();
  scene.advance(1h);
  scene.table.announced("one", {"uppercase"});
  scene.table.announced("two", {"uppercase"});
  scene.call("hello");
  scene.publish();
  scene.table.gone("one", scene.now);
  scene.publish();
  scene.table.gone("one", scene.now);
  scene.table.gone("three", scene.now);
  EXPECT_THAT(scene.publish(), IsEmpty());
}

TEST(Exchanges, PublishesAgainOnlySoOftenAsRespondersComeAndGo) {
  Scene scene;
  scene.up();
  scene.advance(1h);
  scene.table.announced("one", {"uppercase"});
  scene.call("hello");
  scene.publish();
  int times = 0;
  for (int i = 0; i < 100; ++i) {
    scene.table.announced("two", {"uppercase"});
    scene.table.gone("two", scene.now);
    times += static_cast<int>(scene.publish().size());
  }
  EXPECT_EQ(times, limits::presence_republishes);
}

TEST(Exchanges, KeepsItsTablesBoundedWhateverRespondersSay) {
  Scene scene;
  for (std::size_t i = 0; i < 3 * limits::responders; ++i) {
    const std::string id = std::to_string(i % 7);
    scene.table.announced(id, {"action" + std::to_string(i)});
    scene.table.gone(id, scene.now);
  }
  for (const auto& fill : scene.table.fills())
    EXPECT_LE(fill.entries, fill.empties ? 0u : fill.bound) << fill.table;
}

TEST(Exchanges, IsInDoubtWhileAResponderAnswersThatDidNotAnnounceItself) {
  Scene scene;
  scene.up();
  scene.table.announced("one", {"uppercase"});
  const auto a = scene.call("a");
  scene.publish();
  const std::string topic = response_topic("alice", "uppercase");
  scene.table.response({.topic = topic, .payload = "A", .responder = "two"}, scene.now);
  ASSERT_EQ(scene.outcome(a), "A by content");
  scene.table.gone("one", scene.now);
  scene.advance(limits::memory_age - 1ns);
  EXPECT_FALSE(refuses_for_presence(scene));
  scene.advance(1s);
  EXPECT_TRUE(refuses_for_presence(scene)) << "it has not answered for too long";
}

TEST(Exchanges, TakesAnAnswerWithoutANameForOneOfAnAnnouncedResponder) {
  Scene scene;
  scene.up();
  scene.table.announced("one", {"uppercase"});
  const auto a = scene.call("a");
  scene.publish();
  scene.answer("A");
  ASSERT_EQ(scene.outcome(a), "A by content");
  scene.table.gone("one", scene.now);
  scene.advance(limits::return_grace);
  EXPECT_TRUE(refuses_for_presence(scene)) << "in MQTT 3.1.1 no answer has a name";
}

TEST(Exchanges, IsNotPutInDoubtByAMessageThatAnswersNoCall) {
  Scene scene;
  scene.up();
  scene.table.announced("one", {"uppercase"});
  scene.answer("a stray message");
  scene.table.gone("one", scene.now);
  scene.advance(limits::return_grace);
  EXPECT_TRUE(refuses_for_presence(scene));
}

TEST(Exchanges, GivesRespondersTimeToComeBackWithTheBroker) {
  Scene scene;
  scene.up();
  scene.table.announced("one", {"uppercase"});
  scene.table.gone("one", scene.now);
  scene.down();
  scene.advance(200ms);
  scene.up(true);
  const auto a = scene.call("hello");
  scene.advance(limits::return_grace - 1ns);
  EXPECT_EQ(scene.outcome(a), "waits");
  scene.advance(1ns);
  EXPECT_EQ(scene.outcome(a), "no-responder");
}

TEST(Exchanges, BelievesNobodyToBeThereForEverAfterTheBrokerForgot) {
  Scene scene;
  scene.up();
  scene.table.announced("one", {"uppercase"});
  scene.down();
  scene.up(false);
  const auto a = scene.call("hello", Action::uppercase, 60s);
  scene.advance(limits::session_lost_grace - 1ns);
  EXPECT_EQ(scene.outcome(a), "waits");
  scene.advance(1ns);
  scene.advance(grace);
  EXPECT_EQ(scene.outcome(a), "no-responder");
}

TEST(Exchanges, TakesNobodyForGoneWhereTheBrokerTellsOfNobodyWhoWasThereBefore) {
  Scene scene;
  scene.up();
  scene.table.announced("one", {"uppercase"}, Heard::live);
  scene.down();
  scene.up(false);
  const auto a = scene.call("hello", Action::uppercase, 60s);
  scene.advance(limits::session_lost_grace);
  scene.advance(grace);
  EXPECT_EQ(scene.outcome(a), "waits");
  scene.table.gone("one", scene.now);
  scene.advance(limits::return_grace);
  EXPECT_EQ(scene.outcome(a), "no-responder") << "its will is believed nevertheless";
}

TEST(Exchanges, SaysInTheTimeoutThatNobodyEverAnnouncedOrAnswered) {
  Scene scene;
  scene.up();
  scene.call("hello", Action::uppercase, 1s);
  scene.publish();
  scene.advance(1s);
  EXPECT_THAT(std::get<Failure>(scene.table.next_ended()->outcome).detail,
              testing::HasSubstr("no responder has announced or answered uppercase"));
}

TEST(Exchanges, RemembersAsManyRespondersAsItsBoundAndIsInDoubtBeyond) {
  Scene scene;
  scene.up();
  for (std::size_t i = 0; i <= limits::responders; ++i)
    scene.table.announced("responder " + std::to_string(i), {"uppercase"});
  for (std::size_t i = 0; i <= limits::responders; ++i)
    scene.table.gone("responder " + std::to_string(i), scene.now);
  scene.advance(grace);
  EXPECT_TRUE(std::holds_alternative<ExchangeId>(scene.try_call("hello")));
}

}  // namespace
}  // namespace mqtt_bridge
