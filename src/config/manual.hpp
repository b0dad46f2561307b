// What a program says of itself: its options in groups, examples, exit codes, environment. --help,
// the man page and the completions of the shells are made of this one table, so that none can
// drift. Values and pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/limit_table.hpp"

namespace mqtt_bridge {

struct ManualOption {
  enum class Takes { nothing, text, one_of_values, file, directory };

  std::string short_name = {};  // "-h"; may be empty
  std::string name;             // "--help"
  std::string value_name = {};  // "FILE"; empty where it takes nothing
  std::string help;             // a sentence or two, without a full stop at its end
  std::string default_text = {};
  std::vector<std::string> values = {};  // all that there are; of Takes::one_of_values
  Takes takes = Takes::nothing;
  bool is_repeatable = false;
};

struct Manual {
  struct Group {
    std::string title;  // "Broker"
    std::vector<ManualOption> options;
  };
  struct Entry {
    std::string name;  // a command, an exit code, a variable or a file
    std::string meaning;
  };

  struct Argument {
    std::string name;
    std::string meaning;
    std::vector<std::string> values = {};  // to propose; there may be others
  };

  std::string program;
  int section = 8;                       // of the manual
  std::string summary;                   // for the man page's NAME: no full stop, no capital
  std::string purpose;                   // the first lines of --help, in plain words
  std::vector<std::string> usages;       // without "Usage: "
  std::vector<Argument> arguments = {};  // that are no options, in their order
  std::vector<Group> groups;
  std::vector<Entry> examples;
  std::vector<Entry> exit_codes;
  std::vector<Entry> environment;
  std::vector<Entry> files = {};
  std::vector<std::string> see_also = {};  // "mosquitto(8)"
};

/// At most 80 columns.
std::string help_text(const Manual& manual);

/// For --help-limits; likewise.
std::string limits_text(const std::vector<Limit>& limits);

/// In the language of man(7). `date`: of its release, such as 2026-11-28.
std::string man_page(const Manual& manual, std::string_view version, std::string_view date);

std::string bash_completion(const Manual& manual);
std::string zsh_completion(const Manual& manual);
std::string fish_completion(const Manual& manual);

}  // namespace mqtt_bridge
