#include "route/path_pattern.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits/http.hpp"
#include "base/limits/route.hpp"

namespace mqtt_bridge {
namespace {

using Kind = PathPattern::Kind;

PathPattern pattern_of(std::string_view text) {
  auto result = parse_path_pattern(text);
  const auto* const fault = std::get_if<std::string>(&result);
  EXPECT_EQ(fault, nullptr) << (fault != nullptr ? *fault : "");
  return fault == nullptr ? std::get<PathPattern>(result) : PathPattern();
}

std::string fault_of_pattern(std::string_view text) {
  const auto result = parse_path_pattern(text);
  const auto* const found = std::get_if<std::string>(&result);
  return found != nullptr ? *found : "";
}

TEST(PathPattern, IsMadeOfNamesAndVariables) {
  const PathPattern pattern = pattern_of("/z2m/{device}/a.b-c~_/{rest...}");
  ASSERT_EQ(pattern.segments.size(), 4u);
  EXPECT_EQ(pattern.segments[0].text, "z2m");
  EXPECT_EQ(pattern.segments[0].kind, Kind::literal);
  EXPECT_EQ(pattern.segments[1].text, "device");
  EXPECT_EQ(pattern.segments[1].kind, Kind::one);
  EXPECT_EQ(pattern.segments[2].kind, Kind::literal);
  EXPECT_EQ(pattern.segments[3].text, "rest");
  EXPECT_EQ(pattern.segments[3].kind, Kind::rest);
  EXPECT_EQ(pattern.variables(), (std::vector<std::string>{"device", "rest"}));
}

TEST(PathPattern, SaysWhatIsWrong) {
  struct Row {
    const char* text;
    const char* fault;
  };
  constexpr const char* segment =
      " is no segment of a path: a name without blanks and '%', {variable}, or {variable...} for "
      "the rest";
  const Row rows[] = {
      {"", "'' must begin with '/' and a name"},
      {"/", "'/' must begin with '/' and a name"},
      {"z2m", "'z2m' must begin with '/' and a name"},
      {"/{x}/a", "'/{x}/a' must begin with a name, not with a variable"},
      {"/{x...}", "'/{x...}' must begin with a name, not with a variable"},
      {"/a/{x}/{x}", "'/a/{x}/{x}' has the variable {x} twice"},
      {"/a/{x}/{x...}", "'/a/{x}/{x...}' has the variable {x} twice"},
      {"/a/{x...}/b", "'/a/{x...}/b': {x...} must be at its end"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(fault_of_pattern(row.text), row.fault);
  for (const std::string each : {"", ".", "..", "a b", "%41", "a?b", "a#b", "ä", "{x}y", "y{x}",
                                 "{}", "{...}", "{x..}", "{ x}", "{x", "a\"b", "a\\b", "*{"}) {
    const std::string text = "/a/" + each;
    EXPECT_EQ(fault_of_pattern(text), "'" + text + "': '" + each + "'" + segment);
  }
  EXPECT_NE(fault_of_pattern("/a//b"), "");
}

/// Also since no request can have it.
TEST(PathPattern, IsNoLongerThanWhatIsReadOfARequest) {
  EXPECT_EQ(fault_of_pattern("/" + std::string(limits::target_bytes - 1, 'a')), "");
  EXPECT_EQ(fault_of_pattern("/" + std::string(limits::target_bytes, 'a')),
            "must not have more than " + std::to_string(limits::target_bytes) + " bytes");
}

TEST(PathPattern, FindsTheValuesInAPath) {
  EXPECT_EQ(values_in(pattern_of("/a/{x}/b/{y}"), "/a/1/b/2"),
            (PathValues{{"x", "1"}, {"y", "2"}}));
  EXPECT_EQ(values_in(pattern_of("/a/{x}/{r...}"), "/a/1/2/3/"),
            (PathValues{{"x", "1"}, {"r", "2/3/"}}));
  EXPECT_EQ(values_in(pattern_of("/a/{r...}"), "/a/"), (PathValues{{"r", ""}}));
  EXPECT_EQ(values_in(pattern_of("/a"), "/a"), PathValues{});
}

TEST(PathValue, MayBeWhatATopicMayHave) {
  for (const std::string_view value :
       {"a", "lamp 1", "ä", "😀", "$SYS", "a.b", "...", ".a", "a%41", "0x00158d", "{x}", "\\"}) {
    EXPECT_EQ(why_not_path_value(value, Kind::one), std::nullopt) << value;
    EXPECT_EQ(why_not_path_value(value, Kind::rest), std::nullopt) << value;
  }
  EXPECT_EQ(why_not_path_value("a/b/c", Kind::rest), std::nullopt);
}

TEST(PathValue, IsNothingThatATopicMustNotHave) {
  using namespace std::string_view_literals;
  constexpr auto wildcard = "must not have a '+' or '#', which are wildcards of MQTT"sv;
  constexpr auto text = "must be UTF-8 without control characters and noncharacters"sv;
  constexpr auto empty = "must not be empty, nor have an empty part"sv;
  constexpr auto dots = "must not be '.' or '..', nor have such a part"sv;
  struct Row {
    std::string_view value;
    std::string_view why;
  };
  const Row of_both[] = {
      {""sv, empty},      {"+"sv, wildcard},  {"#"sv, wildcard},    {"a+"sv, wildcard},
      {"."sv, dots},      {".."sv, dots},     {"a\0b"sv, text},     {"\n"sv, text},
      {"\x7f"sv, text},   {"\u0085"sv, text}, {"\ufffe"sv, text},   {"\U0001ffff"sv, text},
      {"\ufdd0"sv, text}, {"\xff"sv, text},   {"\xc0\x80"sv, text}, {"\xed\xa0\x80"sv, text},
      {"\xe4"sv, text},
  };
  for (const Row& row : of_both) {
    EXPECT_EQ(why_not_path_value(row.value, Kind::one), row.why) << row.value;
    EXPECT_EQ(why_not_path_value(row.value, Kind::rest), row.why) << row.value;
  }
  const Row of_rest[] = {{"/"sv, empty},    {"a/"sv, empty},     {"/a"sv, empty},
                         {"a//b"sv, empty}, {"a/./b"sv, dots},   {"a/.."sv, dots},
                         {"../a"sv, dots},  {"a/#"sv, wildcard}, {"a/+/b"sv, wildcard}};
  for (const Row& row : of_rest)
    EXPECT_EQ(why_not_path_value(row.value, Kind::rest), row.why) << row.value;
  EXPECT_EQ(why_not_path_value("a/b", Kind::one), "must not have a '/'");
}

TEST(PathValue, HasALimit) {
  const std::string longest(limits::path_value_bytes, 'a');
  for (const Kind kind : {Kind::one, Kind::rest}) {
    EXPECT_EQ(why_not_path_value(longest, kind), std::nullopt);
    EXPECT_EQ(why_not_path_value(longest + "a", kind), "must not have more than 512 bytes");
  }
}

}  // namespace
}  // namespace mqtt_bridge
