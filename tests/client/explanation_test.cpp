#include "client/explanation.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

std::string why(Action action, const std::string& request, const std::string& payload) {
  return why_no_answer(action, request, {payload});
}

TEST(Explanation, SaysHowAMessageDiffersFromAnAnswer) {
  const auto upper = Action::uppercase;
  EXPECT_EQ(why(upper, "hello", "HELLO"), "");
  EXPECT_EQ(why(upper, "hello", "HELLO\n"),
            "has a newline at its end that the answer does not have");
  EXPECT_EQ(why(upper, "hello\n", "HELLO"), "lacks the newline at the end of the answer");
  EXPECT_EQ(why(upper, "hello", "hello"), "is the request itself, unchanged");
  EXPECT_EQ(why(upper, "hello", "Hello"), "differs in letter case");
  EXPECT_EQ(why(upper, "hello", ""), "is empty");
  EXPECT_EQ(why(upper, "hello", R"({"result":"HELLO"})"),
            "is JSON, where the text alone is expected");
  EXPECT_EQ(why(upper, "hello", "Result: HELLO"), "has other text around the answer");
  EXPECT_EQ(why(upper, "hello", "world"), "is another text than uppercase makes of the message");
  EXPECT_EQ(why(upper, "hello", "\xff"), "is not UTF-8 text");
  EXPECT_EQ(why(Action::shuffle, "abc", "cab"), "");
}

TEST(Explanation, KnowsThatARetainedMessageIsOld) {
  EXPECT_EQ(why_no_answer(Action::uppercase, "a", {.payload = "A", .is_retained = true}),
            "is retained: it was published before the call");
}

TEST(Explanation, ChecksNothingOfAnActionThatItDoesNotKnow) {
  EXPECT_EQ(why_no_answer(std::nullopt, "hello", {"anything"}), "");
}

TEST(Explanation, QuotesOnOneLineAndNotWithinACharacter) {
  EXPECT_EQ(in_quotes("a\n\t\"\\"), R"("a\n\t\"\\")");
  const std::string text = std::string(59, 'a') + "\u00e9" + "end";
  EXPECT_EQ(in_quotes(text), "\"" + std::string(59, 'a') + "\"... (64 bytes)");
}

TEST(Explanation, IsALineForEachFindingAndForItsRemedy) {
  EXPECT_EQ(to_text({{Finding::Mark::good, "broker", "it is there"},
                     {Finding::Mark::bad, "answer", "none", "ask again"}}),
            "ok    broker    it is there\n"
            "FAIL  answer    none\n"
            "             -> ask again\n");
  EXPECT_EQ(to_text({{Finding::Mark::good, "broker", "it is there"},
                     {Finding::Mark::bad, "answer", "none"}},
                    Colours::ansi),
            "\033[32mok    \033[0mbroker    it is there\n"
            "\033[31mFAIL  \033[0manswer    none\n");
}

}  // namespace
}  // namespace mqtt_bridge
