#include "config/io/toml_config.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <utility>

// It would end the process on some texts that are no TOML, instead of throwing (3.3).
#define TOML_ASSERT(expression) static_cast<void>(0)
#include <toml++/toml.h>

#include "base/nearest.hpp"
#include "os/error_text.hpp"

namespace mqtt_bridge {
namespace {

struct Fault {
  std::size_t line;
  std::string sentence;
};

std::size_t line_of(const toml::node& node) {
  return node.source().begin.line;
}

std::string in_quotes(std::string_view text) {
  return "'" + std::string(text) + "'";
}

std::string unknown_key(std::string_view name, std::span<const ConfigKey> keys) {
  std::vector<std::string_view> names;
  for (const ConfigKey& key : keys)
    names.push_back(key.name);
  return "unknown key " + in_quotes(name) + did_you_mean(name, names);
}

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a floating-point number";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
    case toml::node_type::none:
      break;
  }
  return "nothing";
}

std::string_view expected(KeyType type) {
  switch (type) {
    case KeyType::text:
      return "a string in quotes";
    case KeyType::boolean:
      return "true or false";
    case KeyType::integer:
      return "an integer";
    case KeyType::tables:
      return "tables, such as [[route]]";
    case KeyType::list:
      return "an array of strings, such as [\"a\", \"b\"]";
    case KeyType::texts:
      return "a string in quotes, or an array of strings";
  }
  return {};
}

Fault wrong_type(const ConfigKey& key, const toml::node& node, std::string_view where = "") {
  return {line_of(node), in_quotes(key.name) + " must be " + std::string(expected(key.type)) +
                             ", not " + std::string(type_name(node)) + std::string(where)};
}

std::variant<std::vector<std::string>, Fault> texts_of(const ConfigKey& key,
                                                       const toml::node& node) {
  switch (key.type) {
    case KeyType::texts:
      if (node.is_array())
        return texts_of({key.name, KeyType::list}, node);
      [[fallthrough]];
    case KeyType::text:
      if (const auto* text = node.as_string())
        return std::vector{text->get()};
      break;
    case KeyType::boolean:
      if (const auto* value = node.as_boolean()) {
        return std::vector<std::string>{value->get() ? "true" : "false"};
      }
      break;
    case KeyType::integer:
      if (const auto* value = node.as_integer())
        return std::vector{std::to_string(value->get())};
      break;
    case KeyType::tables:
      if (node.is_array_of_tables())
        return std::vector<std::string>{""};
      break;
    case KeyType::list:
      if (const auto* array = node.as_array()) {
        std::vector<std::string> texts;
        for (const toml::node& element : *array) {
          const auto* text = element.as_string();
          if (text == nullptr)
            return wrong_type(key, element, " in it");
          texts.push_back(text->get());
        }
        return texts;
      }
      break;
  }
  return wrong_type(key, node);
}

enum class Tables { are_values, are_sections };

std::variant<std::vector<ConfigValue>, Fault> values_of(const toml::table& table,
                                                        std::span<const ConfigKey> keys,
                                                        Tables tables = Tables::are_values) {
  std::vector<ConfigValue> values;
  std::optional<Fault> first;  // toml++ goes by the alphabet; the reader goes by the line
  const auto note = [&first](Fault fault) {
    if (!first || fault.line < first->line)
      first = std::move(fault);
  };
  for (const auto& [name, node] : table) {
    if (tables == Tables::are_sections && node.is_table())
      continue;
    const std::string_view key_name = name;
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [key_name](const ConfigKey& k) { return k.name == key_name; });
    if (key == keys.end()) {
      note({line_of(node), unknown_key(key_name, keys)});
      continue;
    }
    auto texts = texts_of(*key, node);
    if (auto* fault = std::get_if<Fault>(&texts)) {
      note(std::move(*fault));
    } else {
      values.push_back({key->name, std::move(std::get<0>(texts)), line_of(node)});
    }
  }
  if (first)
    return *std::move(first);
  std::sort(values.begin(), values.end(),
            [](const ConfigValue& a, const ConfigValue& b) { return a.line < b.line; });
  return values;
}

std::variant<std::vector<ConfigSection>, Fault> sections_of(const toml::table& table,
                                                            std::span<const ConfigKey> keys) {
  std::vector<ConfigSection> sections;
  auto top = values_of(table, keys, Tables::are_sections);
  if (auto* const fault = std::get_if<Fault>(&top))
    return std::move(*fault);
  sections.push_back({"", std::get<0>(std::move(top))});
  for (const auto& [name, node] : table) {
    const toml::table* const section = node.as_table();
    if (section == nullptr)
      continue;
    auto values = values_of(*section, keys);
    if (auto* const fault = std::get_if<Fault>(&values))
      return std::move(*fault);
    sections.push_back({std::string(std::string_view(name)), std::get<0>(std::move(values))});
  }
  return sections;
}

std::string located(std::string_view file, const Fault& fault) {
  return std::string(file) + ":" + std::to_string(fault.line) + ": " + fault.sentence;
}

}  // namespace

ConfigResult parse_toml_config(std::string_view toml, std::string_view file,
                               std::span<const ConfigKey> keys) {
  try {
    auto values = values_of(toml::parse(toml), keys);
    if (const auto* fault = std::get_if<Fault>(&values))
      return located(file, *fault);
    return std::get<0>(std::move(values));
  } catch (const toml::parse_error& error) {
    return located(file, {error.source().begin.line, std::string(error.description())});
  }
}

std::variant<std::string, ConfigFault> read_config_text(const std::filesystem::path& file) {
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::string toml;
  std::array<char, 4096> buffer{};
  while (stream.read(buffer.data(), buffer.size()), stream.gcount() > 0) {
    toml.append(buffer.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (!stream.is_open() || stream.bad()) {  // a directory can be opened, but not read
    const int reason = errno != 0 ? errno : EIO;
    return ConfigFault{file.string() + ": cannot be read: " + error_text(reason)};
  }
  return toml;
}

ConfigResult read_toml_config(const std::filesystem::path& file, std::span<const ConfigKey> keys) {
  auto text = read_config_text(file);
  if (auto* const fault = std::get_if<ConfigFault>(&text))
    return std::move(fault->sentence);
  return parse_toml_config(std::get<std::string>(text), file.string(), keys);
}

std::variant<std::vector<ConfigSection>, std::string> read_toml_sections(
    const std::filesystem::path& file, std::span<const ConfigKey> keys) {
  const auto text = read_config_text(file);
  if (const auto* const fault = std::get_if<ConfigFault>(&text))
    return fault->sentence;
  try {
    auto sections = sections_of(toml::parse(std::get<std::string>(text)), keys);
    if (const auto* const fault = std::get_if<Fault>(&sections))
      return located(file.string(), *fault);
    return std::get<0>(std::move(sections));
  } catch (const toml::parse_error& error) {
    return located(file.string(), {error.source().begin.line, std::string(error.description())});
  }
}

}  // namespace mqtt_bridge
