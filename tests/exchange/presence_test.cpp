// What a responder says of itself; what follows from it is tested with the table of exchanges.
#include "exchange/presence.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits/exchange.hpp"

namespace mqtt_bridge {
namespace {

using Actions = std::vector<std::string>;

TEST(BirthMessage, IsReadAsItWasWritten) {
  EXPECT_EQ(birth_message("r-1", {"uppercase"}), R"({"id":"r-1","actions":["uppercase"]})");
  EXPECT_EQ(parse_birth_message(birth_message("r-1", {"a", "b"})), (Actions{"a", "b"}));
  EXPECT_EQ(correlates(birth_message("r-1", {"a"}, Correlates::yes)), Correlates::yes);
  for (const char* const payload :
       {"", "[]", "{}", R"({"correlates":1})", R"({"correlates":"true"})"})
    EXPECT_EQ(correlates(payload), Correlates::perhaps) << payload;
  EXPECT_EQ(parse_birth_message(birth_message("\"\n\u00e9", {})), Actions{});
}

TEST(BirthMessage, MaySayMore) {
  EXPECT_EQ(parse_birth_message(R"({"version": 2, "actions": ["a"], "more": [{}]})"), Actions{"a"});
}

TEST(BirthMessage, IsNoneWhenItDoesNotSayTheActions) {
  for (const char* const text :
       {"", "online", "{", "[]", "1", "null", "{}", R"({"actions": "a"})", R"({"actions": {}})",
        R"({"actions": [1]})", R"({"actions": ["a/b"]})", R"({"actions": [""]})",
        "{\"actions\": [\"\xff\"]}"}) {
    EXPECT_EQ(parse_birth_message(text), std::nullopt) << text;
  }
}

TEST(BirthMessage, IsNoneWhenItIsTooLong) {
  const std::string longest = R"({"actions":["a"]})";
  const auto padded = [&](std::size_t size) {
    return longest + std::string(size - longest.size(), ' ');
  };
  EXPECT_TRUE(parse_birth_message(padded(limits::birth_bytes)));
  EXPECT_FALSE(parse_birth_message(padded(limits::birth_bytes + 1)));
  EXPECT_EQ(parse_birth_message(birth_message("r", Actions(limits::birth_actions, "a"))),
            Actions{"a"});
  EXPECT_FALSE(parse_birth_message(birth_message("r", Actions(limits::birth_actions + 1, "a"))));
  EXPECT_FALSE(parse_birth_message(std::string(limits::birth_bytes, '[')));
}

TEST(Presences, KnowWhoIsThereAndSinceWhen) {
  Presence presence;
  const auto at = [](int seconds) { return Instant{std::chrono::seconds(seconds)}; };
  const auto known = [&] {
    std::string text;
    for (const KnownResponder& each : presence.known()) {
      text += each.id + (each.is_here ? " here " : " gone ") +
              std::to_string(each.since.time_since_epoch() / std::chrono::seconds(1)) + "; ";
    }
    return text;
  };
  presence.announced("b", {"x", "y"}, Heard::live, at(1));
  presence.announced("a", {"x"}, Heard::retained, at(2));
  EXPECT_EQ(known(), "a here 2; b here 1; ");
  EXPECT_EQ(presence.known()[1].actions, (Actions{"x", "y"}));
  EXPECT_EQ(presence.count_here(), 2U);
  presence.announced("b", {"x"}, Heard::live, at(3));
  EXPECT_EQ(known(), "a here 2; b here 1; ");
  presence.gone("a", at(4));
  EXPECT_EQ(known(), "a gone 4; b here 1; ");
  EXPECT_EQ(presence.count_here(), 1U);
  presence.announced("a", {"x"}, Heard::live, at(5));
  EXPECT_EQ(known(), "a here 5; b here 1; ");
}

TEST(Presences, TakeWhoIsNotHeardOfAgainForGoneOnlyOnceThatIsSure) {
  Presence presence;
  presence.announced("a", {"x"}, Heard::retained, Instant{std::chrono::seconds(1)});
  presence.session_lost(Instant{std::chrono::seconds(10)});
  EXPECT_TRUE(presence.known().front().is_here);
  presence.expire(Instant{std::chrono::seconds(10)});
  EXPECT_FALSE(presence.known().front().is_here);
  EXPECT_EQ(presence.known().front().since, Instant{std::chrono::seconds(10)});
}

}  // namespace
}  // namespace mqtt_bridge
