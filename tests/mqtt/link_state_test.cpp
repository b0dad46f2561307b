#include "mqtt/link_state.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/mqtt.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

MqttLinkOptions options() {
  MqttLinkOptions options;
  options.client_id = "us";
  options.filters = {"a/response", "b/response"};
  options.session_expiry = 60s;
  return options;
}

/// One link, and what it wants, as words.
class LinkStateTest : public testing::Test {
 protected:
  std::vector<std::string> commands() {
    std::vector<std::string> words;
    while (const auto command = state.next_command())
      std::visit([&](const auto& each) { words.push_back(word_for(each)); }, *command);
    return words;
  }
  std::vector<std::string> after(Duration time) {
    now += time;
    state.expire(now);
    return commands();
  }
  void reach() {
    state.host_found(0);
    state.dialling("it");
    state.reached(now);
  }
  void connect() {
    state.start();
    state.expire(now);
    reach();
    state.on(mqtt_event::Connected{.session_present = false}, now);
  }
  void mark_up() {
    connect();
    answer(1);
    answer(1);
    commands();
  }
  void answer(int reason_code) {
    state.on(mqtt_event::Subscribed{++answered, reason_code}, now);
    state.batch_ended();
  }
  void publish(std::uint64_t id) { state.publish({.id = id, .topic = "t", .payload = "p"}, now); }

  Instant now{};
  std::uint64_t answered = 0;
  LinkState state{options(), now, [] { return 0.0; }};
  bool has_whole_session = false;  // when it was last up

 private:
  static std::string word_for(const link_command::LookUp&) { return "look up"; }
  static std::string word_for(const link_command::Dial&) { return "dial"; }
  static std::string word_for(const link_command::StopDialling&) { return "stop dialling"; }
  static std::string word_for(const link_command::Connect& connect) {
    return std::string("connect with ") + std::string(to_string(connect.version)) +
           (connect.clean_start ? ", anew" : "");
  }
  static std::string word_for(const link_command::Diagnose&) { return "diagnose"; }
  static std::string word_for(const link_command::Drop&) { return "drop"; }
  static std::string word_for(const link_command::Subscribe& subscribe) {
    return (subscribe.retained == Retained::left ? "probe " : "subscribe ") + subscribe.filter +
           (subscribe.echo == Echo::none ? " without our own" : "");
  }
  static std::string word_for(const link_command::Unsubscribe& unsubscribe) {
    return "unsubscribe " + unsubscribe.filter;
  }
  static std::string word_for(const link_command::Publish&) { return "publish"; }
  static std::string word_for(const link_command::Heed&) { return "heed"; }
  static std::string word_for(const link_command::Kick&) { return "kick"; }
  static std::string word_for(const link_command::Cut&) { return "cut"; }
  static std::string word_for(const link_command::Log& log) { return log.text; }
  static std::string word_for(const link_command::LogAnew&) { return "log anew"; }
  static std::string word_for(const link_command::TellRefused&) { return "tell refused"; }
  static std::string word_for(const link_command::TellSubscribed& told) {
    return (told.is_granted ? "tell granted " : "tell refused ") + told.filter;
  }
  std::string word_for(const link_command::TellUp& told) {
    has_whole_session = told.link.session_present;
    return "tell up";
  }
  static std::string word_for(const link_command::TellDown&) { return "tell down"; }
  static std::string word_for(const link_command::TellAttemptFailed&) { return "tell failed"; }
};

/// A link with the brokers `one` and `two`.
class LinkOfTwoTest : public LinkStateTest {
 protected:
  LinkOfTwoTest() {
    auto two = options();
    two.brokers = {{BrokerUrl::Scheme::mqtt, "one", 1}, {BrokerUrl::Scheme::mqtt, "two", 2}};
    state = LinkState(two, now, [] { return 0.0; });
    state.start();
  }
  /// Connects to the next broker, as far as it says so; what that is asked for.
  std::string connect_to(std::size_t broker) {
    state.expire(now);
    state.host_found(broker);
    state.dialling("it");
    state.reached(now);
    return commands().back();
  }
  void come_up(bool session_present) {
    state.on(mqtt_event::Connected{.session_present = session_present}, now);
    answer(1);
    answer(1);
    EXPECT_TRUE(state.is_up());
    commands();
  }
  void lose(LinkLoss loss) {
    now += 1s;
    state.lost({"it broke", loss}, LinkState::Blame::anything, now);
    commands();
  }
};

TEST_F(LinkOfTwoTest, TriesTheOtherBrokerAtOnceWhereOneCannotBeReached) {
  EXPECT_THAT(after(0s), ElementsAre("look up"));
  state.host_not_found(0, "no such host", now);
  EXPECT_THAT(commands(),
              ElementsAre("no link to mqtt://one:1: cannot find the address of host 'one': no such "
                          "host",
                          "drop", "tell failed"));
  EXPECT_THAT(after(0s), ElementsAre("look up"));
  EXPECT_EQ(to_string(state.broker()), "mqtt://two:2");
}

TEST_F(LinkOfTwoTest, GivesABrokerLittleTimeWhileThereIsAnotherOne) {
  state.expire(now);
  state.host_found(0);
  commands();
  EXPECT_THAT(after(limits::broker_timeout), ElementsAre("stop dialling"));
}

TEST_F(LinkOfTwoTest, UsesNoAddressOfTheOtherBroker) {
  after(0s);
  EXPECT_THAT(after(limits::broker_timeout).back(), "look up") << "of the other host";
  state.host_found(0);
  EXPECT_THAT(commands(), ElementsAre());
  state.host_found(1);
  EXPECT_THAT(commands(), ElementsAre("dial"));
}

TEST_F(LinkOfTwoTest, ResumesItsSessionWhereThatFollows) {
  EXPECT_EQ(connect_to(0), "connect with 5, anew");
  come_up(false);
  lose(LinkLoss::silent);
  EXPECT_EQ(connect_to(1), "connect with 5") << "in a cluster it may be there";
  come_up(true);
  EXPECT_FALSE(has_whole_session) << "it may lack what came on the way";
  lose(LinkLoss::broken);
  EXPECT_EQ(connect_to(1), "connect with 5");
  come_up(true);
  EXPECT_TRUE(has_whole_session);
  lose(LinkLoss::silent);
  EXPECT_EQ(connect_to(0), "connect with 5");
}

TEST_F(LinkOfTwoTest, BeginsAnewAtABrokerOfWhichItKnowsThatSessionsDoNotFollow) {
  EXPECT_EQ(connect_to(0), "connect with 5, anew");
  come_up(false);
  lose(LinkLoss::silent);
  EXPECT_EQ(connect_to(1), "connect with 5");
  come_up(false);
  lose(LinkLoss::silent);
  EXPECT_EQ(connect_to(0), "connect with 5, anew") << "what waits there is of an earlier visit";
  come_up(false);
  lose(LinkLoss::broken);
  EXPECT_EQ(connect_to(0), "connect with 5");
}

TEST_F(LinkStateTest, DoesNothingBeforeItIsStarted) {
  state.expire(now);
  EXPECT_THAT(commands(), ElementsAre());
  EXPECT_EQ(state.next_deadline(), std::nullopt);
}

TEST_F(LinkStateTest, IsUpOnceEverySubscriptionIsAnswered) {
  state.start();
  EXPECT_EQ(state.next_deadline(), now);
  state.expire(now);
  EXPECT_THAT(commands(), ElementsAre("look up"));
  reach();
  EXPECT_THAT(commands(), ElementsAre("dial", "connect with 5, anew"));
  state.on(mqtt_event::Connected{.session_present = false}, now);
  EXPECT_THAT(commands(), ElementsAre("heed", "subscribe a/response", "subscribe b/response"));
  answer(1);
  EXPECT_FALSE(state.is_up());
  answer(0x87);
  EXPECT_TRUE(state.is_up());
  EXPECT_THAT(commands(),
              ElementsAre("tell refused", "log anew", "linked to mqtt://localhost:1883 with MQTT 5",
                          "tell up", "the broker refused the subscription to b/response"));
  EXPECT_THAT(state.refused(), ElementsAre("b/response"));
}

TEST_F(LinkStateTest, EndsAnAttemptThatIsNotAnswered) {
  state.start();
  state.expire(now);
  state.host_found(0);
  commands();
  EXPECT_THAT(after(limits::connect_timeout - 1ms), ElementsAre());
  EXPECT_THAT(after(1ms), ElementsAre("stop dialling"));
  state.not_reached("there is no broker at it", now);
  EXPECT_THAT(commands(), ElementsAre("no link to mqtt://localhost:1883: there is no broker at it",
                                      "drop", "tell failed"));
  EXPECT_EQ(state.why_down(), "there is no broker at it");
  EXPECT_THAT(after(0s), ElementsAre("look up"));
}

TEST_F(LinkStateTest, UsesALookUpThatComesTooLateForTheNextAttempt) {
  state.start();
  state.expire(now);
  commands();
  EXPECT_THAT(after(limits::connect_timeout).back(), "tell failed");
  EXPECT_THAT(after(0s), ElementsAre()) << "one look-up at a time";
  state.host_found(0);
  EXPECT_THAT(commands(), ElementsAre("dial"));
}

TEST_F(LinkStateTest, ResumesTheSessionThatTheBrokerPromisedToKeep) {
  mark_up();
  state.lost({"it broke", LinkLoss::broken}, LinkState::Blame::anything, now);
  EXPECT_THAT(commands(),
              ElementsAre("no link to mqtt://localhost:1883: it broke", "drop", "tell down"));
  EXPECT_THAT(after(0s), ElementsAre("look up"));
  reach();
  EXPECT_THAT(commands(), ElementsAre("dial", "connect with 5"));
}

TEST_F(LinkStateTest, TakesWhatItIsToldTooLateForNothing) {
  mark_up();
  state.lost({"it broke", LinkLoss::broken}, LinkState::Blame::anything, now);
  commands();
  const auto deadline = state.next_deadline();
  state.lost({"it broke", LinkLoss::broken}, LinkState::Blame::anything, now);
  state.on(mqtt_event::Connected{.session_present = false}, now);
  state.on(mqtt_event::ConnectFailed{ConnectFailure::refused, "no"}, now);
  state.on(mqtt_event::Subscribed{1, 1}, now);
  state.host_found(0);
  state.not_reached("no", now);
  state.reached(now);
  EXPECT_THAT(commands(), ElementsAre());
  EXPECT_EQ(state.next_deadline(), deadline);
}

TEST_F(LinkStateTest, TakesABrokerForDeadThatOwesAnAcknowledgementForTooLong) {
  mark_up();
  publish(7);
  EXPECT_THAT(commands(), ElementsAre("publish"));
  EXPECT_THAT(after(5ms), ElementsAre("kick"));
  after(limits::puback_timeout - 6ms);
  EXPECT_TRUE(state.is_up());
  after(1ms);
  after(5ms);
  EXPECT_FALSE(state.is_up());
  EXPECT_EQ(state.last_loss(), LinkLoss::silent);
}

TEST_F(LinkStateTest, GoesByTheOldestPublishThoughAnEarlierRequestWasPublishedAgain) {
  mark_up();
  publish(8);
  after(limits::puback_timeout - 5ms);
  publish(7);
  state.acknowledged(7);
  publish(7);
  after(5ms);
  after(5ms);
  EXPECT_FALSE(state.is_up());
}

TEST_F(LinkStateTest, ProbesABrokerThatSaysNothingWhileAnswersAreExpected) {
  mark_up();
  after(5ms);  // its first look at what is owed
  state.heard(now);
  state.expect_answers(true, now);
  EXPECT_THAT(after(499ms), ElementsAre());
  EXPECT_THAT(after(1ms), ElementsAre("probe a/response"));
  after(limits::puback_timeout + 5ms);
  EXPECT_FALSE(state.is_up());
}

TEST_F(LinkStateTest, GoesByAProbeThatIsNotAnsweredThoughSomethingIsPublishedMeanwhile) {
  mark_up();
  after(5ms);
  state.heard(now);
  state.expect_answers(true, now);
  EXPECT_THAT(after(500ms), ElementsAre("probe a/response"));
  after(limits::puback_timeout - 5ms);
  publish(7);
  after(5ms);
  after(5ms);
  EXPECT_FALSE(state.is_up());
}

TEST_F(LinkStateTest, LeavesWhatIsNoLongerWantedOnceNoAnswerIsExpected) {
  mark_up();
  state.expect_answers(true, now);
  auto fewer = options();
  fewer.filters = {"a/response"};
  state.reconfigure(fewer, now);
  state.heard(now);
  EXPECT_THAT(commands(), ElementsAre());
  state.expect_answers(false, now);
  EXPECT_THAT(commands(), ElementsAre("unsubscribe b/response"));
}

TEST_F(LinkStateTest, SubscribesToWhatCallsWantAndTellsTheAnswer) {
  mark_up();
  state.subscribe("route", Echo::none, now);
  state.subscribe("refused", Echo::sent, now);
  EXPECT_THAT(commands(), ElementsAre("probe route without our own", "probe refused"))
      << "what was left there before is of no use";
  answer(1);
  answer(0x87);
  EXPECT_THAT(commands(), ElementsAre("tell granted route", "tell refused refused"));
  EXPECT_THAT(state.refused(), ElementsAre());
  state.unsubscribe("refused");
  EXPECT_THAT(commands(), ElementsAre("unsubscribe refused"));
  state.unsubscribe("refused");
  EXPECT_THAT(commands(), ElementsAre());
}

TEST_F(LinkStateTest, IsUpAgainOnceWhatCallsWantIsAnsweredToo) {
  mark_up();
  state.subscribe("route", Echo::sent, now);
  answer(1);
  commands();
  state.lost({"it broke", LinkLoss::broken}, LinkState::Blame::anything, now);
  state.subscribe("another", Echo::sent, now);
  state.unsubscribe("another");
  after(0s);
  reach();
  commands();
  state.on(mqtt_event::Connected{.session_present = true}, now);
  EXPECT_THAT(commands(),
              ElementsAre("heed", "probe route", "subscribe a/response", "subscribe b/response"));
  answer(0x87);
  answer(1);
  EXPECT_FALSE(state.is_up());
  EXPECT_THAT(commands(), ElementsAre("tell refused route"));
  answer(1);
  EXPECT_TRUE(state.is_up());
}

TEST_F(LinkStateTest, TakesABrokerForDeadThatDoesNotAnswerASubscription) {
  mark_up();
  after(5ms);
  state.subscribe("route", Echo::sent, now);
  after(5ms);
  EXPECT_TRUE(state.is_up());
  after(limits::puback_timeout);
  EXPECT_FALSE(state.is_up());
}

TEST_F(LinkStateTest, ConnectsAnewWithOtherCredentials) {
  mark_up();
  auto others = options();
  others.password = "another";
  state.reconfigure(others, now);
  EXPECT_THAT(commands(), ElementsAre("cut"));
  state.lost({"it broke", LinkLoss::broken}, LinkState::Blame::anything, now);
  EXPECT_THAT(commands(), ElementsAre("no link to mqtt://localhost:1883: connecting anew, with "
                                      "other credentials",
                                      "drop", "tell down"));
  EXPECT_EQ(state.next_deadline(), now);
}

TEST_F(LinkStateTest, StaysAwayWhenAnotherClientHasTakenItsPlace) {
  mark_up();
  state.lost({"taken over", LinkLoss::taken_over}, LinkState::Blame::anything, now);
  EXPECT_THAT(commands().front(), testing::HasSubstr("another client uses our client id 'us'"));
  EXPECT_EQ(state.clash(), "another client uses our client id 'us'");
  state.hurry(now);
  EXPECT_GE(state.next_deadline(), now + limits::reconnect_cap / 2);
}

TEST_F(LinkStateTest, ConnectsAnewWhenTheBrokerWantsAShorterKeepAlive) {
  state.start();
  state.expire(now);
  reach();
  commands();
  state.on(mqtt_event::Connected{.session_present = false, .server_keep_alive = 2s}, now);
  EXPECT_THAT(commands(), ElementsAre("drop", "look up"));
}

TEST_F(LinkStateTest, SaysNothingMoreOnceItIsStopped) {
  mark_up();
  publish(7);
  state.stop();
  EXPECT_THAT(commands(), ElementsAre("drop"));
  EXPECT_EQ(state.next_deadline(), std::nullopt);
  EXPECT_THAT(after(1h), ElementsAre());
}

}  // namespace
}  // namespace mqtt_bridge
