// What the table of exchanges does for routes: filters to subscribe to first, tests on answers,
// interim answers, errors on a topic of their own, open levels, limits, and requests without an
// answer.
#include "exchange/scene.hpp"

namespace mqtt_bridge {
namespace {

using testing::AllOf;
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
  EXPECT_EQ(scene_.outcome(b), R"({"of":2} by exclusive-lane)");
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
  EXPECT_EQ(scene_.outcome(a), "payload 1 by exclusive-lane") << "it is the answer now";
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
  EXPECT_EQ(scene_.outcome(b), "payload 2 by exclusive-lane");
}

// As many as may be in flight -----------------------------------------------------------------

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
