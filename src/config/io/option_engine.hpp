// Makes a program's flags, environment variables, configuration keys and --help of its one table of
// options (options.cpp), so that none can drift. A flag beats the environment, that beats the file,
// and that the default; whichever is taken is validated, and a fault names where it came from.
// Stateless; the process's environment must not change meanwhile.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/io/option_values.hpp"
#include "config/io/toml_config.hpp"
#include "config/manual.hpp"
#include "os/exit_now.hpp"

namespace mqtt_bridge {

/// The environment's variables by name.
using Environment = std::map<std::string, std::string, std::less<>>;

/// The environment of this process.
Environment process_environment();

enum class Where { anywhere, not_in_file, only_as_flag, only_in_file };

struct Setting {
  std::string name;          // long flag without its dashes, and key of the file
  std::string value_name;    // how --help calls the value
  std::string default_text;  // for --help; empty when there is none
  std::string help;
  /// Called for each text that was given, and only then: defaults are the caller's. For tables of
  /// the file it is called once, with the file's name.
  Setter set;
  KeyType type = KeyType::text;
  Where where = Where::anywhere;
  std::string group = {};                // of --help
  std::vector<std::string> values = {};  // all that there are, where they are few
};

struct Program {
  Manual manual;                   // but for its groups, which the settings have
  std::string environment_prefix;  // such as MQTT_BRIDGE_
  std::string version;

  const std::string& name() const { return manual.program; }
};

/// Its whole manual.
Manual manual_of(const Program& program, const std::vector<Setting>& settings);

/// `max-timeout` as an environment variable: MQTT_BRIDGE_MAX_TIMEOUT.
std::string environment_name(const Program& program, const std::string& setting);

/// Parses the command line, the environment and the file that the setting named `config` points at,
/// and hands every setting that was given to its set(). Nothing when all were taken. A list in the
/// environment is separated by commas, with blanks beside them or without. Empty text in the
/// environment, and in the file for settings without a default, is as good as none; as a flag it is
/// a value. A variable with the program's prefix that no setting has is a fault, but for those
/// that other software makes for itself.
/// REQUIRES: one of `settings` is named `config`.
std::optional<ExitNow> take_settings(const Program& program, const std::vector<Setting>& settings,
                                     int argc, const char* const* argv,
                                     const Environment& environment);

}  // namespace mqtt_bridge
