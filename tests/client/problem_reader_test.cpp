#include "client/problem_reader.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

struct Body {
  std::string bytes;
  std::string outcome;
};

TEST(ReadProblem, FindsTheSlugAfterTheLastSlashOrColon) {
  const std::vector<Body> table{
      {"/problems/wrong-broker", "wrong-broker"},
      {"https://example.org/problems/wrong-broker", "wrong-broker"},
      {"urn:x:a/wrong-broker", "wrong-broker"},
      {"wrong-broker", "wrong-broker"},
      {"https://example.org/", ""},
      {"", ""},
  };
  for (const auto& [type, slug] : table) {
    const auto problem = read_problem(R"({"type":")" + type + R"("})");
    ASSERT_TRUE(problem) << type;
    EXPECT_EQ(problem->slug, slug) << type;
  }
}

TEST(ReadProblem, ReadsDetailPastEveryOtherKindOfMember) {
  const std::vector<Body> table{
      {"{}", ""},
      {" \t\r\n{ \"detail\" : \"d\" } \n", "d"},
      {R"({"status":504,"retryable":false,"a":null,"b":true,"detail":"d"})", "d"},
      {R"({"n":[-0.5e+10,0,10,1E-2,-0],"detail":"d"})", "d"},
      {R"({"actions":["uppercase","detail"],"x":{"detail":"inner","y":[{}, [] ]},"detail":"d"})",
       "d"},
      {R"({"detail":"outer","x":{"detail":"inner"}})", "outer"},
      {R"({"detail":"first","detail":"last"})", "last"},
      {R"({"detail":"first","detail":null})", ""},
      {R"({"detail":"first","detail":["last"]})", ""},
      {R"({"d\u0065tail":"d"})", "d"},
      {R"({"detail":17})", ""},
      {R"({"x":"\"detail\":\"no\"","detail":"yes"})", "yes"},
      {R"({"detail":"\"\\\/\b\f\n\r\t"})", "\"\\/\b\f\n\r\t"},
      {R"({"detail":"\u0041\u00e9\u20AC\ud83d\ude00"})", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
      {"{\"detail\":\"\xf0\x9f\x98\x80\"}", "\xf0\x9f\x98\x80"},
      {R"({"detail":"\uffff\u0080\u07ff\u0800\udbff\udfff"})",
       "\xef\xbf\xbf\xc2\x80\xdf\xbf\xe0\xa0\x80\xf4\x8f\xbf\xbf"},
      {R"({"detail":"\ud83d"})", "\xef\xbf\xbd"},
      {R"({"detail":"\ude00x"})", "\xef\xbf\xbdx"},
      {R"({"detail":"\ud83d\u0041"})", "\xef\xbf\xbd\x41"},
      {R"({"detail":"\ud83d\ud83d\ude00"})", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
      {R"({"detail":"\ud83d\n"})", "\xef\xbf\xbd\n"},
  };
  for (const auto& [json, detail] : table) {
    const auto problem = read_problem(json);
    ASSERT_TRUE(problem) << json;
    EXPECT_EQ(problem->detail, detail) << json;
  }
}

TEST(ReadProblem, RefusesWhatIsNotOneJsonObject) {
  const std::vector<std::string> table{
      "",
      "   ",
      "[]",
      "\"detail\"",
      "null",
      "{",
      "}",
      "{}}",
      "{} x",
      "{,}",
      R"({"a"})",
      R"({"a":})",
      R"({"a":1,})",
      R"({"a":1 "b":2})",
      R"({a:1})",
      R"({'a':1})",
      R"({"a":01})",
      R"({"a":-})",
      R"({"a":+1})",
      R"({"a":1.})",
      R"({"a":.5})",
      R"({"a":1e})",
      R"({"a":tru})",
      R"({"a":True})",
      R"({"a":nullx})",
      R"({"a":[1,]})",
      R"({"a":[1 2]})",
      R"({"a":[})",
      R"({"a":"b)",
      R"({"a":"b\)",
      R"({"a":"\x"})",
      R"({"a":"\u12"})",
      R"({"a":"\u12g4"})",
      R"({"a":"\u-123"})",
      R"({"a":"\ud83d\u12"})",
      "{\"a\":\"line\nfeed\"}",
      std::string("{\"a\":\"\0\"}", 9),
      "{\"a\":\"\xff\"}",
      "{\"a\":\"\xed\xa0\x80\"}",
      "\xef\xbb\xbf{}",
  };
  for (const auto& json : table) {
    EXPECT_FALSE(read_problem(json)) << json;
  }
}

TEST(ReadProblem, IsCutShortNowhereWithoutNoticing) {
  const std::string json =
      R"({"type":"urn:x:y","detail":"\ud83d\ude00 d","n":[1.5e3,true,{"a":null}]})";
  EXPECT_TRUE(read_problem(json));
  for (std::size_t cut = 0; cut < json.size(); ++cut) {
    EXPECT_FALSE(read_problem(std::string_view(json).substr(0, cut))) << cut;
  }
}

std::string nested(std::size_t arrays) {
  return R"({"a":)" + std::string(arrays, '[') + std::string(arrays, ']') + "}";
}

TEST(ReadProblem, GoesSixteenLevelsDeepAndNoDeeper) {
  EXPECT_TRUE(read_problem(nested(15)));
  EXPECT_FALSE(read_problem(nested(16)));
  EXPECT_FALSE(read_problem(nested(30000)));
}

TEST(ReadProblem, ReadsSixtyFourKibibytesAndNoMore) {
  const auto sized = [](std::size_t bytes) {
    return R"({"a":")" + std::string(bytes - 8, 'x') + R"("})";
  };
  EXPECT_TRUE(read_problem(sized(64 * 1024)));
  EXPECT_FALSE(read_problem(sized(64 * 1024 + 1)));
}

}  // namespace
}  // namespace mqtt_bridge
