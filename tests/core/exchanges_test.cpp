// Scenarios in virtual time: what a broker and responders do is a line each, time is advanced,
// never slept.
#include "core/exchanges.hpp"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/topic.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t window = 16;

/// One table, its clock, and short words for what happens to it.
class Scene {
 public:
  explicit Scene(Exchanges::Bounds bounds = {}) : table(now, bounds) {}

  void up(bool session_present = false) { table.link_up({session_present, window}); }
  void down() { table.link_down(now); }
  void advance(Duration duration) {
    now += duration;
    table.expire(now);
  }

  std::variant<ExchangeId, Failure> try_call(std::string payload, Action action = Action::uppercase,
                                             Duration timeout = 5s, std::string netid = "alice") {
    std::string correlation = "correlation " + std::to_string(++calls_);
    return table.begin(
        {std::move(netid), action, std::move(payload), std::move(correlation), now, now + timeout});
  }
  ExchangeId call(std::string payload, Action action = Action::uppercase, Duration timeout = 5s) {
    return std::get<ExchangeId>(try_call(std::move(payload), action, timeout));
  }

  /// The payloads that may be published now, in order; all of them are acknowledged.
  std::vector<std::string> publish() {
    std::vector<std::string> payloads;
    std::vector<ExchangeId> ids;
    while (const auto next = table.next_publish(now)) {
      payloads.emplace_back(next->payload);
      correlation_of[next->exchange] = next->correlation;
      ids.push_back(next->exchange);
    }
    for (const auto id : ids)
      table.acknowledged(id, now);
    return payloads;
  }

  /// An answer without correlation data, as a 3.1.1 responder sends it.
  void answer(std::string_view payload, Action action = Action::uppercase) {
    const std::string topic = response_topic("alice", action);
    table.response({.topic = topic, .payload = payload}, now);
  }
  void correlated_answer(ExchangeId exchange, std::string_view payload,
                         Action action = Action::uppercase) {
    const std::string topic = response_topic("alice", action);
    table.response({.topic = topic, .payload = payload, .correlation = correlation_of.at(exchange)},
                   now);
  }

  /// How `exchange` ended: the answer and its rule, a slug, or "waits".
  std::string outcome(ExchangeId exchange) {
    while (const auto ended = table.next_ended()) {
      EXPECT_EQ(outcomes_.count(ended->exchange), 0u) << "an exchange ended twice";
      outcomes_[ended->exchange] = in_words(*ended);
    }
    const auto found = outcomes_.find(exchange);
    return found != outcomes_.end() ? found->second : "waits";
  }

  static std::string in_words(const Ended& ended) {
    if (const auto* answer = std::get_if<Answer>(&ended.outcome)) {
      return answer->payload + " by " + std::string(to_string(answer->matched_by));
    }
    return std::string(describe(std::get<Failure>(ended.outcome).problem).slug);
  }

  Instant now{};
  Exchanges table;
  std::map<ExchangeId, std::string> correlation_of;

 private:
  int calls_ = 0;
  std::map<ExchangeId, std::string> outcomes_;
};

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Exchanges, AnswersTheCallWhoseCorrelationDataComesBack) {
  Scene scene;
  scene.up();
  const auto a = scene.call("same");
  const auto b = scene.call("same");
  scene.publish();
  scene.correlated_answer(b, "SAME");
  EXPECT_EQ(scene.outcome(a), "waits");
  EXPECT_EQ(scene.outcome(b), "SAME by correlation");
}

TEST(Exchanges, TakesCorrelatedAnswersWhateverTheySay) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello");
  scene.publish();
  scene.correlated_answer(a, "a responder may know better");
  EXPECT_EQ(scene.outcome(a), "a responder may know better by correlation");
}

TEST(Exchanges, DropsCorrelationDataThatIsNotOurs) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello");
  scene.publish();
  scene.correlation_of[99] = "somebody else's";
  scene.correlated_answer(99, "HELLO");
  EXPECT_EQ(scene.outcome(a), "waits");
  EXPECT_EQ(scene.table.dropped(Dropped::unknown_correlation), 1u);
}

TEST(Exchanges, DropsOurCorrelationDataOnAnotherTopic) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello");
  scene.publish();
  scene.correlated_answer(a, "olleh", Action::reverse);
  EXPECT_EQ(scene.outcome(a), "waits");
  EXPECT_EQ(scene.table.dropped(Dropped::wrong_lane), 1u);
}

TEST(Exchanges, GivesUncorrelatedAnswersToTheCallsTheyAnswerInAnyOrder) {
  Scene scene;
  scene.up();
  const auto a = scene.call("one");
  const auto b = scene.call("two");
  const auto c = scene.call("three");
  scene.publish();
  scene.answer("THREE");
  scene.answer("ONE");
  scene.answer("TWO");
  EXPECT_EQ(scene.outcome(a), "ONE by content");
  EXPECT_EQ(scene.outcome(b), "TWO by content");
  EXPECT_EQ(scene.outcome(c), "THREE by content");
}

TEST(Exchanges, GivesEqualAnswersToEqualCallsOldestFirst) {
  Scene scene;
  scene.up();
  const auto a = scene.call("same");
  const auto b = scene.call("same");
  scene.publish();
  scene.answer("SAME");
  EXPECT_EQ(scene.outcome(a), "SAME by content");
  EXPECT_EQ(scene.outcome(b), "waits");
  scene.answer("SAME");
  EXPECT_EQ(scene.outcome(b), "SAME by content");
}

TEST(Exchanges, NeverGivesALateAnswerToTheNextCaller) {
  Scene scene;
  scene.up();
  const auto a = scene.call("first", Action::uppercase, 1s);
  scene.publish();
  scene.advance(1s);
  const auto b = scene.call("second");
  scene.publish();
  scene.answer("FIRST");
  EXPECT_EQ(scene.outcome(a), "response-timeout");
  EXPECT_EQ(scene.outcome(b), "waits");
  EXPECT_EQ(scene.table.dropped(Dropped::late), 1u);
  scene.answer("SECOND");
  EXPECT_EQ(scene.outcome(b), "SECOND by content");
}

TEST(Exchanges, DropsTheSecondAnswerToACall) {
  Scene scene;
  scene.up();
  const auto a = scene.call("one");
  const auto b = scene.call("two");
  scene.publish();
  scene.answer("ONE");
  scene.answer("ONE");
  EXPECT_EQ(scene.outcome(a), "ONE by content");
  EXPECT_EQ(scene.outcome(b), "waits");
  EXPECT_EQ(scene.table.dropped(Dropped::late), 1u);
}

TEST(Exchanges, HandsOnAnAnswerThatAnOlderCallTookWhenThatGetsItsOwn) {
  Scene scene;
  scene.up();
  const auto older = scene.call("ß");  // "SS" by full mappings, "ß" by simple ones
  const auto younger = scene.call("ss");
  scene.publish();
  scene.answer("SS");
  EXPECT_EQ(scene.outcome(older), "SS by content");
  EXPECT_EQ(scene.outcome(younger), "waits");
  scene.answer("ß");
  EXPECT_EQ(scene.outcome(younger), "SS by content");
}

TEST(Exchanges, HandsNothingOnWhenTheSameAnswerComesTwice) {
  Scene scene;
  scene.up();
  scene.call("ß");
  scene.publish();
  scene.answer("SS");
  scene.answer("SS");
  scene.answer("ß");
  const auto younger = scene.call("other");
  scene.publish();
  EXPECT_EQ(scene.outcome(younger), "waits");
  EXPECT_EQ(scene.table.dropped(Dropped::late), 2u);
}

TEST(Exchanges, TakesNoAnswerToWhatWasNotPublished) {
  Scene scene;
  const auto a = scene.call("hello");
  scene.answer("HELLO");
  scene.up();
  EXPECT_EQ(scene.outcome(a), "waits");
}

TEST(Exchanges, NeverTakesARetainedMessageForAnAnswer) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello");
  scene.publish();
  scene.table.response({.topic = "alice/uppercase/response", .payload = "HELLO", .retained = true},
                       scene.now);
  EXPECT_EQ(scene.outcome(a), "waits");
  EXPECT_EQ(scene.table.dropped(Dropped::retained), 1u);
}

TEST(Exchanges, TakesTheAnswerOfAResponderWithItsOwnCaseMappingsWhenOnlyOneCallCouldBeMeant) {
  Scene scene;
  scene.up();
  const auto a = scene.call("Straße");
  scene.call("another");
  scene.publish();
  scene.answer("sTRASSE");
  EXPECT_EQ(scene.outcome(a), "sTRASSE by folded-content");
}

TEST(Exchanges, TakesNoFoldedAnswerThatTwoCallsCouldMean) {
  Scene scene;
  scene.up();
  const auto a = scene.call("Straße");
  const auto b = scene.call("strasse");
  scene.publish();
  scene.answer("sTRASSE");
  EXPECT_EQ(scene.outcome(a), "waits");
  EXPECT_EQ(scene.outcome(b), "waits");
}

TEST(Exchanges, TakesNoFoldedAnswerThatACallJustTimedOutCouldMean) {
  Scene scene;
  scene.up();
  scene.call("Straße", Action::uppercase, 1s);
  scene.publish();
  scene.advance(1s);
  const auto b = scene.call("strasse");
  scene.publish();
  scene.answer("sTRASSE");
  EXPECT_EQ(scene.outcome(b), "waits");
}

TEST(Exchanges, TrustsNoFoldedAnswerOnceItHadToForgetACall) {
  Scene scene;
  scene.up();
  scene.call("STRASSe", Action::uppercase, 1s);
  scene.publish();
  scene.advance(1s);
  for (std::size_t i = 0; i < limits::lane_memories; ++i) {
    const auto other = scene.call("other " + std::to_string(i));
    scene.publish();
    scene.correlated_answer(other, "x");
  }
  const auto b = scene.call("Straße");
  scene.publish();
  scene.answer("sTRASSE");
  EXPECT_EQ(scene.outcome(b), "waits");
}

TEST(Exchanges, SaysThatAnswersCameButNoneOfThemFits) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello", Action::uppercase, 1s);
  scene.publish();
  scene.answer("something else");
  scene.advance(1s);
  EXPECT_EQ(scene.outcome(a), "unmatched-response");
}

TEST(Exchanges, EndsACallAtItsDeadlineAndNotBefore) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello", Action::uppercase, 1s);
  scene.publish();
  EXPECT_EQ(scene.table.next_deadline(), scene.now + 1s);
  scene.advance(1s - 1ns);
  EXPECT_EQ(scene.outcome(a), "waits");
  scene.advance(1ns);
  EXPECT_EQ(scene.outcome(a), "response-timeout");
  EXPECT_EQ(scene.table.next_deadline(), std::nullopt);
}

TEST(Exchanges, SaysWhetherTheBrokerAcknowledgedWhatWasNotAnswered) {
  Scene scene;
  scene.up();
  scene.call("hello", Action::uppercase, 1s);
  ASSERT_TRUE(scene.table.next_publish(scene.now));
  scene.advance(1s);
  const auto ended = scene.table.next_ended();
  ASSERT_TRUE(ended);
  EXPECT_THAT(std::get<Failure>(ended->outcome).detail, testing::HasSubstr("did not acknowledge"));
}

TEST(Exchanges, PublishesNothingAtOrAfterItsDeadline) {
  Scene scene;
  scene.call("hello", Action::uppercase, 1s);
  scene.now += 1s;
  scene.up();
  EXPECT_THAT(scene.publish(), IsEmpty());
}

TEST(Exchanges, TakesAnAnswerThatComesBeforeItsAcknowledgement) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello");
  ASSERT_TRUE(scene.table.next_publish(scene.now));
  scene.answer("HELLO");
  EXPECT_EQ(scene.outcome(a), "HELLO by content");
  EXPECT_EQ(scene.table.unacknowledged(), 1u);
  scene.table.acknowledged(a, scene.now);
  EXPECT_EQ(scene.table.unacknowledged(), 0u);
}

TEST(Exchanges, KeepsItsPublishesWithinTheWindow) {
  Scene scene;
  scene.table.link_up({false, 2});
  const auto a = scene.call("a");
  scene.call("b");
  scene.call("c");
  EXPECT_EQ(scene.table.next_publish(scene.now)->payload, "a");
  EXPECT_EQ(scene.table.next_publish(scene.now)->payload, "b");
  EXPECT_FALSE(scene.table.next_publish(scene.now));
  scene.answer("A");
  EXPECT_FALSE(scene.table.next_publish(scene.now)) << "an answer is no acknowledgement";
  scene.table.acknowledged(a, scene.now);
  EXPECT_EQ(scene.table.next_publish(scene.now)->payload, "c");
}

TEST(Exchanges, PublishesNothingWhileTheLinkIsDown) {
  Scene scene;
  scene.call("before");
  EXPECT_THAT(scene.publish(), IsEmpty());
  scene.up();
  EXPECT_THAT(scene.publish(), ElementsAre("before"));
  scene.down();
  scene.call("after");
  EXPECT_THAT(scene.publish(), IsEmpty());
}

TEST(Exchanges, PublishesAgainWhatTheBrokerForgot) {
  Scene scene;
  scene.up();
  const auto a = scene.call("answered");
  scene.call("waiting");
  scene.publish();
  scene.answer("ANSWERED");
  scene.down();
  scene.up(false);
  EXPECT_THAT(scene.publish(), ElementsAre("waiting"));
  EXPECT_EQ(scene.outcome(a), "ANSWERED by content");
}

TEST(Exchanges, LeavesToABrokerThatRemembersWhatItAcknowledged) {
  Scene scene;
  scene.up();
  scene.call("acknowledged");
  scene.publish();
  scene.call("on its way");
  ASSERT_TRUE(scene.table.next_publish(scene.now));
  scene.down();
  scene.up(true);
  EXPECT_THAT(scene.publish(), ElementsAre("on its way"));
}

TEST(Exchanges, WaitsForALostLinkOnlySoLong) {
  Scene scene;
  scene.advance(limits::down_grace);
  EXPECT_TRUE(std::holds_alternative<ExchangeId>(scene.try_call("in time")));
  scene.advance(1ns);
  const auto late = scene.try_call("too late");
  EXPECT_EQ(std::get<Failure>(late).problem, Problem::broker_unavailable);
}

TEST(Exchanges, SaysThatThereWasNoBrokerWhenItCouldNotPublish) {
  Scene scene;
  const auto a = scene.call("hello", Action::uppercase, 1s);
  scene.advance(1s);
  EXPECT_EQ(scene.outcome(a), "broker-unavailable");
}

TEST(Exchanges, EndsACallThatTheBrokerRefused) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello");
  ASSERT_TRUE(scene.table.next_publish(scene.now));
  scene.table.refused(a, "not authorized", scene.now);
  EXPECT_EQ(scene.outcome(a), "broker-unavailable");
  EXPECT_EQ(scene.table.unacknowledged(), 0u);
}

TEST(Exchanges, AdmitsAsManyCallsAsItsBoundAndNoMore) {
  Scene scene({.exchanges = 2});
  scene.call("1");
  scene.call("2");
  EXPECT_EQ(std::get<Failure>(scene.try_call("3")).problem, Problem::overloaded);
}

TEST(Exchanges, AdmitsAsManyBytesAsItsBoundAndNoMore) {
  Scene scene({.bytes = 10});
  scene.call("12345");
  scene.call("12345");
  EXPECT_EQ(std::get<Failure>(scene.try_call("1")).problem, Problem::overloaded);
}

TEST(Exchanges, TurnsAnErrorAnswerIntoItsStatusOr502) {
  struct Row {
    const char* status;
    std::optional<int> expected;
  };
  for (const auto& [status, expected] :
       {Row{"400", 400}, Row{"599", 599}, Row{"399", {}}, Row{"600", {}}, Row{"", {}},
        Row{"4000", {}}, Row{"abc", {}}, Row{"4x4", {}}, Row{"-400", {}}, Row{"0404", {}}}) {
    Scene scene;
    scene.up();
    const auto a = scene.call("hello");
    scene.publish();
    scene.table.response({.topic = "alice/uppercase/response",
                          .payload = "",
                          .correlation = scene.correlation_of[a],
                          .status = status,
                          .error = "no"},
                         scene.now);
    const auto ended = scene.table.next_ended();
    ASSERT_TRUE(ended) << status;
    const auto& failure = std::get<Failure>(ended->outcome);
    EXPECT_EQ(failure.problem, Problem::responder_error) << status;
    EXPECT_EQ(failure.status, expected) << status;
    EXPECT_EQ(failure.detail, "no");
  }
}

TEST(Exchanges, GivesAnErrorAnswerWithoutCorrelationToNobody) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello");
  scene.publish();
  scene.table.response({.topic = "alice/uppercase/response", .payload = "HELLO", .status = "400"},
                       scene.now);
  EXPECT_EQ(scene.outcome(a), "waits");
}

TEST(Exchanges, RefusesAnswersThatAreTooLargeOrNotText) {
  for (const std::string& payload :
       {std::string(limits::response_bytes + 1, 'x'), std::string("\xff")}) {
    Scene scene;
    scene.up();
    const auto a = scene.call("hello");
    scene.publish();
    scene.correlated_answer(a, payload);
    EXPECT_EQ(scene.outcome(a), "bad-response");
  }
}

TEST(Exchanges, TakesTheEmptyAnswerToTheEmptyCall) {
  Scene scene;
  scene.up();
  const auto a = scene.call("");
  scene.publish();
  scene.answer("");
  EXPECT_EQ(scene.outcome(a), " by content");
}

TEST(Exchanges, ServesWhatWaitsWhileItDrainsAndAdmitsNothing) {
  Scene scene;
  scene.up();
  const auto a = scene.call("hello");
  scene.table.drain();
  EXPECT_EQ(std::get<Failure>(scene.try_call("late")).problem, Problem::shutting_down);
  EXPECT_THAT(scene.publish(), ElementsAre("hello"));
  scene.answer("HELLO");
  EXPECT_EQ(scene.outcome(a), "HELLO by content");
}

TEST(Exchanges, EndsEverythingWhenItIsAbandoned) {
  Scene scene;
  scene.table.link_up({false, 1});
  const auto published = scene.call("published");
  const auto queued = scene.call("queued");
  ASSERT_TRUE(scene.table.next_publish(scene.now));
  scene.table.abandon(scene.now);
  EXPECT_EQ(scene.outcome(published), "response-timeout");
  EXPECT_EQ(scene.outcome(queued), "shutting-down");
  EXPECT_EQ(scene.table.waiting(), 0u);
}

TEST(Exchanges, SurvivesMoreTopicsThanItRemembers) {
  Scene scene;
  scene.up();
  for (std::size_t i = 0; i < 3 * limits::resting_lanes; ++i) {
    const auto netid = "netid" + std::to_string(i);
    ASSERT_TRUE(
        std::holds_alternative<ExchangeId>(scene.try_call("hello", Action::uppercase, 5s, netid)));
    scene.publish();
    const std::string topic = response_topic(netid, Action::uppercase);
    scene.table.response({.topic = topic, .payload = "HELLO"}, scene.now);
    ASSERT_EQ(scene.table.waiting(), 0u);
  }
}

}  // namespace
}  // namespace mqtt_bridge
