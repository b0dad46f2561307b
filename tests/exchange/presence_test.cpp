// What a responder says of itself; what follows from it is tested with the table of exchanges.
#include "exchange/presence.hpp"

#include <gtest/gtest.h>

#include "base/limits/exchange.hpp"

namespace mqtt_bridge {
namespace {

using Actions = std::vector<std::string>;

TEST(BirthMessage, IsReadAsItWasWritten) {
  EXPECT_EQ(birth_message("r-1", {"uppercase"}), R"({"id":"r-1","actions":["uppercase"]})");
  EXPECT_EQ(parse_birth_message(birth_message("r-1", {"a", "b"})), (Actions{"a", "b"}));
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

}  // namespace
}  // namespace mqtt_bridge
