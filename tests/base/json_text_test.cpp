#include "base/json_text.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/limits/call.hpp"

namespace mqtt_bridge {
namespace {

std::optional<JsonText> parse(std::string_view json) {
  auto parsed = JsonText::parse(json);
  auto* const text = std::get_if<JsonText>(&parsed);
  return text != nullptr ? std::optional(std::move(*text)) : std::nullopt;
}

std::string id(std::string_view json, const std::string& pointer) {
  const auto text = parse(json);
  return text ? text->id_at(pointer).value_or("none") : "no JSON";
}

std::string why_not(std::string_view json) {
  auto parsed = JsonText::parse(json);
  const auto* const why = std::get_if<std::string>(&parsed);
  return why != nullptr ? *why : "";
}

TEST(JsonText, HasIdsThatAreStringsOrIntegers) {
  EXPECT_EQ(id(R"({"id":"a\u0000b"})", "/id"), std::string("a\0b", 3));
  EXPECT_EQ(id(R"({"id":""})", "/id"), "");
  EXPECT_EQ(id(R"({"id":-7})", "/id"), "-7");
  EXPECT_EQ(id(R"({"id":18446744073709551615})", "/id"), "18446744073709551615");
  EXPECT_EQ(id("12", ""), "12");
  EXPECT_EQ(id(R"({"a/b":[0,{"~":"x"}]})", "/a~1b/1/~0"), "x");
  for (const char* const other : {"1.5", "true", "null", "[1]", R"({"x":1})", "1e3"})
    EXPECT_EQ(id(R"({"id":)" + std::string(other) + "}", "/id"), "none") << other;
}

TEST(JsonText, HasNothingWhereAPointerLeadsNowhereOrIsNone) {
  for (const char* const pointer :
       {"/other", "/id/deeper", "/list/7", "/list/-", "/list/x", "id", "/a~2"}) {
    EXPECT_EQ(id(R"({"id":"1","list":["a"]})", pointer), "none") << pointer;
  }
}

TEST(JsonText, IsNotTakenWhereProgramsDiffer) {
  for (const char* const json : {"", "{", "[1", "\xff", "{\"id\":\"\xff\"}", "{}{}"})
    EXPECT_EQ(why_not(json), "it is not JSON") << json;
  EXPECT_EQ(why_not(R"({"a":[{"b":1,"b":2}]})"), "an object in it has the member \"b\" twice");
  EXPECT_EQ(why_not(R"([{"b":1},{"b":2}])"), "");
  const std::string open(limits::json_depth, '[');
  const std::string close(limits::json_depth, ']');
  EXPECT_EQ(why_not(open + close), "");
  EXPECT_EQ(why_not("[" + open + close + "]"), "it is nested too deep");
  EXPECT_EQ(why_not(std::string(100'000, '[')), "it is nested too deep");
}

TEST(JsonText, TestsValues) {
  const auto text = parse(R"({"s":"x","t":true,"i":7,"d":1.5,"n":null})");
  EXPECT_TRUE(text->has({"/s", "x"}));
  EXPECT_TRUE(text->has({"/t", true}));
  EXPECT_TRUE(text->has({"/i", std::int64_t{7}}));
  EXPECT_TRUE(text->has({"/d", 1.5}));
  EXPECT_FALSE(text->has({"/i", "7"}));
  EXPECT_FALSE(text->has({"/t", "true"}));
  EXPECT_FALSE(text->has({"/n", false}));
  EXPECT_FALSE(text->has({"/none", "x"}));
}

TEST(JsonText, SaysWhatIsSet) {
  const auto text = parse(
      R"({"e":"","z":0,"f":false,"n":null,"o":{},"a":[],"E":"x","Z":1,"F":true,"O":{"a":1}})");
  for (const char* const pointer : {"/e", "/z", "/f", "/n", "/o", "/a", "/none"})
    EXPECT_FALSE(text->is_set(pointer)) << pointer;
  for (const char* const pointer : {"/E", "/Z", "/F", "/O"})
    EXPECT_TRUE(text->is_set(pointer)) << pointer;
}

TEST(JsonText, SaysItInWords) {
  EXPECT_EQ(parse(R"({"error":"no lamp"})")->words_at("/error"), "no lamp");
  EXPECT_EQ(parse(R"({"error":{"code":404,"message":"no lamp"}})")->words_at("/error"), "no lamp");
  EXPECT_EQ(parse(R"({"error":{"code":404}})")->words_at("/error"), R"({"code":404})");
  EXPECT_EQ(parse(R"({"code":404,"message":"no lamp"})")->words_at(""), "no lamp");
  EXPECT_EQ(parse(R"({"error":1})")->words_at("/other"), "");
}

/// The library ends there.
TEST(JsonText, IsNoTextWithANulInIt) {
  using namespace std::string_view_literals;
  for (const auto text : {"{}\0"sv, "{}\0more"sv, "\0"sv, "{\"a\":\"\0\"}"sv, "\0{}"sv})
    EXPECT_TRUE(std::holds_alternative<std::string>(JsonText::parse(text)));
}

TEST(JsonText, KnowsPointers) {
  for (const char* const pointer : {"", "/", "/a", "/a~0b/~1"})
    EXPECT_TRUE(is_json_pointer(pointer)) << pointer;
  for (const char* const other : {"a", "/a~2", "/~"})
    EXPECT_FALSE(is_json_pointer(other)) << other;
}

}  // namespace
}  // namespace mqtt_bridge
