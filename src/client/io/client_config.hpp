// mqtt_client's configuration file: settings for all calls, and sections for several brokers, of
// which one is chosen by its name. Reads that file and nothing else. Stateless.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "client/option_table.hpp"

namespace mqtt_bridge {

/// Which file and which section, by the sources that are stronger than the file.
struct ConfigChoice {
  GivenSetting file = {};         // no origin: not named; named with an empty text: none is read
  GivenSetting section = {};      // no origin: not named
  std::string default_file = {};  // read where it exists; empty: there is none
  std::string home = {};          // what ~ stands for
};

/// `$XDG_CONFIG_HOME/mqtt-bridge/client.toml`, by default in `~/.config`; empty where neither
/// variable is of use (XDG Base Directory Specification 0.8: a relative path is not).
std::string default_config_file(const std::string& xdg_config_home, const std::string& home);

/// The path that `text` in a file of `folder` names: as it is, within `home` after "~/", or within
/// that folder.
std::string path_in_config(const std::string& text, const std::string& folder,
                           const std::string& home);

/// The section, then what stands above all sections; none where there is no file. Or what is wrong,
/// in one sentence.
std::variant<std::vector<SettingLayer>, std::string> read_client_config(const ConfigChoice& choice);

}  // namespace mqtt_bridge
