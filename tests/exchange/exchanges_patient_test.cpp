// Requests that wait for a broker or a responder that is away.
#include "base/limits/later.hpp"
#include "scene.hpp"

namespace mqtt_bridge {
namespace {

class PatientTest : public testing::Test {
 protected:
  MqttRequest request(std::string payload, Duration timeout = 1h,
                      std::string_view action = "uppercase") {
    MqttRequest made = transform_request({.netid = "alice",
                                          .action = std::string(action),
                                          .payload = std::move(payload),
                                          .correlation = "patient " + std::to_string(++calls_),
                                          .is_patient = true,
                                          .arrived = scene.now,
                                          .deadline = scene.now + timeout});
    return made;
  }
  ExchangeId call(std::string payload, Duration timeout = 1h,
                  std::string_view action = "uppercase") {
    return std::get<ExchangeId>(scene.table.begin(request(std::move(payload), timeout, action)));
  }
  /// The payloads that go out now; the broker says that no client is subscribed.
  std::vector<std::string> publish_to_nobody() {
    std::vector<std::string> payloads;
    std::vector<ExchangeId> ids;
    while (const auto next = scene.table.next_publish(scene.now)) {
      payloads.emplace_back(next->payload);
      scene.correlation_of[next->exchange] = next->correlation;
      ids.push_back(next->exchange);
    }
    for (const auto id : ids)
      scene.table.acknowledged(id, Subscribers::none, scene.now);
    return payloads;
  }

  Scene scene;

 private:
  int calls_ = 0;
};

TEST_F(PatientTest, WaitForALinkThatIsDown) {
  scene.advance(limits::down_grace + 1s);
  EXPECT_EQ(std::get<Failure>(scene.try_call("now")).problem, Problem::broker_unavailable);
  const auto later = call("later");
  scene.advance(10min);
  EXPECT_EQ(scene.outcome(later), "waits");
  scene.up();
  EXPECT_THAT(scene.publish(), ElementsAre("later"));
  scene.correlated_answer(later, "LATER");
  EXPECT_EQ(scene.outcome(later), "LATER by correlation");
}

TEST_F(PatientTest, EndAtTheirDeadlineAndNotBefore) {
  scene.up();
  const auto later = call("a", 1h);
  scene.publish();
  scene.advance(1h - 1ns);
  EXPECT_EQ(scene.outcome(later), "waits");
  scene.advance(1ns);
  EXPECT_EQ(scene.outcome(later), "response-timeout");
  EXPECT_EQ(scene.table.patient(), 0u);
}

TEST_F(PatientTest, OutliveTheirResponders) {
  scene.up();
  scene.table.announced("r", {"uppercase"});
  const auto later = call("a");
  scene.publish();
  scene.table.gone("r", scene.now);
  scene.advance(1min);
  EXPECT_EQ(scene.outcome(later), "waits");
  const auto another = call("b");
  EXPECT_THAT(scene.publish(), ElementsAre("b")) << "a session may keep it";
  scene.table.announced("r", {"uppercase"}, Heard::live, scene.now);
  EXPECT_THAT(scene.publish(), IsEmpty()) << "the broker has delivered them";
  scene.correlated_answer(later, "A");
  scene.correlated_answer(another, "B");
  EXPECT_EQ(scene.outcome(later), "A by correlation");
  EXPECT_EQ(scene.outcome(another), "B by correlation");
}

TEST_F(PatientTest, AreTriedAgainWhereNoClientWasSubscribed) {
  scene.up();
  const auto first = call("a");
  const auto second = call("b");
  EXPECT_THAT(publish_to_nobody(), ElementsAre("a", "b"));
  scene.advance(limits::undelivered_pause - 1ns);
  EXPECT_THAT(scene.publish(), IsEmpty());
  scene.advance(1ns);
  EXPECT_THAT(publish_to_nobody(), ElementsAre("a")) << "one of each topic";
  scene.advance(limits::undelivered_pause);
  EXPECT_THAT(scene.publish(), ElementsAre("a"));
  EXPECT_THAT(scene.publish(), ElementsAre("b")) << "now that somebody is there";
  scene.advance(10min);
  EXPECT_THAT(scene.publish(), IsEmpty());
  EXPECT_EQ(scene.outcome(first), "waits");
  EXPECT_EQ(scene.outcome(second), "waits");
}

TEST_F(PatientTest, GoOutAtOnceWhenAResponderComes) {
  scene.up();
  call("a");
  publish_to_nobody();
  scene.table.announced("r", {"uppercase"}, Heard::live, scene.now);
  EXPECT_THAT(scene.publish(), ElementsAre("a"));
  EXPECT_EQ(scene.table.next_deadline(), scene.now + 1h);
}

TEST_F(PatientTest, LeaveTheRoomOfOthersAlone) {
  Scene small({.in_flight = 1, .queued = 1, .per_netid = 1, .patient = 2});
  small.up();
  const auto admit = [&](const char* payload) {
    MqttRequest made = request(payload);
    made.arrived = small.now;
    made.deadline = small.now + 1h;
    return small.table.begin(std::move(made));
  };
  EXPECT_TRUE(std::holds_alternative<ExchangeId>(admit("1")));
  EXPECT_TRUE(std::holds_alternative<ExchangeId>(admit("2")));
  EXPECT_EQ(std::get<Failure>(admit("3")).problem, Problem::overloaded);
  EXPECT_THAT(small.publish(), ElementsAre("1", "2"));
  EXPECT_EQ(small.table.in_flight(), 0u);
  EXPECT_EQ(small.table.queued(), 0u);
  small.call("now");
  EXPECT_THAT(small.publish(), ElementsAre("now"));
  EXPECT_EQ(small.table.in_flight(), 1u);
}

TEST_F(PatientTest, GoAfterThoseThatSomebodyWaitsFor) {
  call("later");
  scene.call("now");
  scene.up();
  EXPECT_THAT(scene.publish(), ElementsAre("now", "later"));
}

TEST_F(PatientTest, AreGivenUpAlsoWhenPublished) {
  scene.up();
  const auto later = call("a");
  scene.publish();
  scene.table.give_up(later, scene.now);
  EXPECT_EQ(scene.outcome(later), "call-gone");
  scene.table.give_up(later, scene.now);
  EXPECT_EQ(scene.table.waiting(), 0u);
}

TEST_F(PatientTest, OfAnEarlierRunAreAnsweredAndNotPublishedAgain) {
  MqttRequest made = request("a");
  made.done_before = DoneBefore::acknowledged;
  const auto later = std::get<ExchangeId>(scene.table.begin(made));
  scene.up(true);
  scene.advance(1min);
  EXPECT_THAT(scene.publish(), IsEmpty());
  scene.correlation_of[later] = made.correlation;
  scene.correlated_answer(later, "A");
  EXPECT_EQ(scene.outcome(later), "A by correlation");
}

TEST_F(PatientTest, OfAnEarlierRunGoOutOnceMoreWhereThatIsNotKnown) {
  MqttRequest made = request("a");
  made.done_before = DoneBefore::perhaps_published;
  const auto later = std::get<ExchangeId>(scene.table.begin(made));
  MqttRequest once = request("b", 1h, "translate");  // must not be carried out twice
  once.done_before = DoneBefore::perhaps_published;
  const auto other = std::get<ExchangeId>(scene.table.begin(once));
  scene.up(true);
  scene.advance(limits::taken_up_pause - 1ns);
  EXPECT_THAT(scene.publish(), IsEmpty()) << "its answer may be on its way";
  scene.advance(1ns);
  EXPECT_THAT(scene.publish(), ElementsAre("a"));
  scene.advance(1h);
  EXPECT_EQ(scene.outcome(later), "response-timeout");
  EXPECT_EQ(scene.outcome(other), "response-timeout");
}

TEST_F(PatientTest, OfAnEarlierRunHoldTheirTurn) {
  scene.up(true);
  MqttRequest made = request("a", 1h, "translate");
  made.done_before = DoneBefore::acknowledged;
  const auto first = std::get<ExchangeId>(scene.table.begin(made));
  const auto second = scene.try_call_for("translate", "b", 5s);
  EXPECT_THAT(scene.publish(), IsEmpty());
  scene.table.response({.topic = response_topic("alice", "translate"), .payload = "x"}, scene.now);
  EXPECT_EQ(scene.outcome(first), "x by turn");
  EXPECT_THAT(scene.publish(), ElementsAre("b"));
  EXPECT_EQ(scene.outcome(std::get<ExchangeId>(second)), "waits");
}

}  // namespace
}  // namespace mqtt_bridge
