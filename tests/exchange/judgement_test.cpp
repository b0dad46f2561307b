#include "exchange/judgement.hpp"

#include <memory>

#include <gtest/gtest.h>

#include "base/limits/call.hpp"
#include "base/limits/exchange.hpp"

namespace mqtt_bridge {
namespace {

/// What a response means, in words; of an error its status and what it says.
class JudgementTest : public testing::Test {
 protected:
  enum class On { response_topic, error_topic };
  std::string judged(Response response, On on = On::response_topic) {
    if (has_rules_)
      request_.rules = std::make_shared<AnswerRules>(rules_);
    ResponseJson json(response.payload);
    const auto judged = judge(response, json, request_, on == On::error_topic);
    if (const auto* const meaning = std::get_if<Meaning>(&judged)) {
      switch (*meaning) {
        case Meaning::answer:
          return "answer";
        case Meaning::no_answer:
          return "no answer";
        case Meaning::interim:
          return "interim";
      }
    }
    failure_ = std::get<Failure>(judged);
    if (failure_.problem == Problem::bad_response)
      return "bad response";
    return (failure_.status ? std::to_string(*failure_.status) + ": " : "") + failure_.detail;
  }
  std::string of_payload(std::string_view payload, On on = On::response_topic) {
    return judged({.topic = "said", .payload = payload}, on);
  }

  bool has_rules_ = true;
  AnswerRules rules_;
  MqttRequest request_;
  Failure failure_;
};

TEST_F(JudgementTest, AnswersAreTextWhereThereAreNoRules) {
  has_rules_ = false;
  EXPECT_EQ(of_payload("text"), "answer");
  EXPECT_EQ(of_payload("\xff"), "bad response");
  EXPECT_EQ(judged({.topic = "said", .payload = "x", .status = "404", .error = "no lamp"}),
            "404: no lamp");
}

TEST_F(JudgementTest, AnswersOfRoutesMayBeAnything) {
  EXPECT_EQ(of_payload("\xff"), "answer");
  EXPECT_EQ(of_payload(""), "answer");
}

TEST_F(JudgementTest, AnswersPassAllTests) {
  request_.tests = {{"/kind", "answer"}, {"/ok", true}};
  EXPECT_EQ(of_payload(R"({"kind":"answer","ok":true})"), "answer");
  for (const char* const other : {R"({"kind":"answer"})", R"({"kind":"answer","ok":"true"})", "{"})
    EXPECT_EQ(of_payload(other), "no answer") << other;
  EXPECT_EQ(of_payload(R"({"message":"no lamp"})", On::error_topic), "no lamp");
}

TEST_F(JudgementTest, InterimAnswersHaveAllThatIsAskedFor) {
  rules_.interim = {{"/state", "working"}, {"/done", false}};
  EXPECT_EQ(of_payload(R"({"state":"working","done":false})"), "interim");
  EXPECT_EQ(of_payload(R"({"state":"working"})"), "answer");
  EXPECT_EQ(of_payload("no JSON"), "answer");
}

TEST_F(JudgementTest, ErrorsAreWhereThePointerSaysSo) {
  rules_.error_pointer = "/error";
  EXPECT_EQ(of_payload(R"({"error":null})"), "answer");
  EXPECT_EQ(of_payload(R"({"error":{"message":"no lamp"}})"), "no lamp");
  EXPECT_EQ(failure_.problem, Problem::responder_error);
  EXPECT_EQ(failure_.response, R"({"error":{"message":"no lamp"}})");
}

TEST_F(JudgementTest, ErrorsAreTheValueThatIsNamed) {
  rules_.error_test = {"/status", "error"};
  EXPECT_EQ(of_payload(R"({"status":"ok"})"), "answer");
  EXPECT_EQ(of_payload(R"({"status":"error","reason":"no lamp"})"), "no lamp");
}

TEST_F(JudgementTest, StatusesAreInTheJson) {
  rules_.status_pointer = "/code";
  EXPECT_EQ(of_payload(R"({"code":204})"), "answer");
  EXPECT_EQ(of_payload(R"({"code":"404","message":"no lamp"})"), "404: no lamp");
  EXPECT_EQ(of_payload(R"({"code":401,"message":"no"})"), "no") << "it does not pass it on";
  EXPECT_EQ(of_payload(R"({"code":4})"), R"({"code":4})") << "it counts in its own way";
  EXPECT_EQ(of_payload("{}"), "answer");
}

TEST_F(JudgementTest, StatusesAreInAUserProperty) {
  rules_.status_property = "code";
  const UserProperties found{{"code", "404"}};
  const UserProperties fine{{"other", "404"}, {"code", "200"}};
  EXPECT_EQ(judged({.topic = "t", .payload = "no lamp", .user_properties = &found}),
            "404: no lamp");
  EXPECT_EQ(judged({.topic = "t", .payload = "", .user_properties = &fine}), "answer");
  EXPECT_EQ(judged({.topic = "t", .payload = ""}), "answer");
  rules_.status_property = "status";
  EXPECT_EQ(judged({.topic = "t", .payload = "no lamp", .status = "503"}), "503: no lamp");
}

TEST_F(JudgementTest, StatusesAreALevelOfTheTopic) {
  request_.status_level = 2;
  EXPECT_EQ(judged({.topic = "a/b/404/x", .payload = "no lamp"}), "404: no lamp");
  EXPECT_EQ(judged({.topic = "a/b/4040", .payload = "no lamp"}), "no lamp");
  for (const char* const topic : {"a/b/200", "a/b/"})
    EXPECT_EQ(judged({.topic = topic, .payload = ""}), "answer") << topic;
  EXPECT_EQ(judged({.topic = "errors/of/404", .payload = "no lamp"}, On::error_topic), "no lamp")
      << "of the response topic";
}

TEST_F(JudgementTest, ErrorsSayNoMoreThanIsAllowedAndOnlyText) {
  const std::string long_text(limits::error_words_bytes + 1, 'x');
  EXPECT_EQ(of_payload(long_text, On::error_topic),
            long_text.substr(0, limits::error_words_bytes) + "...");
  EXPECT_EQ(of_payload(std::string(limits::error_payload_bytes, 'x'), On::error_topic).size(),
            limits::error_words_bytes + 3);
  EXPECT_EQ(failure_.response.size(), limits::error_payload_bytes);
  of_payload(std::string(limits::error_payload_bytes + 1, 'x'), On::error_topic);
  EXPECT_EQ(failure_.response, "");
  EXPECT_EQ(of_payload("\xff", On::error_topic),
            "the service reported an error, and gave no reason that is text");
  EXPECT_EQ(failure_.response, "");
}

TEST_F(JudgementTest, JsonIsReadUpToItsBoundOnly) {
  rules_.error_pointer = "/error";
  const std::string before = R"({"error":"no","x":")";
  const std::string after = R"("})";
  const std::string fits(limits::id_bytes - before.size() - after.size(), 'x');
  EXPECT_EQ(of_payload(before + fits + after), "no");
  EXPECT_EQ(of_payload(before + fits + "x" + after), "answer");
}

}  // namespace
}  // namespace mqtt_bridge
