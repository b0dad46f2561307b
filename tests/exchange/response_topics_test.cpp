#include "exchange/response_topics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/exchange.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

MqttRequest request(std::string response_topic, std::string error_topic = {}) {
  MqttRequest made;
  made.request_topic = "plant/get";
  made.response_topic = std::move(response_topic);
  made.error_topic = std::move(error_topic);
  made.payload = "payload";
  return made;
}

TEST(ResponseTopics, MatchLevelByLevel) {
  for (const auto& [filter, topic] :
       {std::pair("a/b", "a/b"), {"a/+", "a/b"}, {"+/+", "a/"}, {"+", ""}, {"+/b/+", "x/b/y"}}) {
    EXPECT_TRUE(matches_levels(filter, topic)) << filter << " " << topic;
  }
  for (const auto& [filter, topic] :
       {std::pair("a/b", "a/c"), {"a/+", "a"}, {"a/+", "a/b/c"}, {"+", "a/b"}, {"", "a"}}) {
    EXPECT_FALSE(matches_levels(filter, topic)) << filter << " " << topic;
  }
}

TEST(ResponseTopics, MaskATopicInEachWayInWhichACallWaits) {
  ResponseTopics topics;
  EXPECT_TRUE(topics.empty());
  const auto a = request("a/+/c");
  const auto b = request("x/+/z");
  const auto c = request("+/b/+");
  for (const auto& each : {a, b, c})
    topics.enter(each);
  EXPECT_THAT(topics.masked("1/2/3"), UnorderedElementsAre("1/+/3", "+/2/+"));
  EXPECT_THAT(topics.masked("1/2"), IsEmpty());
  topics.leave(a);
  topics.leave(c);
  EXPECT_THAT(topics.masked("1/2/3"), UnorderedElementsAre("1/+/3"));
  topics.leave(b);
  EXPECT_TRUE(topics.empty());
}

TEST(ResponseTopics, KnowWhoseErrorsComeOnATopic) {
  ResponseTopics topics;
  const auto a = request("said", "errors");
  topics.enter(a);
  topics.enter(a);
  EXPECT_EQ(topics.of_errors("errors"), "said");
  EXPECT_EQ(topics.of_errors("said"), "");
  topics.leave(a);
  EXPECT_EQ(topics.of_errors("errors"), "said");
  topics.leave(a);
  EXPECT_EQ(topics.of_errors("errors"), "");
  EXPECT_TRUE(topics.empty());
}

TEST(ResponseTopics, KnowEachOfOurOwnMessagesOnce) {
  ResponseTopics topics;
  const Instant now{};
  const auto own = request("+/get");
  topics.enter(own);
  topics.echo_expected(own, now);
  topics.echo_expected(own, now);
  EXPECT_FALSE(topics.is_echo("plant/get", "another", now));
  EXPECT_FALSE(topics.is_echo("other/get", "payload", now));
  topics.leave(own);
  EXPECT_TRUE(topics.is_echo("plant/get", "payload", now)) << "its call has ended";
  EXPECT_TRUE(topics.is_echo("plant/get", "payload", now + limits::memory_age));
  EXPECT_FALSE(topics.is_echo("plant/get", "payload", now));
  EXPECT_TRUE(topics.empty());
}

TEST(ResponseTopics, ForgetOurOwnMessagesThatDoNotCome) {
  ResponseTopics topics;
  const Instant now{};
  auto own = request("plant/get");
  topics.enter(own);
  for (std::size_t i = 0; i <= limits::turn_answers; ++i) {
    own.payload = std::to_string(i);
    topics.echo_expected(own, now);
  }
  EXPECT_FALSE(topics.is_echo("plant/get", "0", now)) << "there were too many";
  EXPECT_TRUE(topics.is_echo("plant/get", "1", now));
  topics.leave(own);
  EXPECT_FALSE(topics.is_echo("plant/get", "2", now + limits::memory_age + 1ns));
  EXPECT_TRUE(topics.empty());
  for (std::size_t i = 0; i <= limits::idle_topics; ++i) {
    own.request_topic = own.response_topic = std::to_string(i);
    topics.enter(own);
    topics.echo_expected(own, now);
    topics.leave(own);
  }
  EXPECT_FALSE(topics.is_echo("0", own.payload, now)) << "there were too many topics";
  EXPECT_TRUE(topics.is_echo("1", own.payload, now));
}

TEST(ResponseTopics, ExpectNothingOfOurOwnElsewhere) {
  ResponseTopics topics;
  const auto other = request("said");
  topics.enter(other);
  topics.echo_expected(other, Instant{});
  EXPECT_FALSE(topics.is_echo("plant/get", "payload", Instant{}));
}

}  // namespace
}  // namespace mqtt_bridge
