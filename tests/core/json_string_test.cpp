#include "core/json_string.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TEST(JsonString, LeavesPlainTextAsItIs) {
  for (const std::string text : {"", "a", "HELLO, world", "\xc3\xa9\xf0\x9f\x99\x82", "\x7f/'<>&"})
    EXPECT_EQ(json_string(text), "\"" + text + "\"");
}

TEST(JsonString, EscapesWhatJsonDoesNotLetStand) {
  EXPECT_EQ(json_string("\""), R"("\"")");
  EXPECT_EQ(json_string("\\\\"), R"("\\\\")");
  EXPECT_EQ(json_string("\n\r\t"), R"("\n\r\t")");
  EXPECT_EQ(json_string(std::string("\0\x01\x08\x0c\x1f", 5)),
            R"("\u0000\u0001\u0008\u000c\u001f")");
  EXPECT_EQ(json_string("a\"b\\c\x01"), R"("a\"b\\c\u0001")");
  EXPECT_EQ(json_string("\x01z"), R"("\u0001z")");
}

TEST(JsonString, StandsBetweenWhatIsJsonAlready) {
  EXPECT_EQ(json_string("x\"", "{\"a\":", ",\"b\":1}"), R"({"a":"x\"","b":1})");
}

TEST(JsonString, TakesNoMoreMemoryThanItNeeds) {
  const std::string json = json_string(std::string(100'000, '\x01'), "{\"a\":", "}\n");
  EXPECT_EQ(json.size(), 600'009u);
  EXPECT_EQ(json.capacity(), json.size());
}

}  // namespace
}  // namespace mqtt_bridge
