// The table of exchanges of a daemon beside which others serve the same NetIDs.
#include "exchange/scene.hpp"

namespace mqtt_bridge {
namespace {

const std::string response_topic_of_turns = "alice/translate/response";

class InCompany : public testing::Test {
 protected:
  InCompany() {
    scene.table.link_up({.session_present = false, .window = window, .may_tell_subscribers = true},
                        scene.now);
  }
  void take_no_turns() { scene.table.set_company(Exchanges::Company{"'other' does"}, scene.now); }
  void announce(Correlates correlates) {
    scene.table.announced("r", {"translate"}, Heard::live, scene.now, correlates);
  }
  std::variant<ExchangeId, Failure> try_call(const std::string& text = "a") {
    return scene.try_call_for("translate", text, 5s);
  }
  std::string refusal(const std::variant<ExchangeId, Failure>& call) {
    const auto* const failure = std::get_if<Failure>(&call);
    return failure != nullptr ? std::string(describe(failure->problem).slug) : "";
  }

  Scene scene;
};

TEST_F(InCompany, RefusesCallsThatWouldTakeTurnsOfAnother) {
  take_no_turns();
  const auto call = try_call();
  EXPECT_EQ(refusal(call), "turns-elsewhere");
  EXPECT_THAT(std::get<Failure>(call).detail, testing::HasSubstr("'other' does"));
  announce(Correlates::perhaps);
  EXPECT_EQ(refusal(try_call()), "turns-elsewhere");
  EXPECT_EQ(refusal(scene.try_call("a", Action::reverse)), "");
}

TEST_F(InCompany, TakesTurnsWhereTheyAreItsOwn) {
  scene.table.set_company(Exchanges::Company{}, scene.now);
  const auto call = std::get<ExchangeId>(try_call());
  scene.publish();
  scene.table.response({.topic = response_topic_of_turns, .payload = "A"}, scene.now);
  EXPECT_EQ(scene.outcome(call), "A by turn");
}

TEST_F(InCompany, NeedsNoTurnsWhereAllRespondersSayThatTheySendCorrelationData) {
  take_no_turns();
  announce(Correlates::yes);
  const auto one = std::get<ExchangeId>(try_call("a"));
  const auto two = std::get<ExchangeId>(try_call("b"));
  EXPECT_THAT(scene.publish(), ElementsAre("a", "b"));
  scene.table.response({.topic = response_topic_of_turns, .payload = "?"}, scene.now);
  EXPECT_EQ(scene.outcome(one), "waits") << "that may be the answer to another daemon";
  scene.table.response(
      {.topic = response_topic_of_turns, .payload = "B", .correlation = scene.correlation_of[two]},
      scene.now);
  EXPECT_EQ(scene.outcome(two), "B by correlation");
  scene.table.announced("s", {"translate"}, Heard::live, scene.now, Correlates::perhaps);
  EXPECT_EQ(refusal(scene.try_call_for("translate", "c", 5s, "bob")), "turns-elsewhere");
}

TEST_F(InCompany, EndsWhatWaitsForATurnOnceTurnsAreOfAnother) {
  const auto out = std::get<ExchangeId>(try_call("a"));
  const auto waits = std::get<ExchangeId>(try_call("b"));
  scene.publish();
  take_no_turns();
  EXPECT_EQ(scene.outcome(waits), "turns-elsewhere");
  EXPECT_EQ(scene.outcome(out), "waits");
  scene.table.response({.topic = response_topic_of_turns, .payload = "A"}, scene.now);
  EXPECT_EQ(scene.outcome(out), "waits") << "the other one may have asked by now";
}

TEST_F(InCompany, BelievesNoFoldedMatch) {
  const auto alone = scene.call("\u00df");
  scene.publish();
  scene.answer("\u1e9e");
  EXPECT_EQ(scene.outcome(alone), "\u1e9e by folded-content");
  scene.table.set_company(Exchanges::Company{}, scene.now);
  const auto call = scene.call("\u00df\u00df");
  scene.publish();
  scene.answer("\u1e9e\u1e9e");
  EXPECT_EQ(scene.outcome(call), "waits");
}

}  // namespace
}  // namespace mqtt_bridge
