#include "exchange/topic.hpp"

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/limits/call.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::string_view_literals;

TEST(Topic, AcceptsAsNetIdWhateverIsOneTopicLevel) {
  for (const std::string_view netid :
       {"alice"sv, "a"sv, "A.b-c_d~e"sv, "two words"sv, " "sv, "a$"sv, "naïve"sv, "日本"sv,
        "👩‍🚀"sv, "..."sv, "\u00A0"sv, "\uFFFD"sv, "request"sv}) {
    EXPECT_EQ(why_not_netid(netid), std::nullopt) << netid;
  }
}

TEST(Topic, SaysWhyANetIdIsNone) {
  struct Row {
    std::string_view netid;
    std::string_view why;
  };
  constexpr Row rows[] = {
      {""sv, "A NetID must not be empty."},
      {"a/b"sv, "A NetID must not contain '/'."},
      {"/"sv, "A NetID must not contain '/'."},
      {"+"sv, "A NetID must not contain '+'."},
      {"a+"sv, "A NetID must not contain '+'."},
      {"#"sv, "A NetID must not contain '#'."},
      {"a#b"sv, "A NetID must not contain '#'."},
      {"$SYS"sv, "A NetID must not begin with '$'."},
      {"\xFF"sv, "A NetID must be well-formed UTF-8."},
      {"a\xC0\x80"sv, "A NetID must be well-formed UTF-8."},
      {"\xED\xA0\x80"sv, "A NetID must be well-formed UTF-8."},
      {"\0"sv, "A NetID must not contain a control character."},
      {"a\0b"sv, "A NetID must not contain a control character."},
      {"a\nb"sv, "A NetID must not contain a control character."},
      {"\x1F"sv, "A NetID must not contain a control character."},
      {"\x7F"sv, "A NetID must not contain a control character."},
      {"\xC2\x80"sv, "A NetID must not contain a control character."},
      {"\xC2\x9F"sv, "A NetID must not contain a control character."},
      {"\xEF\xB7\x90"sv, "A NetID must not contain a Unicode noncharacter."},
      {"a\xEF\xBF\xBF"sv, "A NetID must not contain a Unicode noncharacter."},
      {"\xF4\x8F\xBF\xBE"sv, "A NetID must not contain a Unicode noncharacter."},
  };
  for (const Row& row : rows)
    EXPECT_EQ(why_not_netid(row.netid), row.why) << row.netid;
}

TEST(Topic, LimitsANetIdInBytes) {
  EXPECT_EQ(why_not_netid(std::string(limits::netid_bytes, 'a')), std::nullopt);
  EXPECT_EQ(why_not_netid(std::string(limits::netid_bytes + 1, 'a')),
            "A NetID must be at most 128 bytes long; this one has 129.");
  const std::string exactly = std::string(limits::netid_bytes - 2, 'a') + "é";
  EXPECT_EQ(why_not_netid(exactly), std::nullopt);
  EXPECT_NE(why_not_netid("a" + exactly), std::nullopt);
}

TEST(Topic, IsBuiltAndTakenApartForEveryAction) {
  for (const std::string action : {"uppercase", "title-case", "Another_1.0"}) {
    EXPECT_EQ(request_topic("alice", action), "alice/" + action + "/request");
    EXPECT_EQ(response_topic("alice", action), "alice/" + action + "/response");
    const ParsedTopic expected{"alice", action};
    EXPECT_EQ(parse_request_topic(request_topic("alice", action)), expected);
    EXPECT_EQ(parse_response_topic(response_topic("alice", action)), expected);
    EXPECT_EQ(parse_request_topic(response_topic("alice", action)), std::nullopt);
    EXPECT_EQ(parse_response_topic(request_topic("alice", action)), std::nullopt);
  }
}

TEST(Topic, GivesTheNetIdAsAViewIntoTheTopic) {
  const std::string topic = "alice/reverse/request";
  const std::optional<ParsedTopic> parsed = parse_request_topic(topic);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->netid.data(), topic.data());
}

TEST(Topic, KeepsANetIdThatLooksLikeAnotherLevel) {
  EXPECT_EQ(parse_request_topic("request/reverse/request"), (ParsedTopic{"request", "reverse"}));
  EXPECT_EQ(parse_request_topic("reverse/reverse/request"), (ParsedTopic{"reverse", "reverse"}));
}

TEST(Topic, IsNothingWhenItIsNotExactlyARequest) {
  for (const std::string_view topic : {""sv,
                                       "/"sv,
                                       "//"sv,
                                       "///"sv,
                                       "request"sv,
                                       "/request"sv,
                                       "alice"sv,
                                       "alice/request"sv,
                                       "alice/reverse"sv,
                                       "alice/reverse/"sv,
                                       "alice/reverse/request/"sv,
                                       "/alice/reverse/request"sv,
                                       "alice//reverse/request"sv,
                                       "alice/reverse//request"sv,
                                       "a/b/reverse/request"sv,
                                       "alice/reverse/reverse/request"sv,
                                       "alice/reverse/request/request"sv,
                                       "/reverse/request"sv,
                                       "alice//request"sv,
                                       "alice/reverse/Request"sv,
                                       "alice/reverse /request"sv,
                                       "alice/réverse/request"sv,
                                       "alice/+/request"sv,
                                       "+/reverse/request"sv,
                                       "#/reverse/request"sv,
                                       "$SYS/reverse/request"sv,
                                       "al\0ice/reverse/request"sv,
                                       "alice/reverse/request\0"sv,
                                       "\xFF/reverse/request"sv}) {
    EXPECT_EQ(parse_request_topic(topic), std::nullopt) << topic;
  }
}

TEST(Topic, RefusesANetIdOneByteTooLong) {
  const std::string longest(limits::netid_bytes, 'a');
  EXPECT_TRUE(parse_response_topic(longest + "/shuffle/response"));
  EXPECT_FALSE(parse_response_topic("a" + longest + "/shuffle/response"));
}

TEST(Topic, NamesAnActionByLettersDigitsAndThreeOthers) {
  for (const std::string_view name : {"a"sv, "title-case"sv, "v1.2_B"sv, "9"sv}) {
    EXPECT_TRUE(is_action_name(name)) << name;
  }
  for (const std::string_view name : {""sv, "a/b"sv, "+"sv, "#"sv, "a b"sv, "é"sv, "a\0"sv}) {
    EXPECT_FALSE(is_action_name(name)) << name;
  }
  EXPECT_TRUE(is_action_name(std::string(64, 'a')));
  EXPECT_FALSE(is_action_name(std::string(65, 'a')));
}

TEST(Topic, SaysWhichRespondersStatusItIs) {
  EXPECT_EQ(status_topic("r-1"), "mqtt-responder/r-1/status");
  EXPECT_EQ(parse_status_topic("mqtt-responder/r-1/status"), "r-1");
  for (const std::string_view topic :
       {""sv, "mqtt-responder/status"sv, "mqtt-responder//status"sv, "mqtt-responder/a/b/status"sv,
        "mqtt-responder/r-1"sv, "x/mqtt-responder/r-1/status"sv, "mqtt-responder/+/status"sv,
        "mqtt-responder/\xFF/status"sv}) {
    EXPECT_EQ(parse_status_topic(topic), std::nullopt) << topic;
  }
}

TEST(Topic, CanBePublishedToWithoutWildcardOrNul) {
  for (const std::string_view topic : {"a"sv, "/"sv, "a/b"sv, "$SYS/x"sv, "répondre/là"sv, " "sv}) {
    EXPECT_TRUE(is_topic_name(topic)) << topic;
  }
  for (const std::string_view topic : {""sv, "+"sv, "a/+/b"sv, "#"sv, "a/#"sv, "a+b"sv, "a\0b"sv,
                                       "\0"sv, "a/\xFF"sv, "\xED\xA0\x80"sv}) {
    EXPECT_FALSE(is_topic_name(topic)) << topic;
  }
}

TEST(Topic, HasAtMost65535Bytes) {
  EXPECT_TRUE(is_topic_name(std::string(65'535, 'a')));
  EXPECT_FALSE(is_topic_name(std::string(65'536, 'a')));
}

}  // namespace
}  // namespace mqtt_bridge
