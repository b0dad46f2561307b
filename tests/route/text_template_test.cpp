#include "route/text_template.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TextTemplate template_of(std::string_view text) {
  auto result = TextTemplate::parse(text);
  EXPECT_TRUE(std::holds_alternative<TextTemplate>(result)) << text;
  return std::holds_alternative<TextTemplate>(result) ? std::get<TextTemplate>(result)
                                                      : TextTemplate();
}

TEST(TextTemplate, PutsTheValuesOfItsVariablesIn) {
  struct Row {
    const char* text;
    const char* expanded;
    std::vector<std::string> variables;
  };
  const Row rows[] = {
      {"", "", {}},
      {"a/b", "a/b", {}},
      {"{x}", "[x]", {"x"}},
      {"a/{x}/b", "a/[x]/b", {"x"}},
      {"{x}{y}{x}", "[x][y][x]", {"x", "y", "x"}},
      {"{a-b_C9}", "[a-b_C9]", {"a-b_C9"}},
      {"ä{x}ö", "ä[x]ö", {"x"}},
  };
  for (const Row& row : rows) {
    const TextTemplate text = template_of(row.text);
    std::string value;
    EXPECT_EQ(text.expand([&value](std::string_view name) {
      value = "[" + std::string(name) + "]";
      return std::string_view(value);
    }),
              row.expanded);
    EXPECT_EQ(text.variables(), row.variables) << row.text;
    EXPECT_EQ(text.text(), row.text);
  }
}

TEST(TextTemplate, DoesNotLookForVariablesInValues) {
  EXPECT_EQ(template_of("{x}").expand([](std::string_view) { return "{y}"; }), "{y}");
}

TEST(TextTemplate, RefusesABraceThatHoldsNoVariable) {
  for (const char* const text : {"{", "}", "{}", "a{", "a}b", "{a", "{a b}", "{a{b}}", "{a...}",
                                 "{ä}", "{a/b}", "{{a}}", "{a}}"}) {
    const auto result = TextTemplate::parse(text);
    ASSERT_TRUE(std::holds_alternative<std::string>(result)) << text;
    EXPECT_EQ(
        std::get<std::string>(result),
        "'" + std::string(text) + "' has a brace that is not part of a variable such as {device}");
  }
}

TEST(TextTemplate, KnowsWhetherItBeginsWithAVariable) {
  EXPECT_TRUE(template_of("{x}/a").begins_with_variable());
  EXPECT_FALSE(template_of("a/{x}").begins_with_variable());
  EXPECT_FALSE(template_of("").begins_with_variable());
  EXPECT_TRUE(template_of("a/{x}").has("x"));
  EXPECT_FALSE(template_of("x/{a}").has("x"));
}

}  // namespace
}  // namespace mqtt_bridge
