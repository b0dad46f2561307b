// What mqtt_client can be told, and where: its one table of options, of which the command line, the
// variables of the environment, the keys of the configuration file and --help are made, so that
// none can drift. Values and pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits/call.hpp"
#include "mqtt/broker_url.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {

struct ClientOptions {
  enum class MessageFrom { argument, standard_input, piped_input, file };

  bool verbose = false;
  BrokerUrl broker;
  bool names_broker = false;  // that is not only the default
  std::string username;       // of the broker, as the files are; empty: none
  std::string password_file;
  std::string ca_file;  // these three only with mqtts
  std::string cert_file;
  std::string key_file;
  std::string netid;
  std::string action = "uppercase";  // an is_action_name(); of mqtt_client_direct one of the five
  std::string route;                 // the path of a route, instead of these two; empty: none
  std::string message;               // UTF-8, but that to a route may be anything; perhaps empty
  MessageFrom message_from = MessageFrom::argument;  // piped_input: if stdin is that
  std::string file;                                  // with MessageFrom::file
  bool json = false;                                 // print the answer so
  bool lines = false;                                // each line there is a message
  bool explain = false;                              // say what was tried, and what came of it
  std::uint32_t repeat = 0;  // that many times the same; 0: one call, as without
  std::string daemon;        // as parse_daemon_url() reads it; empty: not named
  std::string token_file;    // what the daemon asks for; empty: none
  bool direct = false;
  // Of mqtt_client_direct only: why no daemon was of use; empty: none was wished.
  std::string not_asked = {};
  bool is_left_aside = false;  // one is there
  std::chrono::milliseconds timeout = limits::default_timeout;
  friend bool operator==(const ClientOptions&, const ClientOptions&) = default;
};

struct ClientFlag {
  enum class Group { call, broker, daemon, output, general };
  enum class Where { flag_only, not_in_file, anywhere };

  std::string_view name;        // long flag without its dashes, and key of the file
  char letter;                  // of the short flag; 0: none
  std::string_view value_name;  // empty: it takes no value
  Group group;
  Where where;
  std::string_view help;
  std::string_view variable = {};  // where it has not the name that is made of `name`
};

std::span<const ClientFlag> client_flags();

/// `token-file` as a variable of the environment: MQTT_CLIENT_TOKEN_FILE.
std::string variable_of(const ClientFlag& flag);

/// One setting as one source has it, and how to name that place in an error.
struct GivenSetting {
  std::string_view name;  // of a ClientFlag
  std::string text;       // "true" or "false" of one that takes no value
  std::string origin;     // --token-file, MQTT_CLIENT_TOKEN_FILE or client.toml:3: token-file
};

/// What one source says; a setting twice: the last one counts.
using SettingLayer = std::vector<GivenSetting>;

/// Takes the settings of all sources, the strongest first; what is wrong, or nothing. A source that
/// names a broker beats a weaker one's credentials too, where that one names a broker of its own:
/// no password goes to another broker than the one it was written down with. The same of the daemon
/// and its token.
std::string take_layers(std::span<const SettingLayer> layers, ClientOptions& to);

}  // namespace mqtt_bridge
