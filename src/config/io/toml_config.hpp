// Reads a configuration file strictly: one flat TOML table, only known keys, only their types. What
// is in tables of it, [[route]], is route_files.hpp's.
// Not CLI11's own reader, which differs between releases, cuts a string at a '#' and passes over
// unknown keys; and not behind CLI11's Config interface, since that lets the file override the
// environment and has no place for a line number. Stateless.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mqtt_bridge {

enum class KeyType {
  text,
  boolean,
  integer,
  list,   // an array of strings
  texts,  // the same, or one string
  tables
};

constexpr bool is_list(KeyType type) {
  return type == KeyType::list || type == KeyType::texts;
}

struct ConfigKey {
  std::string name;
  KeyType type;
};

/// The text of a file, or why it cannot be read, with its name.
struct ConfigFault {
  std::string sentence;
};
std::variant<std::string, ConfigFault> read_config_text(const std::filesystem::path& file);

/// One setting as the file has it. Tables have the name of the file as their only text. A boolean
/// reads "true" or "false", an integer is in decimal; only lists have any number of texts, the
/// others have one.
struct ConfigValue {
  std::string key;
  std::vector<std::string> texts;
  std::size_t line;
  friend bool operator==(const ConfigValue&, const ConfigValue&) = default;
};

/// In the order of the file; or the file's first fault, as one sentence that begins with
/// `file:line:` and names the key.
using ConfigResult = std::variant<std::vector<ConfigValue>, std::string>;

/// Reads the file; one that cannot be read is an error as well.
ConfigResult read_toml_config(const std::filesystem::path& file, std::span<const ConfigKey> keys);

/// `file` is only the name to use in errors.
ConfigResult parse_toml_config(std::string_view toml, std::string_view file,
                               std::span<const ConfigKey> keys);

/// The settings of one table of a file; no name: those that stand in none.
struct ConfigSection {
  std::string name;
  std::vector<ConfigValue> values;
};

/// Reads a file whose tables are sections that each have the same keys. First comes what stands in
/// no table, which may be nothing.
std::variant<std::vector<ConfigSection>, std::string> read_toml_sections(
    const std::filesystem::path& file, std::span<const ConfigKey> keys);

}  // namespace mqtt_bridge
