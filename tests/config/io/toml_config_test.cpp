#include "config/io/toml_config.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace mqtt_bridge {
namespace {

const std::vector<ConfigKey> keys{{"broker", KeyType::text},
                                  {"timeout", KeyType::text},
                                  {"allow-remote", KeyType::boolean},
                                  {"listen", KeyType::list}};

std::vector<ConfigValue> values(std::string_view toml) {
  const ConfigResult result = parse_toml_config(toml, "my.toml", keys);
  const auto* const found = std::get_if<std::vector<ConfigValue>>(&result);
  EXPECT_TRUE(found != nullptr) << std::get<std::string>(result);
  return found != nullptr ? *found : std::vector<ConfigValue>{};
}

std::string fault(std::string_view toml) {
  const ConfigResult result = parse_toml_config(toml, "my.toml", keys);
  const auto* const found = std::get_if<std::string>(&result);
  EXPECT_TRUE(found != nullptr) << toml;
  return found != nullptr ? *found : "";
}

TEST(TomlConfig, GivesItsValuesWithTheirLinesInTheOrderOfTheFile) {
  const std::vector<ConfigValue> expected{{"timeout", {"2s"}, 2},
                                          {"listen", {"a", "b"}, 3},
                                          {"broker", {"x"}, 7},
                                          {"allow-remote", {"true"}, 8}};
  EXPECT_EQ(values("# a comment\n"
                   "timeout = '2s'  # another\n"
                   "listen = [\n"
                   "  \"a\",\n"
                   "  \"b\",\n"
                   "]\n"
                   "broker = \"x\"\r\n"
                   "allow-remote = true"),
            expected);
}

TEST(TomlConfig, MayBeEmpty) {
  EXPECT_TRUE(values("").empty());
  EXPECT_TRUE(values("# only a comment").empty());
  EXPECT_EQ(values("listen = []"), (std::vector<ConfigValue>{{"listen", {}, 1}}));
}

TEST(TomlConfig, KeepsTextsExactly) {
  struct Row {
    std::string_view toml;
    std::string text;
  };
  const Row rows[] = {
      {R"(broker = "a # b")", "a # b"},
      {R"(broker = 'a # "b"')", "a # \"b\""},
      {R"(broker = "")", ""},
      {R"(broker = "a,b")", "a,b"},
      {R"(broker = "[a]")", "[a]"},
      {R"(broker = " a ")", " a "},
      {R"(broker = "a\tb\\\"\u00e9")", "a\tb\\\"\xc3\xa9"},
      {R"(broker = 'C:\x')", "C:\\x"},
      {R"("broker" = "quoted key")", "quoted key"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(values(row.toml), (std::vector<ConfigValue>{{"broker", {row.text}, 1}}));
  }
}

TEST(TomlConfig, NamesFileLineAndKeyOfWhatIsWrong) {
  struct Row {
    std::string_view toml;
    std::string_view sentence;
  };
  const Row rows[] = {
      {"\nbrokr = 'x'", "my.toml:2: unknown key 'brokr'; did you mean 'broker'?"},
      {"Broker = 'x'", "my.toml:1: unknown key 'Broker'; did you mean 'broker'?"},
      {"colour = 'x'", "my.toml:1: unknown key 'colour'"},
      {"allow_remote = true",
       "my.toml:1: unknown key 'allow_remote'; did you mean 'allow-remote'?"},
      {"\n[tls]\nca = 'x'", "my.toml:2: unknown key 'tls'"},
      {"[[listen]]\nx = 1",
       "my.toml:1: 'listen' must be an array of strings, such as "
       "[\"a\", \"b\"], not a table in it"},
      {"broker.host = 'x'", "my.toml:1: 'broker' must be a string in quotes, not a table"},
      {"timeout = 5", "my.toml:1: 'timeout' must be a string in quotes, not an integer"},
      {"timeout = 1.5",
       "my.toml:1: 'timeout' must be a string in quotes, not a floating-point number"},
      {"timeout = ['1s']", "my.toml:1: 'timeout' must be a string in quotes, not an array"},
      {"timeout = true", "my.toml:1: 'timeout' must be a string in quotes, not a boolean"},
      {"timeout = 2020-01-01",
       "my.toml:1: 'timeout' must be a string in quotes, not a date or time"},
      {"allow-remote = 'true'", "my.toml:1: 'allow-remote' must be true or false, not a string"},
      {"allow-remote = 1", "my.toml:1: 'allow-remote' must be true or false, not an integer"},
      {"listen = 'a'",
       "my.toml:1: 'listen' must be an array of strings, such as [\"a\", \"b\"], "
       "not a string"},
      {"listen = [\n'a',\n1]",
       "my.toml:3: 'listen' must be an array of strings, such as "
       "[\"a\", \"b\"], not an integer in it"},
      {"listen = [['a']]",
       "my.toml:1: 'listen' must be an array of strings, such as "
       "[\"a\", \"b\"], not an array in it"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(fault(row.toml), row.sentence);
}

TEST(TomlConfig, NamesTheFirstOfSeveralFaults) {
  EXPECT_EQ(fault("timeout = '1s'\nzebra = 1\nallow-remote = 1\n"),
            "my.toml:2: unknown key 'zebra'");
}

TEST(TomlConfig, RefusesDuplicateKeysAndBadSyntaxWithTheirLine) {
  struct Row {
    std::string_view toml;
    std::string_view line;
    std::string_view word;
  };
  const Row rows[] = {
      {"broker = 'a'\ntimeout = '1s'\nbroker = 'b'", "my.toml:3: ", "broker"},
      {"\nbroker = x", "my.toml:2: ", ""},
      {"broker = 'x", "my.toml:1: ", ""},
      {"broker 'x'", "my.toml:1: ", ""},
      {"broker =\n'x'", "my.toml:1: ", ""},
      {"listen = ['a'\n\ntimeout = '1s'", "my.toml:3: ", ""},
      {"broker = \"\\q\"", "my.toml:1: ", ""},
      {"broker = '\xff'", "my.toml:1: ", ""},
  };
  for (const Row& row : rows) {
    const std::string sentence = fault(row.toml);
    EXPECT_EQ(sentence.substr(0, row.line.size()), row.line) << sentence;
    EXPECT_NE(sentence.find(row.word), std::string::npos) << sentence;
    EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
    EXPECT_GT(sentence.size(), row.line.size() + 10) << sentence;
  }
}

TEST(TomlConfig, ThatCannotBeReadIsAnError) {
  const auto missing = std::filesystem::path(testing::TempDir()) / "no-such.toml";
  EXPECT_EQ(std::get<std::string>(read_toml_config(missing, keys)),
            missing.string() + ": cannot be read: No such file or directory");
  const std::filesystem::path directory = testing::TempDir();
  EXPECT_EQ(std::get<std::string>(read_toml_config(directory, keys)),
            directory.string() + ": cannot be read: Is a directory");
}

TEST(TomlConfig, IsReadFromItsFileAndNamesIt) {
  const auto file = std::filesystem::path(testing::TempDir()) /
                    ("toml_config_test." + std::to_string(::getpid()) + ".toml");
  const std::string comment(10'000, '#');  // longer than any one read
  std::ofstream(file) << comment << "\nbroker = 'x'\n";
  EXPECT_EQ(std::get<0>(read_toml_config(file, keys)),
            (std::vector<ConfigValue>{{"broker", {"x"}, 2}}));
  std::ofstream(file) << "brokr = 'x'\n";
  EXPECT_EQ(std::get<1>(read_toml_config(file, keys)),
            file.string() + ":1: unknown key 'brokr'; did you mean 'broker'?");
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace mqtt_bridge
