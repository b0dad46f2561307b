#include "config/io/options.hpp"

#include <algorithm>
#include <iterator>
#include <string>

#include "base/duration.hpp"
#include "config/io/option_values.hpp"
#include "config/io/programs.hpp"
#include "config/io/route_files.hpp"
#include "exchange/topic.hpp"

namespace mqtt_bridge {
namespace {

std::vector<Setting> in_group(const char* group, std::vector<Setting> settings) {
  for (Setting& setting : settings)
    setting.group = group;
  return settings;
}

template <typename Value>
using Choices = std::vector<std::pair<std::string, Value>>;

/// Of a setting that has one of a few values: what they are, and what takes them.
template <typename Value>
Setting choice(Setting setting, Value& to, Choices<Value> choices) {
  for (const auto& [name, value] : choices)
    setting.values.push_back(name);
  setting.set = choice_setter<Value>(to, std::move(choices));
  return setting;
}

std::vector<Setting> broker_settings(BrokerOptions& to) {
  return in_group(
      "Broker",
      {
          {"broker", "URL", to_string(to.urls.front()),
           "The MQTT broker: mqtt://host:port or mqtts://host:port; more of one cluster are tried "
           "in turn",
           brokers_setter(to.urls), KeyType::texts},
          choice<Protocol>(
              {"protocol",
               "VERSION",
               "auto",
               "MQTT version: auto (5, or 3.1.1 where the broker refuses 5), 5 or 3.1.1",
               {}},
              to.protocol,
              {{"auto", Protocol::automatic}, {"5", Protocol::v5}, {"3.1.1", Protocol::v3_1_1}}),
          {"client-id", "ID", "", "MQTT client id; random by default", setter(to.client_id)},
          {"username", "NAME", "", "User name for the broker", setter(to.username)},
          {"username-file", "FILE", "", "File that holds the user name for the broker",
           setter(to.username_file)},
          {"password-file", "FILE", "", "File that holds the password for the broker",
           setter(to.password_file)},
          {"ca-file", "FILE", "", "CA certificates (PEM) for mqtts; the system's by default",
           setter(to.ca_file)},
          {"cert-file", "FILE", "", "Client certificate (PEM) for mqtts", setter(to.cert_file)},
          {"key-file", "FILE", "", "Private key (PEM) of the client certificate",
           setter(to.key_file)},
      });
}

std::vector<Setting> logging_settings(RunOptions& to) {
  return in_group(
      "Logging",
      {choice<LogLevel>({"log-level",
                         "LEVEL",
                         "info",
                         "Least level to log: trace, debug, info, warn or error",
                         {}},
                        to.log_level,
                        {{"trace", LogLevel::trace},
                         {"debug", LogLevel::debug},
                         {"info", LogLevel::info},
                         {"warn", LogLevel::warn},
                         {"error", LogLevel::error}}),
       choice<LogFormat>({"log-format",
                          "FORMAT",
                          "auto",
                          "auto (journal under systemd, else human), human, json or journal",
                          {}},
                         to.log_format,
                         {{"auto", LogFormat::automatic},
                          {"human", LogFormat::human},
                          {"json", LogFormat::json},
                          {"journal", LogFormat::journal}})});
}

std::vector<Setting> config_settings(RunOptions& to) {
  return {{"config", "FILE", "", "TOML file to read options from", setter(to.config), KeyType::text,
           Where::not_in_file},
          {"check-config", "", "", "Say whether the configuration is right, and exit",
           setter(to.check_config), KeyType::boolean, Where::only_as_flag}};
}

void append(std::vector<Setting>& settings, std::vector<Setting> more) {
  std::move(more.begin(), more.end(), std::back_inserter(settings));
}

std::vector<Setting> served_settings(BridgedOptions& options) {
  return {{"netid", "NETID", options.netid, "NetID of calls that name none",
           netid_setter(options.netid)},
          {"netids", "NETID", "", "One more NetID to serve, or \"*\" for any",
           netids_setter(options.netids), KeyType::list},
          {"action", "NAME", "", "One more action to serve, besides the five",
           actions_setter(options.action), KeyType::list},
          {"routes", "FILE", "",
           "One more TOML file with [[route]] tables, or a directory of such files",
           setter(options.route_files), KeyType::list},
          {"route", "", "", "", setter(options.route_files), KeyType::tables, Where::only_in_file}};
}

std::vector<Setting> listening_settings(BridgedOptions& options) {
  return {
      {"listen", "ADDRESS", "localhost:8426",
       "ADDRESS:PORT, [IPV6]:PORT, localhost:PORT or unix:PATH to listen on. Under systemd also "
       "bridge.sock in its runtime directory by default",
       setter(options.listen), KeyType::list},
      {"socket-mode", "MODE", "0660", "File mode of the unix sockets",
       file_mode_setter(options.socket_mode)},
      {"socket-group", "GROUP", "", "Group of the unix sockets; the program's own by default",
       setter(options.socket_group)}};
}

std::vector<Setting> access_settings(BridgedOptions& options) {
  return {{"token-file", "FILE", "", "File that holds the bearer token that callers must send",
           setter(options.token_file)},
          {"open-health", "", "", "Let /healthz, /readyz and /metrics be asked without the token",
           setter(options.open_health), KeyType::boolean},
          {"allow-remote", "", "", "Let --listen be reachable from other machines without a token",
           setter(options.allow_remote), KeyType::boolean},
          {"allow-user", "USER", "",
           "One more user who may call over a unix socket; without any, each user who may open it",
           users_setter(options.allow_user), KeyType::list},
          {"allow-origin", "ORIGIN", "",
           "One more web site whose pages may call, such as https://example.org",
           origins_setter(options.allow_origin), KeyType::list},
          {"callback", "URL", "",
           "One more place to which answers may be sent, with all below it, such as "
           "https://example.org/hooks/",
           callbacks_setter(options.callback), KeyType::list},
          {"callback-secret-file", "FILE", "",
           "File that holds the secret by which these answers are signed",
           setter(options.callback_secret_file)},
          {"host", "NAME", "", "One more Host name under which to answer",
           hosts_setter(options.host), KeyType::list}};
}

std::vector<Setting> group_settings(BridgedOptions& options) {
  return {
      {"group", "NAME", "",
       "One of several daemons of this group, which serve the same NetIDs, each with answers on "
       "topics of its own",
       topic_level_setter(options.group)},
      {"takes-turns", "", "", "Of the group, the one daemon whose calls may take turns",
       setter(options.takes_turns), KeyType::boolean}};
}

std::vector<Setting> limit_settings(BridgedOptions& options) {
  return {{"timeout", "DURATION", duration_text(options.timeout),
           "How long a call waits when it names no timeout", setter(options.timeout)},
          {"max-timeout", "DURATION", duration_text(options.max_timeout),
           "The longest timeout that a call may name", setter(options.max_timeout)},
          {"max-async-timeout", "DURATION", duration_text(options.max_async_timeout),
           "The longest timeout of a call that is answered later, and the one of such a call that "
           "names none",
           setter(options.max_async_timeout, limits::max_async_timeout)},
          {"turn-rest", "DURATION", duration_text(options.turn_rest),
           "How long a late answer to an action of --action is waited for before the next call is "
           "published, where answers carry no correlation data",
           setter(options.turn_rest)},
          {"max-in-flight", "N", std::to_string(options.max_in_flight),
           "How many calls may be published and wait for their answer",
           setter(options.max_in_flight, limits::in_flight), KeyType::integer},
          {"max-queued", "N", std::to_string(options.max_queued),
           "How many more calls may wait until they can be published",
           setter(options.max_queued, limits::queued), KeyType::integer},
          {"max-per-netid", "N", std::to_string(options.max_per_netid),
           "How many of all these may be of one NetID",
           setter(options.max_per_netid, limits::per_netid), KeyType::integer}};
}

std::vector<Setting> running_settings(BridgedOptions& options) {
  std::vector<Setting> settings = config_settings(options.run);
  append(
      settings,
      {{"check-health", "", "",
        "Say whether the daemon that runs with these options is ready, and exit",
        setter(options.check_health), KeyType::boolean, Where::only_as_flag},
       {"state-dir", "DIRECTORY", "",
        "Where calls that are answered later, and the client id, are kept over restarts; systemd's "
        "state directory by default",
        setter(options.state_dir)}});
  return settings;
}

std::vector<Setting> answering_settings(ResponderOptions& options) {
  return {{"share", "GROUP", "", "Share the requests with the other responders of this group",
           topic_level_setter(options.share)},
          {"id", "ID", "", "Name to announce this responder by; random by default",
           topic_level_setter(options.id)}};
}

std::vector<Setting> serving_settings(ResponderOptions& options) {
  return {{"serve", "NAME=COMMAND", "",
           "One more action, and the program that answers it: it gets the request on stdin, and "
           "prints the answer",
           serve_setter(options.serve), KeyType::list},
          {"serve-jobs", "N", std::to_string(options.serve_jobs),
           "How many programs of --serve may run at one time",
           setter(options.serve_jobs, limits::serve_jobs), KeyType::integer},
          {"serve-timeout", "DURATION", duration_text(options.serve_timeout),
           "How long a program of --serve may run", setter(options.serve_timeout)}};
}

std::vector<Setting> running_settings(ResponderOptions& options) {
  std::vector<Setting> settings = config_settings(options.run);
  append(settings, {{"check-health", "", "",
                     "Say whether the responder that runs with these options is ready, and exit",
                     setter(options.check_health), KeyType::boolean, Where::only_as_flag},
                    {"health-socket", "PATH", "",
                     "Unix socket at which --check-health asks this very responder",
                     setter(options.health_socket)}});
  return settings;
}

/// The first of the directories that systemd hands over in `name`, separated by colons; else empty.
std::filesystem::path systemd_directory(const Environment& environment, const char* name) {
  const auto variable = environment.find(name);
  if (variable == environment.end())
    return {};
  return variable->second.substr(0, variable->second.find(':'));
}

std::string broker_fault(const BrokerOptions& broker) {
  if (!broker.username.empty() && !broker.username_file.empty())
    return "--username and --username-file exclude each other";
  if (!broker.password_file.empty() && broker.username.empty() && broker.username_file.empty()) {
    return "--password-file needs --username or --username-file as well";
  }
  if (broker.cert_file.empty() != broker.key_file.empty()) {
    return "--cert-file and --key-file need each other";
  }
  const bool tls_file = !broker.ca_file.empty() || !broker.cert_file.empty();
  if (tls_file && broker.urls.front().scheme != BrokerUrl::Scheme::mqtts) {
    return "--ca-file, --cert-file and --key-file need a --broker with mqtts://, not " +
           to_string(broker.urls.front());
  }
  return {};
}

std::string bridged_fault(const BridgedOptions& options) {
  if (options.timeout > options.max_timeout) {
    return "--timeout (" + duration_text(options.timeout) + ") is longer than --max-timeout (" +
           duration_text(options.max_timeout) + ")";
  }
  const auto remote = std::find_if_not(options.listen.begin(), options.listen.end(), is_loopback);
  if (remote != options.listen.end() && options.token_file.empty() && !options.allow_remote) {
    return "--listen: " + to_string(*remote) +
           " can be reached from other machines; give a --token-file, or --allow-remote to let "
           "anybody call";
  }
  if (options.takes_turns && options.group.empty())
    return "--takes-turns needs --group";
  if (!options.group.empty() && options.broker.client_id.find_first_of("/+#") != std::string::npos)
    return "--client-id: in a group it stands in topics, so that it must have no '/', '+' and '#'";
  if (!options.callback.empty() && options.callback_secret_file.empty())
    return "--callback needs --callback-secret-file as well";
  return broker_fault(options.broker);
}

bool may_stand_in_topics(const std::string& client_id) {
  return is_broker_safe(client_id) && client_id.find_first_of("+#") == std::string::npos;
}

void add_defaults(BridgedOptions& options, const Environment& environment) {
  if (options.state_dir.empty()) {
    options.state_dir = systemd_directory(environment, "STATE_DIRECTORY");
  }
  if (!options.listen.empty())
    return;
  options.listens_by_default = true;
  options.listen.push_back(TcpListen{std::string(localhost), 8426});
  const auto runtime_dir = systemd_directory(environment, "RUNTIME_DIRECTORY");
  if (!runtime_dir.empty())
    options.listen.push_back(UnixListen{runtime_dir / "bridge.sock"});
}

}  // namespace

std::vector<Setting> settings_of(BridgedOptions& options) {
  std::vector<Setting> settings = broker_settings(options.broker);
  append(settings, in_group("What is served", served_settings(options)));
  append(settings, in_group("Listening", listening_settings(options)));
  append(settings, in_group("Who may call", access_settings(options)));
  append(settings, in_group("Several daemons", group_settings(options)));
  append(settings, in_group("Limits", limit_settings(options)));
  append(settings, logging_settings(options.run));
  append(settings, in_group("Running", running_settings(options)));
  return settings;
}

std::vector<Setting> settings_of(ResponderOptions& options) {
  std::vector<Setting> settings = broker_settings(options.broker);
  append(settings, in_group("Answering", answering_settings(options)));
  append(settings, in_group("Programs that answer", serving_settings(options)));
  append(settings, logging_settings(options.run));
  append(settings, in_group("Running", running_settings(options)));
  return settings;
}

std::variant<BridgedOptions, ExitNow> parse_bridged_options(int argc, const char* const* argv,
                                                            const Environment& environment) {
  const Program program = bridged_program();
  BridgedOptions options;
  if (auto exit = take_settings(program, settings_of(options), argc, argv, environment)) {
    return *std::move(exit);
  }
  add_defaults(options, environment);
  if (const std::string fault = bridged_fault(options); !fault.empty())
    return usage_error(program.name(), fault);
  auto routes = read_routes(options.route_files);
  if (const auto* const fault = std::get_if<std::string>(&routes))
    return usage_error(program.name(), *fault);
  options.routes = std::get<0>(std::move(routes));
  if (!options.routes.empty() && !may_stand_in_topics(options.broker.client_id)) {
    return usage_error(program.name(),
                       "--client-id: with routes it stands in topics, so that it must have no '+', "
                       "no '#' and no control character");
  }
  return options;
}

std::variant<ResponderOptions, ExitNow> parse_responder_options(int argc, const char* const* argv,
                                                                const Environment& environment) {
  const Program program = responder_program();
  ResponderOptions options;
  if (auto exit = take_settings(program, settings_of(options), argc, argv, environment)) {
    return *std::move(exit);
  }
  std::string fault = broker_fault(options.broker);
  if (fault.empty() && options.check_health && options.health_socket.empty())
    fault = "--check-health needs --health-socket, where the responder listens";
  if (!fault.empty())
    return usage_error(program.name(), fault);
  return options;
}

}  // namespace mqtt_bridge
