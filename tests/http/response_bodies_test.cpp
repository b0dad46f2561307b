// answers.hpp, as values.
#include "http/response_bodies.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

Ended ended_after(Duration took) {
  return {.exchange = 1,
          .outcome = Answer{"HELLO", MatchedBy::content, ""},
          .arrived = Instant{},
          .published = {},
          .published_last = {},
          .acknowledged = {},
          .ended = Instant{} + took};
}

TEST(Answers, TellTheirTimeInMilliseconds) {
  struct Row {
    Duration took;
    const char* field;
  };
  const Row rows[] = {
      {0ns, "total;dur=0.0"},     {499ns, "total;dur=0.0"},    {501ns, "total;dur=0.001"},
      {1ms, "total;dur=1.0"},     {1050us, "total;dur=1.05"},  {1234567ns, "total;dur=1.235"},
      {60s, "total;dur=60000.0"}, {999999ns, "total;dur=1.0"}, {-1500us, "total;dur=-1.5"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(server_timing(ended_after(row.took)), row.field);
}

TEST(Answers, TellTheTimeOfThePartsThatTheCallCameTo) {
  Ended ended = ended_after(10ms);
  ended.published = Instant{} + 1ms;
  EXPECT_EQ(server_timing(ended), "queue;dur=1.0, response;dur=9.0, total;dur=10.0");
  ended.published_last = Instant{} + 2ms;
  ended.acknowledged = Instant{} + 4ms;
  EXPECT_EQ(server_timing(ended),
            "queue;dur=1.0, puback;dur=2.0, response;dur=9.0, total;dur=10.0");
}

TEST(Answers, AreTheTextAndNothingElse) {
  Ended ended = ended_after(1ms);
  const HttpResponse expected{.fields = {{"Content-Type", "text/plain; charset=utf-8"}},
                              .body = {.text = "HELLO"}};
  EXPECT_EQ(answer_response(ended, AnswerAs::text, "r1"), expected);
}

/// A responder's name is its own; what is not UTF-8 in it must not end the JSON.
TEST(Answers, AreJsonForWhoWantsIt) {
  Ended ended = ended_after(1ms);
  std::get<Answer>(ended.outcome).responder = "a\"\xff";
  const HttpResponse response = answer_response(ended, AnswerAs::json, "r1");
  EXPECT_EQ(response.field("Content-Type"), "application/json");
  const HttpResponse::Body expected{
      .begin = "{\"response\":\"",
      .text = "HELLO",
      .kind = HttpResponse::Text::inside_json_string,
      .end =
          "\",\"matched_by\":\"content\",\"request_id\":\"r1\",\"milliseconds\":"
          "{\"total\":1.0},\"responder\":\"a\\\"\xef\xbf\xbd\"}\n"};
  EXPECT_EQ(response.body, expected);
}

TEST(Answers, SayWhenAProblemMayBeTriedAgain) {
  const auto with = [](Failure failure) -> std::optional<std::string> {
    const HttpResponse response = problem_response(failure, Retryable::yes, "r1");
    const auto seconds = response.field("Retry-After");
    return seconds ? std::optional<std::string>(*seconds) : std::nullopt;
  };
  EXPECT_EQ(with({Problem::overloaded, "", {}}), "1");
  EXPECT_EQ(with({Problem::turn_pending, "", {}, 1500ms}), "2");
  EXPECT_EQ(with({Problem::invalid_netid, "", {}}), std::nullopt);
}

}  // namespace
}  // namespace mqtt_bridge
