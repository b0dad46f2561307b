#include "daemon/stored_call.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

StoredRequest request() {
  return {.method = "POST",
          .path = "/lamp/d:sk",
          .query = "netid=a%20b",
          .content_type = "text/plain",
          .traceparent = "00-1-2-01",
          .tracestate = "a=1, b=2",
          .user = "1000",
          .request_id = "request",
          .from = "uid:1000",
          .correlation = "0123456789abcdef",
          .number = "17",
          .body = std::string("a\0b:7:\xff", 7),
          .is_patient = true};
}

Ended ended(std::variant<Answer, Failure> outcome, Instant begun = {}) {
  return {.exchange = 0,
          .outcome = std::move(outcome),
          .arrived = begun,
          .published = begun + 1ms,
          .published_last = begun + 2ms,
          .acknowledged = {},
          .ended = begun + 5ms,
          .may_be_carried_out = true};
}

TEST(StoredCall, IsTheRequestThatItWas) {
  EXPECT_EQ(decode_request(encode(request())), request());
  EXPECT_EQ(decode_request(encode(StoredRequest())), StoredRequest());
}

TEST(StoredCall, IsNoRequestWhereABytesIsMissingOrToo) {
  const std::string bytes = encode(request());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(decode_request(bytes.substr(0, size)), std::nullopt) << size;
  EXPECT_EQ(decode_request(bytes + "0:"), std::nullopt);
  EXPECT_EQ(decode_request(bytes + "x"), std::nullopt);
  EXPECT_EQ(decode_request("99999999999999999999:"), std::nullopt);
  EXPECT_EQ(decode_request("-1:"), std::nullopt);
}

TEST(StoredCall, IsTheAnswerThatItWas) {
  Calls::Call call{
      .owner = {}, .key = {}, .content = {}, .request_id = "r", .begun = {}, .deadline = {}};
  call.is_route = true;
  call.is_json = true;
  for (const MatchedBy rule :
       {MatchedBy::correlation, MatchedBy::content, MatchedBy::folded_content, MatchedBy::turn,
        MatchedBy::topic, MatchedBy::id, MatchedBy::acknowledgement}) {
    const Instant begun = Instant{} + 1h;
    const auto found = decode_outcome(
        encode(call, ended(Answer{std::string("\0:", 2), rule, "me", "text/html"})), begun);
    ASSERT_TRUE(found);
    const auto& answer = std::get<Answer>(found->ended.outcome);
    EXPECT_EQ(answer.payload, std::string("\0:", 2));
    EXPECT_EQ(answer.matched_by, rule);
    EXPECT_EQ(answer.responder, "me");
    EXPECT_EQ(answer.content_type, "text/html");
    EXPECT_EQ(found->ended.arrived, begun);
    EXPECT_EQ(found->ended.published, begun + 1ms);
    EXPECT_EQ(found->ended.published_last, begun + 2ms);
    EXPECT_EQ(found->ended.acknowledged, std::nullopt);
    EXPECT_EQ(found->ended.ended, begun + 5ms);
    EXPECT_TRUE(found->ended.may_be_carried_out);
    EXPECT_EQ(found->request_id, "r");
    EXPECT_TRUE(found->is_route && found->is_json);
  }
}

TEST(StoredCall, IsTheFailureThatItWas) {
  for (const ProblemKind& kind : all_problems()) {
    const Failure failure{kind.problem, "detail", 423, 1500ms, "response"};
    const auto found = decode_outcome(encode(Calls::Call{}, ended(failure)), {});
    ASSERT_TRUE(found) << kind.slug;
    const auto& read = std::get<Failure>(found->ended.outcome);
    EXPECT_EQ(read.problem, kind.problem);
    EXPECT_EQ(read.detail, "detail");
    EXPECT_EQ(read.status, 423);
    EXPECT_EQ(read.retry_after, Duration(2s));
    EXPECT_EQ(read.response, "response");
  }
  EXPECT_EQ(decode_outcome("", {}), std::nullopt);
  EXPECT_EQ(decode_outcome(encode(request()), {}), std::nullopt);
}

}  // namespace
}  // namespace mqtt_bridge
