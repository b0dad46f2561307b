#include "config/served_command.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::string_view_literals;
using Words = std::vector<std::string>;

TEST(WordsOfACommand, AreWhatAShellMakesOfThem) {
  struct Row {
    std::string_view text;
    Words words;
  };
  const Row rows[] = {
      {"", {}},
      {" \t\n ", {}},
      {"cat", {"cat"}},
      {"  tr  a-z\tA-Z\n", {"tr", "a-z", "A-Z"}},
      {R"(sh -c 'tr a-z A-Z | rev')", {"sh", "-c", "tr a-z A-Z | rev"}},
      {R"(sh -c "tr a-z A-Z | rev")", {"sh", "-c", "tr a-z A-Z | rev"}},
      {R"(a '' "" b)", {"a", "", "", "b"}},
      {R"(a''b c"d e"'f g'h)", {"ab", "cd ef gh"}},
      {R"('a\b' '"' "'")", {R"(a\b)", "\"", "'"}},
      {R"("\"\\\$\`\n\'")", {R"("\$`\n\')"}},
      {R"(\a\ b \\ \' \")", {"a b", "\\", "'", "\""}},
      {R"(echo $HOME `id` $(id) * ~ # ; | & > f)",
       {"echo", "$HOME", "`id`", "$(id)", "*", "~", "#", ";", "|", "&", ">", "f"}},
      {"\xFF na\u00EFve", {"\xFF", "na\u00EFve"}},
  };
  for (const Row& row : rows) {
    const auto words = split_into_words(row.text);
    ASSERT_TRUE(std::holds_alternative<Words>(words)) << row.text;
    EXPECT_EQ(std::get<Words>(words), row.words) << row.text;
  }
}

TEST(WordsOfACommand, AreNoneWhereSomethingIsNotFinished) {
  for (const std::string_view text : {"'"sv, "a 'b"sv, "a 'b\\'c'"sv}) {
    EXPECT_EQ(std::get<std::string>(split_into_words(text)), "a quote (') is not closed") << text;
  }
  for (const std::string_view text : {"\""sv, "a \"b"sv, "\"a\\\""sv, "\"\\"sv}) {
    EXPECT_EQ(std::get<std::string>(split_into_words(text)), "a quote (\") is not closed") << text;
  }
  for (const std::string_view text : {"\\"sv, "a \\"sv, "'a'\\"sv}) {
    EXPECT_EQ(std::get<std::string>(split_into_words(text)),
              "nothing comes after the last backslash")
        << text;
  }
}

TEST(ServedCommand, IsANameAndACommand) {
  EXPECT_EQ(std::get<ServedCommand>(parse_served_command("up=tr a-z A-Z")),
            (ServedCommand{"up", {"tr", "a-z", "A-Z"}}));
  EXPECT_EQ(std::get<ServedCommand>(parse_served_command("e=env A=b cat")),
            (ServedCommand{"e", {"env", "A=b", "cat"}}));
}

TEST(ServedCommand, SaysWhyItIsNone) {
  struct Row {
    std::string_view text;
    std::string_view fault;
  };
  constexpr Row rows[] = {
      {""sv, "'' is not NAME=COMMAND"sv},
      {"cat"sv, "'cat' is not NAME=COMMAND"sv},
      {"=cat"sv, "'=cat' is not NAME=COMMAND"sv},
      {"a="sv, "'a=' names no program"sv},
      {"a= "sv, "'a= ' names no program"sv},
      {"a='' b"sv, "'a='' b' names no program"sv},
      {"a=sh -c 'b"sv, "in the command of 'a' a quote (') is not closed"sv},
      {"a=b\0c"sv, "a command cannot have a null character in it"sv},
  };
  for (const Row& row : rows)
    EXPECT_EQ(std::get<std::string>(parse_served_command(row.text)), row.fault) << row.text;
}

}  // namespace
}  // namespace mqtt_bridge
