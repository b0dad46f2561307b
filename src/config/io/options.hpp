// What the operator wants of mqtt_bridged and mqtt_responder: flags, environment, configuration
// file and defaults, validated and never acted upon; no file but the configuration is opened, no
// name resolved. Values.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/limits/call.hpp"
#include "base/limits/exchange.hpp"
#include "base/limits/later.hpp"
#include "base/limits/responder.hpp"
#include "config/io/option_engine.hpp"
#include "http/listen_address.hpp"
#include "mqtt/broker_url.hpp"
#include "mqtt/link_policy.hpp"
#include "os/exit_now.hpp"
#include "os/io/log.hpp"
#include "route/route.hpp"

namespace mqtt_bridge {

/// How to reach the broker, under several addresses where it is a cluster, the same for both
/// programs. An empty path or text means none.
struct BrokerOptions {
  std::vector<BrokerUrl> urls{1};  // never empty; all with TLS, or none
  Protocol protocol = Protocol::automatic;
  std::string client_id;  // empty: the program makes one
  std::string username;
  std::filesystem::path username_file;  // instead of it
  std::filesystem::path password_file;  // only with a username (MQTT 3.1.1 3.1.2.9)
  std::filesystem::path ca_file;        // these three only with mqtts; empty: the system's CAs
  std::filesystem::path cert_file;      // with key_file, or neither
  std::filesystem::path key_file;
  friend bool operator==(const BrokerOptions&, const BrokerOptions&) = default;
};

/// What has nothing to do with the program's purpose.
struct RunOptions {
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::automatic;
  bool check_config = false;     // say whether all this is right, and exit
  std::filesystem::path config;  // empty: no file was read
  friend bool operator==(const RunOptions&, const RunOptions&) = default;
};

struct BridgedOptions {
  BrokerOptions broker;
  RunOptions run;
  std::string netid = "bridge";                      // of calls that name none
  std::vector<std::string> netids;                   // served besides `netid`; "*" allows any
  std::vector<std::string> action;                   // that callers may name besides the five
  std::vector<std::filesystem::path> route_files;    // and directories of them
  std::vector<std::shared_ptr<const Route>> routes;  // of these files
  std::vector<Listen> listen;                        // never empty after the parse
  bool listens_by_default = false;                   // no --listen was given
  std::vector<std::string> host;          // that callers may use besides the loopback's; lower case
  std::vector<std::string> allow_origin;  // of web pages of other sites that may call
  std::vector<std::string>
      allow_user;               // over the unix socket; empty: all that its file mode lets in
  unsigned socket_mode = 0660;  // of the unix sockets
  std::string socket_group;     // likewise; empty: the process's own
  std::size_t max_in_flight = limits::in_flight;
  std::size_t max_queued = limits::queued;
  std::size_t max_per_netid = limits::per_netid;
  std::chrono::milliseconds timeout = limits::default_timeout;  // at most max_timeout
  std::chrono::milliseconds max_timeout = limits::max_timeout;
  std::chrono::milliseconds max_async_timeout = limits::default_async_timeout;
  std::chrono::milliseconds turn_rest = limits::turn_rest;  // after a call that ended unanswered
  std::string group;                  // of daemons that serve the same NetIDs; empty: it is alone
  bool takes_turns = false;           // the one of the group whose calls may
  std::vector<std::string> callback;  // where answers may be sent, see http/callback_url.hpp
  std::filesystem::path callback_secret_file;  // by which these are signed
  std::filesystem::path token_file;            // empty: no token is asked for
  std::filesystem::path state_dir;             // empty: nothing is kept over a restart
  bool open_health = false;                    // /healthz, /readyz and /metrics need no token
  bool allow_remote = false;
  bool check_health = false;  // say whether the daemon that runs with all this is ready, and exit
  friend bool operator==(const BridgedOptions&, const BridgedOptions&) = default;
};

struct ResponderOptions {
  BrokerOptions broker;
  RunOptions run;
  std::string share;  // the group of a shared subscription; empty: not shared
  std::string id;     // under which its presence is announced; empty: the program makes one
  std::vector<ServedCommand> serve;  // actions besides the five, each with its program
  std::size_t serve_jobs = 4;        // programs that run at one time
  std::chrono::milliseconds serve_timeout = limits::serve_timeout;  // of each
  std::filesystem::path health_socket;  // that says whether it is ready; empty: there is none
  bool check_health = false;            // ask there, and exit
  friend bool operator==(const ResponderOptions&, const ResponderOptions&) = default;
};

std::variant<BridgedOptions, ExitNow> parse_bridged_options(
    int argc, const char* const* argv, const Environment& environment = process_environment());

std::variant<ResponderOptions, ExitNow> parse_responder_options(
    int argc, const char* const* argv, const Environment& environment = process_environment());

/// The option tables; each setting's set() writes into `options`, which must outlive it.
std::vector<Setting> settings_of(BridgedOptions& options);
std::vector<Setting> settings_of(ResponderOptions& options);

}  // namespace mqtt_bridge
