// How the text of an option becomes its value: each function gives the take() of a Setting that
// writes into `to`, which must outlive it. Stateless.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "http/listen_address.hpp"
#include "mqtt/broker_url.hpp"

namespace mqtt_bridge {

/// Takes the text, or says in a sentence what is wanted; empty: taken.
using Take = std::function<std::string(const std::string& text)>;

Take into(bool& to);                           // "true", "false"
Take into(std::string& to);                    // a string that MQTT can carry
Take into(std::filesystem::path& to);          // never empty
Take into(std::chrono::milliseconds& to);      // from limits::min_timeout to limits::max_timeout
Take into(std::size_t& to, std::size_t most);  // from 1
Take into_file_mode(unsigned& to);             // octal
Take into(BrokerUrl& to);
Take into(std::vector<Listen>& to);  // this and the other lists: adds one

Take into_topic_level(std::string& to);
Take into_netid(std::string& to);
Take into_netids(std::vector<std::string>& to);  // NetIDs and "*"
Take into_actions(std::vector<std::string>& to);
Take into_hosts(std::vector<std::string>& to);    // without a port; in lower case
Take into_origins(std::vector<std::string>& to);  // as a browser says them: https://example.org
Take into_users(std::vector<std::string>& to);    // names or numbers

template <typename Value>
Take into_one_of(Value& to, std::vector<std::pair<std::string, Value>> choices) {
  return [&to, choices = std::move(choices)](const std::string& text) -> std::string {
    std::string names;
    for (const auto& [name, value] : choices) {
      if (name == text) {
        to = value;
        return {};
      }
      names += (names.empty() ? "" : ", ") + name;
    }
    return "'" + text + "' is none of " + names;
  };
}

}  // namespace mqtt_bridge
