#include "client/io/client_config.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <unistd.h>

#include "base/nearest.hpp"
#include "config/io/toml_config.hpp"

namespace mqtt_bridge {
namespace {

const ClientFlag* flag_of(std::string_view name) {
  const auto flags = client_flags();
  const auto found = std::find_if(flags.begin(), flags.end(),
                                  [name](const ClientFlag& flag) { return flag.name == name; });
  return found == flags.end() ? nullptr : &*found;
}

std::vector<ConfigKey> keys_of_file() {
  std::vector<ConfigKey> keys;
  for (const ClientFlag& flag : client_flags()) {
    if (flag.where == ClientFlag::Where::anywhere)
      keys.push_back(
          {std::string(flag.name), flag.value_name.empty() ? KeyType::boolean : KeyType::text});
  }
  return keys;
}

bool exists(const std::string& file) {
  return ::access(file.c_str(), F_OK) == 0;  // not: in a home that is not ours
}

/// Empty text in the file is as good as none.
SettingLayer layer_of(const ConfigSection& section, const std::string& file,
                      const std::string& home) {
  const std::string folder = file.substr(0, file.rfind('/') + 1);
  SettingLayer layer;
  for (const ConfigValue& value : section.values) {
    const std::string& text = value.texts.front();
    if (text.empty())
      continue;
    const ClientFlag& flag = *flag_of(value.key);
    layer.push_back({flag.name,
                     flag.value_name == "FILE" ? path_in_config(text, folder, home) : text,
                     file + ":" + std::to_string(value.line) + ": " + value.key});
  }
  return layer;
}

GivenSetting section_of(const SettingLayer& layer) {
  for (const GivenSetting& given : layer) {
    if (given.name == "section")
      return given;
  }
  return {};
}

std::string no_section(const GivenSetting& wanted, const std::string& file,
                       const std::vector<ConfigSection>& sections) {
  std::vector<std::string_view> names;
  for (const ConfigSection& section : sections) {
    if (!section.name.empty())
      names.push_back(section.name);
  }
  return wanted.origin + ": " + file + " has no section [" + wanted.text + "]" +
         did_you_mean(wanted.text, names);
}

}  // namespace

std::string default_config_file(const std::string& xdg_config_home, const std::string& home) {
  constexpr std::string_view name = "/mqtt-bridge/client.toml";
  if (xdg_config_home.starts_with('/'))
    return xdg_config_home + std::string(name);
  return home.starts_with('/') ? home + "/.config" + std::string(name) : "";
}

std::string path_in_config(const std::string& text, const std::string& folder,
                           const std::string& home) {
  if (text.starts_with("~/") && !home.empty())
    return home + text.substr(1);
  return text.starts_with('/') ? text : folder + text;
}

std::variant<std::vector<SettingLayer>, std::string> read_client_config(
    const ConfigChoice& choice) {
  const bool is_named = !choice.file.origin.empty();
  const std::string& file = is_named ? choice.file.text : choice.default_file;
  if (file.empty() || (!is_named && !exists(file))) {
    if (choice.section.origin.empty())
      return std::vector<SettingLayer>{};
    return choice.section.origin + ": there is no configuration file" +
           (file.empty() ? "; name it with --config" : " " + file);
  }
  auto read = read_toml_sections(file, keys_of_file());
  if (auto* const fault = std::get_if<std::string>(&read))
    return (is_named ? choice.file.origin + ": " : "") + *fault;
  const auto& sections = std::get<std::vector<ConfigSection>>(read);
  const SettingLayer top = layer_of(sections.front(), file, choice.home);
  const GivenSetting wanted = choice.section.origin.empty() ? section_of(top) : choice.section;
  if (wanted.origin.empty())
    return std::vector<SettingLayer>{top};
  const auto section =
      std::find_if(sections.begin() + 1, sections.end(),
                   [&wanted](const ConfigSection& each) { return each.name == wanted.text; });
  if (section == sections.end())
    return no_section(wanted, file, sections);
  return std::vector<SettingLayer>{layer_of(*section, file, choice.home), top};
}

}  // namespace mqtt_bridge
