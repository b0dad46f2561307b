// How the text of an option becomes its value: each function gives the set() of a Setting that
// writes into `to`, which must outlive it. Stateless.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits/call.hpp"
#include "base/nearest.hpp"
#include "config/served_command.hpp"
#include "http/listen_address.hpp"
#include "mqtt/broker_url.hpp"

namespace mqtt_bridge {

/// Takes the text, or says in a sentence what is wanted; empty: taken.
using Setter = std::function<std::string(const std::string& text)>;

Setter setter(std::vector<std::filesystem::path>& to);
Setter setter(bool& to);                      // "true", "false"
Setter setter(std::string& to);               // a string that MQTT can carry
Setter setter(std::filesystem::path& to);     // never empty
Setter setter(std::chrono::milliseconds& to,  // from limits::min_timeout
              std::chrono::milliseconds most = limits::max_timeout);
Setter setter(std::size_t& to, std::size_t most);  // from 1
Setter file_mode_setter(unsigned& to);             // octal
/// Adds one; the first takes the place of the default.
Setter brokers_setter(std::vector<BrokerUrl>& to);
Setter setter(std::vector<Listen>& to);  // this and the other lists: adds one

Setter topic_level_setter(std::string& to);
Setter netid_setter(std::string& to);
Setter netids_setter(std::vector<std::string>& to);  // NetIDs and "*"
Setter actions_setter(std::vector<std::string>& to);
Setter serve_setter(std::vector<ServedCommand>& to);
Setter hosts_setter(std::vector<std::string>& to);  // without a port; in lower case
Setter callbacks_setter(std::vector<std::string>& to);
Setter origins_setter(std::vector<std::string>& to);  // as a browser says them: https://example.org
Setter users_setter(std::vector<std::string>& to);    // names or numbers

template <typename Value>
Setter choice_setter(Value& to, std::vector<std::pair<std::string, Value>> choices) {
  return [&to, choices = std::move(choices)](const std::string& text) -> std::string {
    std::string names;
    std::vector<std::string_view> known;
    for (const auto& [name, value] : choices) {
      known.push_back(name);
      if (name == text) {
        to = value;
        return {};
      }
      names += (names.empty() ? "" : ", ") + name;
    }
    return "'" + text + "' is none of " + names + did_you_mean(text, known);
  };
}

}  // namespace mqtt_bridge
