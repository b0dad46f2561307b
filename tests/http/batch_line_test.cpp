#include "http/batch_line.hpp"

#include <string>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/call.hpp"

namespace mqtt_bridge {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Answer answer(std::string payload, std::string content_type = "") {
  return {std::move(payload), MatchedBy::correlation, "", std::move(content_type)};
}

TEST(BatchLines, AreAStringOrAnObjectWithAMessage) {
  const struct {
    std::string_view line;
    std::string_view id;
    std::string_view message;
    bool is_json;
  } rows[] = {
      {R"("hello")", "7", "hello", false},
      {"\"hello\"\r", "7", "hello", false},
      {R"("two\nlines \u00e9")", "7", "two\nlines \xc3\xa9", false},
      {R"({"message":"hello"})", "7", "hello", false},
      {R"({"id":1,"message":"hello"})", "1", "hello", false},
      {R"( { "message" : "" , "id" : "a\"b" } )", R"("a\"b")", "", false},
      {R"({"id":18446744073709551615,"message":"x"})", "18446744073709551615", "x", false},
      {R"({"id":1,"message":{"b":1,"a":[2.5,null]}})", "1", R"({"b":1,"a":[2.5,null]})", true},
      {R"({"message":null})", "7", "null", true},
      {R"({"message":5})", "7", "5", true},
  };
  for (const auto& row : rows) {
    const auto item = parse_batch_line(row.line, 7);
    const auto* const line = std::get_if<BatchLine>(&item);
    ASSERT_NE(line, nullptr) << row.line;
    EXPECT_EQ(line->number, 7U);
    EXPECT_EQ(line->id, row.id) << row.line;
    EXPECT_EQ(line->message, row.message) << row.line;
    EXPECT_EQ(line->is_json, row.is_json) << row.line;
  }
}

TEST(BatchLines, ThatAreBadSayWhatIsWrong) {
  const struct {
    std::string line;
    std::string_view id;
    std::string_view why;
  } rows[] = {
      {"hello", "7", "line 7: it is not JSON"},
      {R"("half)", "7", "it is not JSON"},
      {"\"\xff\"", "7", "it is not JSON"},
      {R"("\ud800")", "7", "it is not JSON"},
      {R"("a" "b")", "7", "it is not JSON"},
      {"5", "7", R"(a line is a JSON string, or an object such as {"id":1,"message":"hello"})"},
      {"[]", "7", "a line is a JSON string"},
      {"{}", "7", "a line is a JSON string"},
      {R"({"id":3})", "3", "a line is a JSON string"},
      {R"({"id":3,"mesage":"x"})", "3", R"(no member "mesage"; did you mean message?)"},
      {R"({"id":3,"message":"x","priority":1})", "3", "its members are id and message"},
      {R"({"id":1.5,"message":"x"})", "7", "a string or an integer"},
      {R"({"id":null,"message":"x"})", "7", "a string or an integer"},
      {R"({"message":"x","message":"y"})", "7", "twice"},
      {std::string(1000, '['), "7", "nested too deep"},
  };
  for (const auto& row : rows) {
    const auto item = parse_batch_line(row.line, 7);
    const auto* const bad = std::get_if<BadLine>(&item);
    ASSERT_NE(bad, nullptr) << row.line;
    EXPECT_EQ(bad->number, 7U);
    EXPECT_EQ(bad->id, row.id) << row.line;
    EXPECT_EQ(bad->failure.problem, Problem::invalid_payload);
    EXPECT_THAT(bad->failure.detail, StartsWith("line 7: "));
    EXPECT_THAT(bad->failure.detail, HasSubstr(row.why));
  }
}

TEST(BatchLines, TakeAMessageAsLongAsACallDoes) {
  const auto line = [](std::size_t size) { return "\"" + std::string(size, 'x') + "\""; };
  EXPECT_TRUE(std::holds_alternative<BatchLine>(parse_batch_line(line(limits::payload_bytes), 1)));
  const auto item = parse_batch_line(line(limits::payload_bytes + 1), 1);
  ASSERT_TRUE(std::holds_alternative<BadLine>(item));
  EXPECT_EQ(std::get<BadLine>(item).failure.problem, Problem::payload_too_large);
}

/// The library for JSON takes seconds for an object of 20,000 members.
TEST(BatchLines, AreOfFewPartsOutsideOfStrings) {
  const auto array = [](int count) {
    std::string json = "{\"message\":[0";
    for (int i = 0; i < count; ++i)
      json += ",1";
    return json + "]}";
  };
  constexpr int most = 2048 - 3;  // without the object's own
  EXPECT_TRUE(std::holds_alternative<BatchLine>(parse_batch_line(array(most), 1)));
  const auto item = parse_batch_line(array(most + 1), 1);
  ASSERT_TRUE(std::holds_alternative<BadLine>(item));
  EXPECT_EQ(std::get<BadLine>(item).failure.problem, Problem::payload_too_large);
  EXPECT_THAT(std::get<BadLine>(item).failure.detail, HasSubstr("send it as a string"));
  const std::string text = "\"\\\"" + std::string(5000, ',') + "\"";
  EXPECT_TRUE(std::holds_alternative<BatchLine>(parse_batch_line(text, 1)));
}

TEST(BatchTypes, AreThatOfNdjson) {
  EXPECT_TRUE(is_batch_type("application/x-ndjson"));
  EXPECT_TRUE(is_batch_type("Application/X-NDJSON ; charset=utf-8"));
  EXPECT_FALSE(is_batch_type("application/json"));
  EXPECT_FALSE(is_batch_type("application/x-ndjson-not"));
  EXPECT_FALSE(is_batch_type(""));
}

TEST(ResultLines, HaveTheAnswerAsText) {
  EXPECT_EQ(result_line("1", answer("HELLO"), AnswerIs::text), "{\"id\":1,\"answer\":\"HELLO\"}\n");
  EXPECT_EQ(result_line("\"a\"", answer("A\n\"B\""), AnswerIs::text),
            "{\"id\":\"a\",\"answer\":\"A\\n\\\"B\\\"\"}\n");
  EXPECT_EQ(result_line("1", answer("{}"), AnswerIs::text), "{\"id\":1,\"answer\":\"{}\"}\n");
}

TEST(ResultLines, HaveTheAnswerOfARouteAsJsonInOneLineWhereItIsJson) {
  EXPECT_EQ(result_line("1", answer("{\r\n \"a\": \"b\\nc\"\n}"), AnswerIs::text_or_json),
            "{\"id\":1,\"answer\":{   \"a\": \"b\\nc\" }}\n");
  EXPECT_EQ(result_line("1", answer("5"), AnswerIs::json), "{\"id\":1,\"answer\":5}\n");
  EXPECT_EQ(result_line("1", answer("5"), AnswerIs::text_or_json), "{\"id\":1,\"answer\":\"5\"}\n");
  EXPECT_EQ(result_line("1", answer("{half"), AnswerIs::json), "{\"id\":1,\"answer\":\"{half\"}\n");
  EXPECT_EQ(result_line("1", answer("{}", "text/plain"), AnswerIs::json),
            "{\"id\":1,\"answer\":\"{}\"}\n");
  EXPECT_EQ(result_line("1", answer("{}", "application/json; charset=utf-8"), AnswerIs::json),
            "{\"id\":1,\"answer\":{}}\n");
}

TEST(ResultLines, HaveBytesThatAreNoTextInBase64) {
  const struct {
    std::string bytes;
    std::string_view text;
  } rows[] = {{"\xff", "/w=="},
              {"\xff\xfe", "//4="},
              {"\xff\xfe\xfd", "//79"},
              {std::string("\xff\0\0\0", 4), "/wAAAA=="}};
  for (const auto& row : rows) {
    EXPECT_EQ(result_line("1", answer(row.bytes), AnswerIs::text_or_json),
              "{\"id\":1,\"answer_base64\":\"" + std::string(row.text) + "\"}\n");
  }
}

TEST(ResultLines, HaveNoAnswerWhereNoneWasAskedFor) {
  EXPECT_EQ(result_line("1", {"", MatchedBy::acknowledgement, "", ""}, AnswerIs::text_or_json),
            "{\"id\":1,\"answer\":null}\n");
}

TEST(ResultLines, HaveTheProblemThatACallOfItsOwnWouldGet) {
  const Failure failure{Problem::no_responder, "nobody\nis there", {}};
  const std::string line = result_line("1", failure, Retryable::yes, "abc/1");
  EXPECT_THAT(line, StartsWith("{\"id\":1,\"problem\":{\"type\":"));
  for (const char* const part : {"\"status\":503", "\"detail\":\"nobody\\nis there\"",
                                 "\"request_id\":\"abc/1\"", "\"retryable\":true"})
    EXPECT_THAT(line, HasSubstr(part));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_THAT(result_line("1", failure, Retryable::no, "abc/1"), HasSubstr("\"retryable\":false"));
}

}  // namespace
}  // namespace mqtt_bridge
