// The option table against what is written about it: --help and the shipped configuration files.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/limit_table.hpp"
#include "parse_options.hpp"

namespace mqtt_bridge {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

template <typename Program>
class ProgramOptions : public testing::Test {};
using Programs = testing::Types<Bridged, Responder>;
TYPED_TEST_SUITE(ProgramOptions, Programs);

TYPED_TEST(ProgramOptions, HelpNamesEveryOptionAndComesBeforeAnyFault) {
  for (const Arguments& arguments : std::vector<Arguments>{
           {"--help"}, {"-h"}, {"--config", "/no/such", "--timeout", "x", "stray", "--help"}}) {
    const auto parsed = parse<TypeParam>(arguments, {{"MQTT_BRIDGE_CONFIG", "/no/such"}});
    const auto& exit = std::get<ExitNow>(parsed);
    EXPECT_EQ(exit.code, 0);
    EXPECT_EQ(exit.err, "");
    typename TypeParam::Options unused;
    for (const Setting& setting : settings_of(unused)) {
      if (setting.where == Where::only_in_file)
        continue;
      EXPECT_NE(exit.out.find("--" + setting.name + " "), std::string::npos) << setting.name;
    }
  }
}

TYPED_TEST(ProgramOptions, VersionSaysNameAndVersion) {
  for (const char* const flag : {"--version", "-V"}) {
    const auto parsed = parse<TypeParam>({flag}, {});
    EXPECT_EQ(std::get<ExitNow>(parsed).code, 0);
    EXPECT_EQ(std::get<ExitNow>(parsed).out,
              std::string(TypeParam::name) + " " + MQTT_BRIDGE_VERSION + "\n");
  }
}

TYPED_TEST(ProgramOptions, HelpFitsATerminalAndHasNoInternalLimit) {
  const auto help = std::get<ExitNow>(parse<TypeParam>({"--help"}, {})).out;
  const auto limits = std::get<ExitNow>(parse<TypeParam>({"--help-limits"}, {})).out;
  for (const std::string& text : {help, limits}) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 80U) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
    }
  }
  for (const Limit& limit : all_limits()) {
    const std::string row = "\n  " + std::string(limit.name) + " ";
    EXPECT_EQ(help.find(row), std::string::npos) << limit.name;
    EXPECT_NE(limits.find(row), std::string::npos) << limit.name;
  }
}

TYPED_TEST(ProgramOptions, HelpHasGroupsExamplesExitCodesAndEnvironment) {
  const auto help = std::get<ExitNow>(parse<TypeParam>({"--help"}, {})).out;
  for (const char* const part : {"Usage: ", "\nBroker:\n", "\nLogging:\n", "\nRunning:\n",
                                 "\nExamples:\n", "\nExit codes:\n", "\nEnvironment:\n"})
    EXPECT_NE(help.find(part), std::string::npos) << part;
  typename TypeParam::Options unused;
  for (const Setting& setting : settings_of(unused))
    EXPECT_FALSE(setting.group.empty()) << setting.name;
}

/// The configuration file as it is shipped.
std::filesystem::path shipped(const std::string& program) {
  return std::filesystem::path(MQTT_BRIDGE_SOURCE) / "config" / (program + ".toml");
}

/// Its lines that are settings behind a '#', without it.
std::vector<std::string> commented_settings(const std::string& toml) {
  static const std::regex setting("# ([a-z][a-z-]* = .*)");
  std::vector<std::string> found;
  std::istringstream lines(toml);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, setting))
      found.push_back(match[1]);
    EXPECT_TRUE(line.empty() || line.front() == '#') << "not commented out: " << line;
  }
  return found;
}

TYPED_TEST(ProgramOptions, AreEachInTheShippedFile) {
  std::vector<std::string> in_file;
  for (const std::string& line : commented_settings(read(shipped(TypeParam::name)))) {
    in_file.push_back(line.substr(0, line.find(' ')));
  }
  std::vector<std::string> in_table;
  typename TypeParam::Options unused;
  for (const Setting& setting : settings_of(unused)) {
    if (setting.where == Where::anywhere)
      in_table.push_back(setting.name);
  }
  std::sort(in_file.begin(), in_file.end());
  std::sort(in_table.begin(), in_table.end());
  EXPECT_EQ(in_file, in_table);
}

TYPED_TEST(ProgramOptions, AreInTheShippedFileAtTheirDefaults) {
  std::string uncommented;
  typename TypeParam::Options unused;
  const std::vector<Setting> settings = settings_of(unused);
  for (const std::string& line : commented_settings(read(shipped(TypeParam::name)))) {
    uncommented += line + "\n";
    for (const Setting& setting : settings) {
      if (!line.starts_with(setting.name + " "))
        continue;
      if (setting.type == KeyType::text || setting.type == KeyType::texts) {
        EXPECT_EQ(line, setting.name + " = \"" + setting.default_text + "\"") << "as --help has it";
      }
    }
  }
  const bool needs_netid = std::string_view(TypeParam::name) == "mqtt_bridged";
  const Arguments without = needs_netid ? Arguments{"--netid", "alice"} : Arguments{};
  const ConfigFile file(uncommented);
  Arguments with = without;
  with.insert(with.end(), {"--config", file.path()});
  auto defaults = options<TypeParam>(without);
  defaults.run.config = file.path();
  if constexpr (requires { defaults.listens_by_default; })
    defaults.listens_by_default = false;  // the file says where
  EXPECT_EQ(options<TypeParam>(with), defaults);
}

}  // namespace
}  // namespace mqtt_bridge
