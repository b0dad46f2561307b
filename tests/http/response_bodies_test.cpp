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

// Of routes --------------------------------------------------------------------------------------

HttpResponse answer_of_route(std::string payload, std::string content_type, bool is_json = false) {
  Ended ended = ended_after(1ms);
  ended.outcome = Answer{std::move(payload), MatchedBy::id, "", std::move(content_type)};
  return route_answer_response(ended, is_json);
}

std::optional<std::string> field_of(const HttpResponse& response, std::string_view name) {
  const auto value = response.field(name);
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

TEST(RouteAnswers, AreTheBytesAndTheTypeOfTheService) {
  const std::string bytes("\0\xff\r\n", 4);
  const HttpResponse response = answer_of_route(bytes, "application/cbor");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body.text, bytes);
  EXPECT_EQ(response.field("Content-Type"), "application/cbor");
}

TEST(RouteAnswers, AreGivenATypeWhereTheServiceNamesNone) {
  struct Row {
    std::string payload;
    const char* type;
    const char* type_of_json_route;
  };
  constexpr const char* plain = "text/plain; charset=utf-8";
  constexpr const char* json = "application/json";
  constexpr const char* octets = "application/octet-stream";
  const std::string large = "{\"a\":\"" + std::string(70'000, 'x') + "\"}";
  const Row rows[] = {
      {"", plain, plain},
      {"ON", plain, plain},
      {"ä", plain, plain},
      {"\xff", octets, octets},
      {"{\"a\":1}", json, json},
      {"[1]", json, json},
      {"{\"a\":1", plain, plain},
      {"{\xff}", octets, octets},
      {"true", plain, json},
      {"12", plain, json},
      {"\"a\"", plain, json},
      {large, plain, json},
      {std::string(70'000, 'x'), plain, plain},
  };
  for (const Row& row : rows) {
    const std::string shown = row.payload.substr(0, 20);
    EXPECT_EQ(field_of(answer_of_route(row.payload, ""), "Content-Type"), row.type) << shown;
    EXPECT_EQ(field_of(answer_of_route(row.payload, "", true), "Content-Type"),
              row.type_of_json_route)
        << shown;
  }
}

/// MQTT lets a service say anything.
TEST(RouteAnswers, PassOnATypeOnlyWhereItIsOne) {
  const std::string longest = "a/" + std::string(253, 'b');
  for (const std::string& type :
       {std::string("text/html"), std::string("text/plain; charset=iso-8859-1"),
        std::string("application/vnd.a+json;v=\"1 2\""), longest})
    EXPECT_EQ(field_of(answer_of_route("x", type), "Content-Type"), type);
  for (const std::string& type :
       {std::string("json"), std::string("a/b\r\nSet-Cookie: c=d"), std::string("a/b\n"),
        std::string("a/\0b", 4), std::string("a/\xc3\xa4"), std::string("a/b\tc"), longest + "b",
        std::string("/"), std::string("a/"), std::string("/b"), std::string("a b/c"),
        std::string("a/b, c/d"), std::string("a/b/c"), std::string(";a/b")})
    EXPECT_EQ(field_of(answer_of_route("x", type), "Content-Type"), "text/plain; charset=utf-8")
        << type;
}

/// A page that a service made must not act as one of ours in a browser.
TEST(RouteAnswers, AreKeptFromActingAsAPageOfOurs) {
  constexpr const char* policy = "sandbox; default-src 'none'";
  for (const char* const type : {"text/html", "image/svg+xml", "application/xhtml+xml",
                                 "text/javascript", "application/pdf", "TEXT/HTML; charset=utf-8"})
    EXPECT_EQ(field_of(answer_of_route("<p>", type), "Content-Security-Policy"), policy) << type;
  EXPECT_EQ(field_of(answer_of_route("\xff", ""), "Content-Security-Policy"), policy);
  EXPECT_EQ(field_of(answer_of_route("ON", ""), "Content-Security-Policy"), std::nullopt);
  EXPECT_EQ(field_of(answer_of_route("{}", ""), "Content-Security-Policy"), std::nullopt);
  EXPECT_EQ(field_of(answer_of_route("{}", "application/json"), "Content-Security-Policy"),
            std::nullopt);
}

TEST(RouteAnswers, AreAcceptedWhereNoneIsAskedFor) {
  Ended ended = ended_after(1ms);
  ended.outcome = Answer{"", MatchedBy::acknowledgement, ""};
  EXPECT_EQ(route_answer_response(ended, true), HttpResponse{.status = 202});
}

std::string body_of_error(const std::string& response, std::optional<int> status = {}) {
  return problem_response({Problem::responder_error, "no", status, {}, response}, Retryable::no,
                          "r1")
      .body.text;
}

TEST(RouteProblems, HaveTheServicesOwnWordsBeside) {
  const std::string begin =
      "{\"type\":\"/problems/responder-error\",\"title\":\"The responder reported an "
      "error\",\"status\":502,\"detail\":\"no\",\"request_id\":\"r1\",\"retryable\":false";
  EXPECT_EQ(body_of_error(""), begin + "}\n");
  EXPECT_EQ(body_of_error("not found"), begin + ",\"response\":\"not found\"}\n");
  EXPECT_EQ(body_of_error(R"({"b":1,"a":[null]})"),
            begin + ",\"response\":{\"b\":1,\"a\":[null]}}\n");
  EXPECT_EQ(body_of_error("12"), begin + ",\"response\":12}\n");
  // What programs understand differently stays a text.
  EXPECT_EQ(body_of_error(R"({"a":1,"a":2})"),
            begin + R"(,"response":"{\"a\":1,\"a\":2}"})" + "\n");
  EXPECT_EQ(body_of_error("a\"\n"), begin + ",\"response\":\"a\\\"\\n\"}\n");
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_EQ(body_of_error(deep), begin + ",\"response\":\"" + deep + "\"}\n");
}

TEST(RouteProblems, HaveTheStatusThatTheServiceNamed) {
  for (const int status : {400, 404, 409, 429, 500, 504}) {
    const HttpResponse response =
        problem_response({Problem::responder_error, "no", status}, Retryable::no, "r1");
    EXPECT_EQ(response.status, status);
    EXPECT_NE(response.body.text.find("\"status\":" + std::to_string(status)), std::string::npos);
    EXPECT_EQ(response.field("Retry-After"), std::nullopt);
  }
}

}  // namespace
}  // namespace mqtt_bridge
