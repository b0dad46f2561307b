// judgement.hpp and failures.hpp: the status that an answer of a service names.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "exchange/failures.hpp"
#include "exchange/judgement.hpp"

namespace mqtt_bridge {
namespace {

/// "answer", or the status of the problem.
std::string judged(const Response& response, AnswerRules rules,
                   std::optional<std::size_t> status_level = {}) {
  MqttRequest request{};
  request.response_topic = "r/+";
  request.rules = std::make_shared<const AnswerRules>(std::move(rules));
  request.status_level = status_level;
  ResponseJson json(response.payload);
  const auto judgement = judge(response, json, request, false);
  const auto* const failure = std::get_if<Failure>(&judgement);
  if (failure == nullptr)
    return "answer";
  EXPECT_EQ(failure->problem, Problem::responder_error);
  return std::to_string(failure->status.value_or(502));
}

struct StatusRow {
  const char* status;
  const char* judged;
};

// Of a service that counts otherwise than HTTP does, an error must not look like an answer.
const StatusRow status_rows[] = {
    {"200", "answer"}, {"204", "answer"}, {"299", "answer"}, {"404", "404"}, {"503", "503"},
    {"300", "502"},    {"199", "502"},    {"401", "502"},    {"408", "502"}, {"600", "502"},
    {"0", "502"},      {"6203", "502"},   {"2000", "502"},   {"-1", "502"},
};

TEST(StatusOfAnswers, IsFoundByAPointer) {
  AnswerRules rules;
  rules.status_pointer = "/code";
  for (const auto& [status, expected] : status_rows) {
    const std::string number = "{\"code\":" + std::string(status) + "}";
    EXPECT_EQ(judged({.topic = "r/1", .payload = number}, rules), expected) << number;
    const std::string text = "{\"code\":\"" + std::string(status) + "\"}";
    EXPECT_EQ(judged({.topic = "r/1", .payload = text}, rules), expected) << text;
  }
  EXPECT_EQ(judged({.topic = "r/1", .payload = R"({"code":"NOT_FOUND"})"}, rules), "502");
  for (const char* const none : {"{}", R"({"code":null})", R"({"code":""})", "[]", "no JSON", ""})
    EXPECT_EQ(judged({.topic = "r/1", .payload = none}, rules), "answer") << none;
}

TEST(StatusOfAnswers, IsAUserProperty) {
  AnswerRules rules;
  rules.status_property = "__stat";
  for (const auto& [status, expected] : status_rows) {
    const UserProperties properties{{"other", "500"}, {"__stat", status}};
    EXPECT_EQ(judged({.topic = "r/1", .payload = "x", .user_properties = &properties}, rules),
              expected)
        << status;
  }
  const UserProperties other{{"__Stat", "500"}};
  EXPECT_EQ(judged({.topic = "r/1", .payload = "x", .user_properties = &other}, rules), "answer");
  EXPECT_EQ(judged({.topic = "r/1", .payload = "x"}, rules), "answer");
}

TEST(StatusOfAnswers, IsALevelOfTheTopic) {
  for (const auto& [status, expected] : status_rows) {
    const std::string topic = "r/" + std::string(status);
    EXPECT_EQ(judged({.topic = topic, .payload = "x"}, {}, 1), expected) << status;
  }
}

TEST(StatusOfAnswers, IsOfOurOwnConventionWhereTheRouteSaysNothing) {
  EXPECT_EQ(judged({.topic = "r/1", .payload = "x", .status = "404"}, {}), "404");
  EXPECT_EQ(judged({.topic = "r/1", .payload = "x", .status = "200"}, {}), "answer");
  EXPECT_EQ(judged({.topic = "r/1", .payload = "x", .status = "ok"}, {}), "answer");
}

/// Others need fields that we cannot give, or invite to send a request again that was carried out.
TEST(StatusOfAnswers, IsPassedOnWhereItSaysTheSameOfACall) {
  for (const char* const status :
       {"400", "402", "403", "404", "409", "410", "413", "415", "418", "422", "423",
        "424", "429", "451", "500", "501", "502", "503", "504", "507", "508"})
    EXPECT_EQ(status_of(status), std::stoi(status));
  for (const char* const status :
       {"401", "405", "406", "407", "408", "411",  "414", "416",  "417", "421",
        "425", "426", "431", "505", "511", "100",  "101", "200",  "301", "304",
        "399", "999", "000", "",    "40",  "4040", "4a4", " 404", "+40"})
    EXPECT_EQ(status_of(status), std::nullopt) << status;
}

}  // namespace
}  // namespace mqtt_bridge
