// What the table of exchanges does for routes: filters to subscribe to first, tests on answers,
// interim answers, errors on a topic of their own, open levels, limits, and requests without an
// answer.
#include <memory>
#include <set>

#include "base/limits/call.hpp"
#include "base/limits/exchange.hpp"
#include "exchange/scene.hpp"

namespace mqtt_bridge {
namespace {

using testing::HasSubstr;

/// Calls of routes.
class RouteCalls : public testing::Test {
 protected:
  RouteCalls() { scene_.up(); }

  /// A request of a route, to be changed.
  MqttRequest request(std::string response_topic, Matching matching, Duration timeout = 5s) {
    return {.request_topic = "plant/get",
            .response_topic = std::move(response_topic),
            .payload = "payload " + std::to_string(++calls_),
            .matching = std::move(matching),
            .rules = std::make_shared<AnswerRules>(),
            .fairness_key = "/plant",
            .correlation = "correlation " + std::to_string(calls_),
            .arrived = scene_.now,
            .deadline = scene_.now + timeout};
  }
  MqttRequest request_with_filters(std::vector<CallFilter> filters) {
    auto made = request("plant/said/" + std::to_string(calls_), MatchByTopic{});
    made.filters = std::move(filters);
    return made;
  }
  ExchangeId begin(MqttRequest made) {
    return std::get<ExchangeId>(scene_.table.begin(std::move(made)));
  }
  Failure refusal(MqttRequest made) {
    return std::get<Failure>(scene_.table.begin(std::move(made)));
  }

  void say(std::string_view topic, std::string_view payload) {
    scene_.table.response({.topic = topic, .payload = payload}, scene_.now);
  }
  void granted(const std::string& filter) {
    scene_.table.subscribed(filter, Exchanges::Granted::yes, scene_.now);
  }
  void refused(const std::string& filter) {
    scene_.table.subscribed(filter, Exchanges::Granted::no, scene_.now);
  }
  std::string changes() {
    std::string words;
    while (const auto change = scene_.table.next_filter_change()) {
      words += words.empty() ? "" : " ";
      words += (change->is_wanted ? "+" : "-") + change->filter.filter;
    }
    return words;
  }
  Failure failure_of(ExchangeId exchange) {
    while (auto ended = scene_.table.next_ended()) {
      if (ended->exchange == exchange)
        return std::get<Failure>(std::move(ended->outcome));
    }
    ADD_FAILURE() << "it has not ended";
    return {};
  }
  void expect_nothing_is_left() {
    while (scene_.table.next_ended())
      continue;
    while (scene_.table.next_turn_note())
      continue;
    for (const auto& fill : scene_.table.fills()) {
      if (fill.empties) {
        EXPECT_EQ(fill.entries, 0u) << fill.table;
      }
    }
  }

  Scene scene_;
  int calls_ = 0;
};

// Filters -------------------------------------------------------------------------------------

TEST_F(RouteCalls, ArePublishedOnceAllTheirFiltersAreGranted) {
  begin(request_with_filters({{"plant/+"}, {"errors"}}));
  EXPECT_EQ(changes(), "+plant/+ +errors");
  EXPECT_THAT(scene_.publish(), IsEmpty());
  granted("errors");
  EXPECT_THAT(scene_.publish(), IsEmpty());
  granted("plant/+");
  EXPECT_THAT(scene_.publish(), ElementsAre("payload 1"));
  begin(request_with_filters({{"plant/+"}, {"errors"}}));
  EXPECT_EQ(changes(), "");
  EXPECT_THAT(scene_.publish(), ElementsAre("payload 2"));
}

TEST_F(RouteCalls, EndWhereAFilterIsRefusedAndTheNextOneAsksAgain) {
  const auto a = begin(request_with_filters({{"plant/+"}, {"errors"}}));
  changes();
  refused("errors");
  EXPECT_EQ(scene_.outcome(a), "broker-unavailable");
  EXPECT_EQ(changes(), "-errors");
  begin(request_with_filters({{"plant/+"}, {"errors"}}));
  EXPECT_EQ(changes(), "+errors");
  granted("plant/+");
  granted("errors");
  EXPECT_THAT(scene_.publish(), ElementsAre("payload 2"));
}

TEST_F(RouteCalls, EndWhereAFilterThatTheyHadIsRefusedOnALaterConnection) {
  const auto out = begin(request_with_filters({{"plant/+"}}));
  granted("plant/+");
  scene_.publish();
  scene_.down();
  const auto queued = begin(request_with_filters({{"plant/+"}}));
  refused("plant/+");
  scene_.up();
  EXPECT_THAT(scene_.publish(), IsEmpty());
  EXPECT_EQ(scene_.outcome(out), "broker-unavailable");
  EXPECT_EQ(scene_.outcome(queued), "broker-unavailable");
}

TEST_F(RouteCalls, EndAtTheirDeadlineWhereNoAnswerToTheSubscriptionComes) {
  const auto a = begin(request_with_filters({{"plant/+"}}));
  scene_.advance(5s);
  const Failure failure = failure_of(a);
  EXPECT_EQ(failure.problem, Problem::broker_unavailable);
  EXPECT_THAT(failure.detail, HasSubstr("did not answer the subscription"));
  granted("plant/+");
  EXPECT_THAT(scene_.publish(), IsEmpty());
  expect_nothing_is_left();
}

TEST_F(RouteCalls, TakeNoTurnBeforeTheirFilterIsGranted) {
  auto made = request("said", MatchByTurn{});
  made.filters = {{"said"}};
  const auto a = begin(made);
  made = request("said", MatchByTurn{});
  made.filters = {{"said"}};
  const auto b = begin(made);
  EXPECT_THAT(scene_.publish(), IsEmpty());
  granted("said");
  EXPECT_THAT(scene_.publish(), ElementsAre("payload 1"));
  say("said", "a's");
  EXPECT_THAT(scene_.publish(), ElementsAre("payload 2"));
  say("said", "b's");
  EXPECT_EQ(scene_.outcome(a), "a's by turn");
  EXPECT_EQ(scene_.outcome(b), "b's by turn");
}

TEST_F(RouteCalls, AreRefusedWhereCallsUseAllFiltersThatThereMayBe) {
  for (std::size_t i = 0; i < limits::call_filters / 2; ++i) {
    auto made = request_with_filters({{"a" + std::to_string(i)}, {"b" + std::to_string(i)}});
    made.fairness_key = std::to_string(i);
    begin(made);
  }
  EXPECT_EQ(refusal(request_with_filters({{"one more"}})).problem, Problem::overloaded);
  begin(request_with_filters({{"a0"}}));
  scene_.advance(5s);
  begin(request_with_filters({{"one more"}}));
}

// Ids in JSON ---------------------------------------------------------------------------------

TEST_F(RouteCalls, AreNotAnsweredByAMemberThatAnotherServiceUsesForOtherEnds) {
  auto by_id = request("said", MatchById{"/id", "5"});
  by_id.tests = {{"/service", "ask"}};
  auto by_re = request("said", MatchById{"/re", "5"});
  by_re.tests = {{"/service", "tell"}};
  const auto a = begin(by_id);
  const auto b = begin(by_re);
  scene_.publish();
  say("said", R"({"id":5,"re":5,"service":"other"})");
  say("said", R"({"id":5,"re":5,"service":"tell"})");
  say("said", R"({"id":5,"re":5,"service":"ask"})");
  EXPECT_EQ(scene_.outcome(a), R"({"id":5,"re":5,"service":"ask"} by id)");
  EXPECT_EQ(scene_.outcome(b), R"({"id":5,"re":5,"service":"tell"} by id)");
  EXPECT_EQ(scene_.table.dropped(Dropped::unmatched), 1u);
}

TEST_F(RouteCalls, FindTheirIdAsANumberOrAStringAndOnceOnly) {
  const auto a = begin(request("said", MatchById{"/id", "5"}));
  const auto b = begin(request("said", MatchById{"/id", "6"}));
  scene_.publish();
  say("said", R"({"id":"7","id":"5"})");
  say("said", std::string(limits::json_depth, '[') + R"({"id":5})");
  say("said", R"({"id":5)");
  say("said", R"({"id":5})");
  say("said", R"({"id":"6"})");
  say("said", R"({"id":"6","n":2})");
  EXPECT_EQ(scene_.outcome(a), R"({"id":5} by id)");
  EXPECT_EQ(scene_.outcome(b), R"({"id":"6"} by id)");
  EXPECT_EQ(scene_.table.dropped(Dropped::unmatched), 4u);
}

TEST_F(RouteCalls, SayWhatCameWhereItWasNoAnswer) {
  const auto a = begin(request("said", MatchById{"/id", "5"}));
  scene_.publish();
  say("said", "no JSON");
  say("said", R"({"id":5,"x":")" + std::string(limits::id_bytes, 'x') + R"("})");
  EXPECT_EQ(scene_.table.dropped(Dropped::unmatched), 1u);
  EXPECT_EQ(scene_.table.dropped(Dropped::unchecked), 1u);
  scene_.advance(5s);
  const Failure failure = failure_of(a);
  EXPECT_EQ(failure.problem, Problem::unmatched_response);
  EXPECT_THAT(failure.detail, HasSubstr("2 responses"));
}

TEST_F(RouteCalls, WaitForTheFinalAnswer) {
  auto made = request("said", MatchById{"/id", "5"});
  AnswerRules rules;
  rules.interim = {{"/state", "working"}};
  made.rules = std::make_shared<AnswerRules>(rules);
  const auto a = begin(made);
  scene_.publish();
  say("said", R"({"id":5,"state":"working"})");
  say("said", R"({"id":5,"state":"working"})");
  EXPECT_EQ(scene_.outcome(a), "waits");
  EXPECT_EQ(scene_.table.dropped(Dropped::interim), 2u);
  say("said", R"({"id":5,"state":"done"})");
  EXPECT_EQ(scene_.outcome(a), R"({"id":5,"state":"done"} by id)");
}

TEST_F(RouteCalls, GetTheErrorOnTheErrorTopicThatHasTheirId) {
  const auto failing = [this](std::string id) {
    auto made = request("said", MatchById{"/id", std::move(id)});
    made.error_topic = "errors";
    made.tests = {{"/kind", "answer"}};
    return made;
  };
  const auto a = begin(failing("5"));
  const auto b = begin(failing("6"));
  scene_.publish();
  say("errors", R"({"id":7,"message":"nobody's"})");
  say("errors", R"({"id":5,"message":"no lamp"})");
  const Failure failure = failure_of(a);
  EXPECT_EQ(failure.problem, Problem::responder_error);
  EXPECT_THAT(failure.detail, HasSubstr("no lamp"));
  EXPECT_EQ(failure.response, R"({"id":5,"message":"no lamp"})");
  EXPECT_EQ(scene_.outcome(b), "waits");
  scene_.advance(5s);
  expect_nothing_is_left();
}

// Open levels ---------------------------------------------------------------------------------

TEST_F(RouteCalls, AreAnsweredOnATopicWithLevelsThatAreNotKnownBefore) {
  const auto a = begin(request("plant/+/said/+/1", MatchByTopic{}));
  const auto b = begin(request("plant/+/said/+/2", MatchByTopic{}));
  scene_.publish();
  say("plant/x/said/y", "too short");
  say("plant/x/told/y/1", "another");
  say("plant/x/said/y/2", "b's");
  say("plant//said/y/1", "a's");
  EXPECT_EQ(scene_.outcome(a), "a's by topic");
  EXPECT_EQ(scene_.outcome(b), "b's by topic");
  expect_nothing_is_left();
}

TEST_F(RouteCalls, NameNoResponseTopicThatHasOpenLevels) {
  begin(request("plant/+/said", MatchById{"/id", "5"}));
  EXPECT_EQ(scene_.table.next_publish(scene_.now)->response_topic, "");
  begin(request("plant/said", MatchById{"/id", "5"}));
  EXPECT_EQ(scene_.table.next_publish(scene_.now)->response_topic, "plant/said");
}

TEST_F(RouteCalls, HaveTheirStatusFromALevelOfTheTopic) {
  const auto with_status = [this](std::string id) {
    auto made = request("$iothub/res/+", MatchById{"/id", std::move(id)});
    made.status_level = 2;
    return made;
  };
  const auto a = begin(with_status("5"));
  const auto b = begin(with_status("6"));
  scene_.publish();
  say("$iothub/res/204", R"({"id":5})");
  say("$iothub/res/404", R"({"id":6})");
  EXPECT_EQ(failure_of(b).status, 404);
  EXPECT_EQ(scene_.outcome(a), "waits") << "its end was taken above";
}

// One-way -------------------------------------------------------------------------------------

TEST_F(RouteCalls, WithoutAnAnswerEndOnceTheBrokerHasAcknowledgedThem) {
  const auto a = begin(request("", MatchNothing{}));
  const auto published = scene_.table.next_publish(scene_.now);
  EXPECT_EQ(published->response_topic, "");
  EXPECT_EQ(scene_.outcome(a), "waits");
  say("", "x");
  EXPECT_EQ(scene_.outcome(a), "waits");
  scene_.table.acknowledged(a, Subscribers::perhaps, scene_.now);
  EXPECT_EQ(scene_.outcome(a), " by acknowledgement");
  expect_nothing_is_left();
}

TEST_F(RouteCalls, WithoutAnAnswerReachASubscriberOrAreRetained) {
  const auto a = begin(request("", MatchNothing{}));
  auto retained = request("", MatchNothing{});
  retained.retained = true;
  const auto b = begin(retained);
  while (scene_.table.next_publish(scene_.now))
    continue;
  scene_.table.acknowledged(a, Subscribers::none, scene_.now);
  scene_.table.acknowledged(b, Subscribers::none, scene_.now);
  EXPECT_EQ(scene_.outcome(a), "no-responder");
  EXPECT_EQ(scene_.outcome(b), " by acknowledgement");
}

TEST_F(RouteCalls, WithoutAnAnswerTimeOutWhereTheBrokerDoesNotAcknowledge) {
  const auto a = begin(request("", MatchNothing{}));
  ASSERT_TRUE(scene_.table.next_publish(scene_.now));
  scene_.advance(5s);
  const Failure failure = failure_of(a);
  EXPECT_EQ(failure.problem, Problem::response_timeout);
  EXPECT_THAT(failure.detail, HasSubstr("the broker did not acknowledge it"));
}

TEST_F(RouteCalls, AreRefusedWhereTheyNeedAResponseTopicAndThereIsNone) {
  auto made = request("inbox/1", MatchByTopic{});
  made.needs_response_topic = true;
  const auto a = begin(made);
  EXPECT_THAT(scene_.publish(), IsEmpty());
  EXPECT_EQ(failure_of(a).problem, Problem::broker_refused);
}

TEST_F(RouteCalls, GiveTheContentTypeOfTheAnswer) {
  const auto a = begin(request("said/1", MatchByTopic{}));
  scene_.publish();
  scene_.table.response({.topic = "said/1", .payload = "\xff\xd8", .content_type = "image/jpeg"},
                        scene_.now);
  const auto ended = scene_.table.next_ended();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->exchange, a);
  const auto& answer = std::get<Answer>(ended->outcome);
  EXPECT_EQ(answer.content_type, "image/jpeg");
  EXPECT_EQ(answer.payload, "\xff\xd8") << "it need not be text";
}

// Turns ---------------------------------------------------------------------------------------

TEST_F(RouteCalls, WaitForTheFinalAnswerToACallThatHasEndedAlthoughAnInterimOneCame) {
  const auto in_turn = [this](Duration timeout) {
    auto made = request("said", MatchByTurn{}, timeout);
    AnswerRules rules;
    rules.interim = {{"/state", "working"}};
    made.rules = std::make_shared<AnswerRules>(rules);
    return made;
  };
  begin(in_turn(1s));
  scene_.publish();
  scene_.advance(1s);
  const auto b = begin(in_turn(2min));
  say("said", R"({"state":"working"})");
  EXPECT_THAT(scene_.publish(), IsEmpty());
  EXPECT_EQ(scene_.table.dropped(Dropped::interim), 1u);
  say("said", R"({"of":1})");
  EXPECT_THAT(scene_.publish(), ElementsAre("payload 2"));
  EXPECT_EQ(scene_.outcome(b), "waits");
  say("said", R"({"state":"working"})");
  say("said", R"({"of":2})");
  EXPECT_EQ(scene_.outcome(b), R"({"of":2} by turn)");
}

TEST_F(RouteCalls, TakeAnErrorOnItsTopicInTheirTurnWhateverTheirTestsAre) {
  auto made = request("said", MatchByTurn{});
  made.error_topic = "errors";
  made.tests = {{"/kind", "answer"}};
  const auto a = begin(made);
  scene_.publish();
  say("said", R"({"message":"no lamp"})");
  EXPECT_EQ(scene_.outcome(a), "waits");
  say("errors", R"({"message":"no lamp"})");
  const Failure failure = failure_of(a);
  EXPECT_EQ(failure.problem, Problem::responder_error);
  EXPECT_THAT(failure.detail, HasSubstr("no lamp"));
}

// Our own requests ----------------------------------------------------------------------------

TEST_F(RouteCalls, AreNotAnsweredByTheirOwnRequestThatComesBack) {
  const auto both = [this] { return request("plant/get", MatchByTurn{}, 1s); };
  const auto a = begin(both());
  EXPECT_THAT(scene_.publish(), ElementsAre("payload 1"));
  say("plant/get", "payload 1");
  EXPECT_EQ(scene_.outcome(a), "waits");
  EXPECT_EQ(scene_.table.dropped(Dropped::own), 1u);
  say("plant/get", "payload 1");
  EXPECT_EQ(scene_.outcome(a), "payload 1 by turn") << "it is the answer now";
}

TEST_F(RouteCalls, DoNotTakeTheRequestOfACallThatHasEndedForItsLateAnswer) {
  begin(request("plant/get", MatchByTurn{}, 1s));
  scene_.publish();
  scene_.advance(1s);
  const auto b = begin(request("plant/get", MatchByTurn{}, 2min));
  say("plant/get", "payload 1");
  EXPECT_THAT(scene_.publish(), IsEmpty()) << "the answer may still come";
  EXPECT_EQ(scene_.table.dropped(Dropped::own), 1u);
  say("plant/get", "the answer");
  EXPECT_THAT(scene_.publish(), ElementsAre("payload 2"));
  EXPECT_EQ(scene_.outcome(b), "waits");
}

TEST_F(RouteCalls, DoNotTakeARequestThatOutlivesItsConnectionForAnAnswerButAfterAMinute) {
  const auto a = begin(request("plant/get", MatchByTurn{}, 5min));
  scene_.publish();
  scene_.down();
  scene_.up();
  scene_.advance(limits::memory_age);
  say("plant/get", "payload 1");
  EXPECT_EQ(scene_.outcome(a), "waits") << "some brokers are slow";
  say("plant/get", "a's");
  const auto b = begin(request("plant/get", MatchByTurn{}, 5min));
  scene_.publish();
  scene_.advance(limits::memory_age + 1ns);
  say("plant/get", "payload 2");
  EXPECT_EQ(scene_.outcome(b), "payload 2 by turn");
}

// As many as may be in flight -----------------------------------------------------------------

TEST_F(RouteCalls, AreInFlightOnlySoManyAndOthersPassThem) {
  const auto limited = [this](const std::string& key) {
    auto made = request("said/" + std::to_string(calls_), MatchByTopic{});
    made.fairness_key = key;
    made.most_in_flight = key == "/plant" ? 2 : SIZE_MAX;
    return made;
  };
  for (int i = 0; i < 4; ++i)
    begin(limited("/plant"));
  begin(limited("/other"));
  EXPECT_THAT(scene_.publish(),
              testing::UnorderedElementsAre("payload 1", "payload 2", "payload 5"));
  say("said/0", "1's");
  EXPECT_THAT(scene_.publish(), ElementsAre("payload 3"));
  scene_.advance(5s);
  EXPECT_THAT(scene_.publish(), IsEmpty()) << "the last one waited in vain";
  expect_nothing_is_left();
}

TEST_F(RouteCalls, AreInFlightOnlySoManyAlsoWhereEachGoesOutAlone) {
  scene_.table.link_up({.session_present = true, .window = 1}, scene_.now);
  const auto limited = [this] {
    auto made = request("plant/said/" + std::to_string(calls_), MatchByTopic{});
    made.most_in_flight = 2;
    made.is_idempotent = true;
    made.payload = std::string(1000 * static_cast<std::size_t>(calls_), 'x');  // none is proven
    return made;
  };
  const auto first = begin(limited());
  for (int i = 0; i < 2; ++i) {  // for the second time alone: what goes to this topic goes alone
    ASSERT_TRUE(scene_.table.next_publish(scene_.now));
    scene_.down();
    scene_.up();
  }
  for (int i = 0; i < 3; ++i)
    begin(limited());
  std::set<ExchangeId> out;
  for (int i = 0; i < 20; ++i) {
    if (const auto next = scene_.table.next_publish(scene_.now)) {
      scene_.table.acknowledged(next->exchange, Subscribers::perhaps, scene_.now);
      out.insert(next->exchange);
    }
    scene_.advance(limits::trial_pause);
  }
  EXPECT_THAT(out, ElementsAre(first, first + 1));
}

}  // namespace
}  // namespace mqtt_bridge
