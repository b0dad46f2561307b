#include "base/json_string.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

std::string json_of(std::string_view text) {
  std::string json;
  append_json(json, text);
  EXPECT_EQ(json.size(), json_size(text));
  return json;
}

TEST(JsonString, LeavesPlainTextAsItIs) {
  for (const std::string text : {"", "a", "HELLO, world", "\xc3\xa9\xf0\x9f\x99\x82", "\x7f/'<>&"})
    EXPECT_EQ(json_of(text), text);
}

TEST(JsonString, EscapesWhatJsonDoesNotLetStand) {
  EXPECT_EQ(json_of("\""), R"(\")");
  EXPECT_EQ(json_of("\\\\"), R"(\\\\)");
  EXPECT_EQ(json_of("\n\r\t"), R"(\n\r\t)");
  EXPECT_EQ(json_of(std::string("\0\x01\x08\x0c\x1f", 5)), R"(\u0000\u0001\u0008\u000c\u001f)");
  EXPECT_EQ(json_of("a\"b\\c\x01"), R"(a\"b\\c\u0001)");
  EXPECT_EQ(json_of("\x01z"), R"(\u0001z)");
}

TEST(JsonString, ComesInPieces) {
  std::string json = "{\"a\":\"";
  append_json(json, "\xc3");
  append_json(json, "\xa9\n");
  append_json(json, "");
  EXPECT_EQ(json, "{\"a\":\"\xc3\xa9\\n");
}

}  // namespace
}  // namespace mqtt_bridge
