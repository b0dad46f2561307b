#include "exchange/json_id.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/limits.hpp"

namespace mqtt_bridge {
namespace {

std::string id(std::string_view json, const std::string& pointer) {
  return ids_at(json, {pointer}).front().value_or("none");
}

TEST(JsonId, IsAStringOrAnInteger) {
  EXPECT_EQ(id(R"({"id":"a\u0000b"})", "/id"), std::string("a\0b", 3));
  EXPECT_EQ(id(R"({"id":""})", "/id"), "");
  EXPECT_EQ(id(R"({"id":-7})", "/id"), "-7");
  EXPECT_EQ(id(R"({"id":18446744073709551615})", "/id"), "18446744073709551615");
  EXPECT_EQ(id("12", ""), "12");
  EXPECT_EQ(id(R"({"a/b":[0,{"~":"x"}]})", "/a~1b/1/~0"), "x");
  for (const char* const other : {"1.5", "true", "null", "[1]", R"({"x":1})", "1e3"})
    EXPECT_EQ(id(R"({"id":)" + std::string(other) + "}", "/id"), "none") << other;
}

TEST(JsonId, IsNoneWhereThePointerLeadsNowhereOrIsNone) {
  for (const char* const pointer :
       {"/other", "/id/deeper", "/list/7", "/list/-", "/list/x", "id", "/a~2"})
    EXPECT_EQ(id(R"({"id":"1","list":["a"]})", pointer), "none") << pointer;
}

TEST(JsonId, IsNoneInWhatIsNoJsonOrTooLarge) {
  for (const char* const json : {"", "{", "[1", "\xff", "{\"id\":\"\xff\"}", "{}{}"})
    EXPECT_EQ(id(json, "/id"), "none") << json;
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_EQ(id(deep, "/0"), "none");
  const std::string begin = R"({"id":"1","text":")";
  const std::string end = R"("})";
  const std::string fits(limits::id_bytes - begin.size() - end.size(), 'x');
  EXPECT_EQ(id(begin + fits + end, "/id"), "1");
  EXPECT_EQ(id(begin + fits + "x" + end, "/id"), "none");
}

}  // namespace
}  // namespace mqtt_bridge
