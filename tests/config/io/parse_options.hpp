// Parses the options of either program for a test, with an environment and a file of the test's
// own.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "config/io/options.hpp"

namespace mqtt_bridge {

using Arguments = std::vector<std::string>;
using Variables = Environment;

struct Bridged {
  using Options = BridgedOptions;
  static constexpr auto parse = parse_bridged_options;
  static constexpr const char* name = "mqtt_bridged";
};

struct Responder {
  using Options = ResponderOptions;
  static constexpr auto parse = parse_responder_options;
  static constexpr const char* name = "mqtt_responder";
};

template <typename Program>
auto parse(const Arguments& arguments, const Variables& variables) {
  std::vector<const char*> argv{Program::name};
  for (const std::string& argument : arguments)
    argv.push_back(argument.c_str());
  return Program::parse(static_cast<int>(argv.size()), argv.data(), variables);
}

template <typename Program = Bridged>
typename Program::Options options(const Arguments& arguments, const Variables& variables = {}) {
  const auto parsed = parse<Program>(arguments, variables);
  const auto* const exit = std::get_if<ExitNow>(&parsed);
  EXPECT_EQ(exit, nullptr) << exit->err;
  return exit == nullptr ? std::get<0>(parsed) : typename Program::Options{};
}

/// The one line of a usage error, without the program's name.
template <typename Program = Bridged>
std::string fault(const Arguments& arguments, const Variables& variables = {}) {
  const auto parsed = parse<Program>(arguments, variables);
  const auto* const exit = std::get_if<ExitNow>(&parsed);
  if (exit == nullptr)
    return "no fault";
  EXPECT_EQ(exit->code, 2);
  EXPECT_EQ(exit->out, "");
  const std::string begin = std::string(Program::name) + ": ";
  EXPECT_EQ(exit->err.substr(0, begin.size()), begin);
  EXPECT_EQ(exit->err.find('\n'), exit->err.size() - 1) << "one line";
  return exit->err.substr(begin.size(), exit->err.size() - begin.size() - 1);
}

/// A file that is gone at the end of the test.
class ConfigFile {
 public:
  explicit ConfigFile(std::string_view text) { std::ofstream(path_) << text; }
  ~ConfigFile() { std::filesystem::remove(path_); }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = (std::filesystem::path(testing::TempDir()) /
                       ("options_test." + std::to_string(::getpid()) + ".toml"))
                          .string();
};

}  // namespace mqtt_bridge
