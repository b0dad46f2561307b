// The daemon: HTTP on loopback and a unix socket on one side, one MQTT connection on the other.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <grp.h>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include "base/limits/http.hpp"
#include "config/io/link_options.hpp"
#include "config/io/options.hpp"
#include "daemon/io/bridge.hpp"
#include "daemon/io/callers.hpp"
#include "daemon/io/health_check.hpp"
#include "http/io/listener.hpp"
#include "http/openapi.hpp"
#include "mqtt/io/paho/environment.hpp"
#include "mqtt/io/paho/library_threads.hpp"
#include "os/error_text.hpp"
#include "os/io/log.hpp"
#include "os/io/output.hpp"
#include "os/io/persistent_id.hpp"
#include "os/io/run_main.hpp"
#include "os/io/secrets.hpp"
#include "os/io/signals.hpp"
#include "os/io/systemd.hpp"
#include "route/route_config.hpp"

namespace {

using namespace mqtt_bridge;

constexpr std::string_view program = "mqtt_bridged";

SocketAccess socket_access_of(const BridgedOptions& options) {
  SocketAccess access{.mode = options.socket_mode};
  if (options.socket_group.empty())
    return access;
  const group* const found = getgrnam(options.socket_group.c_str());
  if (found == nullptr)
    throw std::runtime_error("--socket-group: there is no group '" + options.socket_group + "'");
  access.group = found->gr_gid;
  return access;
}

BridgeOptions bridge_options_of(const BridgedOptions& options) {
  BridgeOptions bridge;
  bridge.api = {
      .brokers = options.broker.urls,
      .netid = options.netid,
      .netids = {options.netids.begin(), options.netids.end()},
      .actions = options.action,
      .timeout = options.timeout,
      .max_timeout = options.max_timeout,
      .max_async_timeout = options.max_async_timeout,
      .token = {},
      .open_health = options.open_health,
      .allow_list = {options.host, options.allow_origin,
                     users_of(options.allow_user, "--allow-user")},
      .routes = routes_of(options),
  };
  if (!options.token_file.empty())
    bridge.api.token = read_token(options.token_file);
  bridge.api.callbacks = options.callback;
  if (!options.callback_secret_file.empty())
    bridge.callback_secret = read_secret(options.callback_secret_file, "--callback-secret-file");
  // Here, because of thousands of routes it takes longer than the loop may be held.
  bridge.api.openapi = openapi_document(bridge.api, MQTT_BRIDGE_VERSION);
  bridge.bounds = {.in_flight = options.max_in_flight,
                   .queued = options.max_queued,
                   .per_netid = options.max_per_netid,
                   .turn_rest = options.turn_rest};
  bridge.link = link_options_of(options.broker);
  bridge.group = {.name = options.group,
                  .turns = options.takes_turns ? DaemonGroup::Turns::are_taken
                                               : DaemonGroup::Turns::are_of_another};
  bridge.state_dir = options.state_dir;
  bridge.config_file = options.run.config.string();
  return bridge;
}

/// Those of systemd's sockets, those that were asked for, and where neither says where to listen,
/// the default.
std::vector<std::unique_ptr<Listener>> listeners_of(const BridgedOptions& options) {
  std::vector<std::unique_ptr<Listener>> listeners;
  for (const int descriptor : passed_sockets())
    listeners.push_back(std::make_unique<Listener>(descriptor));
  const auto is_passed = [&](const Listen& address) {
    const auto via =
        std::holds_alternative<TcpListen>(address) ? Caller::Via::tcp : Caller::Via::unix_socket;
    return std::any_of(listeners.begin(), listeners.end(),
                       [via](const auto& listener) { return listener->via() == via; });
  };
  std::vector<Listen> wanted = options.listen;
  if (options.listens_by_default)
    std::erase_if(wanted, is_passed);
  const SocketAccess access = socket_access_of(options);
  for (const auto& address : wanted) {
    for (auto& listener : listeners_at(address, access))
      listeners.push_back(std::move(listener));
  }
  return listeners;
}

/// The name of one that other machines can reach; empty without any.
std::string remote_of(const std::vector<std::unique_ptr<Listener>>& listeners) {
  const auto remote = std::find_if_not(listeners.begin(), listeners.end(),
                                       [](const auto& listener) { return listener->is_local(); });
  return remote != listeners.end() ? (*remote)->name() : "";
}

/// A caller that can reach a listening socket from outside must need a token, whatever the
/// configuration says by now of where to listen.
void require_token(const std::string& remote, const BridgedOptions& options) {
  if (!remote.empty() && options.token_file.empty() && !options.allow_remote) {
    throw std::runtime_error("the socket " + remote +
                             " can be reached from other machines; give a --token-file, or "
                             "--allow-remote to let anybody call");
  }
}

/// The options that differ and that only a new start can change.
std::string fixed_differences(const BridgedOptions& before, const BridgedOptions& after) {
  std::string names;
  const auto compare = [&names](const char* name, bool differs) {
    if (differs)
      names.append(names.empty() ? "" : ", ").append(name);
  };
  compare("broker", before.broker.urls != after.broker.urls);
  compare("protocol", before.broker.protocol != after.broker.protocol);
  compare("client-id", before.broker.client_id != after.broker.client_id);
  compare("group", before.group != after.group);
  compare("takes-turns", before.takes_turns != after.takes_turns);
  compare("listen", before.listen != after.listen);
  compare("socket-mode", before.socket_mode != after.socket_mode);
  compare("socket-group", before.socket_group != after.socket_group);
  compare("state-dir", before.state_dir != after.state_dir);
  compare("log-format", before.run.log_format != after.run.log_format);
  return names;
}

void warn_of(const BridgedOptions& options) {
  for (const auto& warning : warnings_of(options.routes))
    spdlog::warn("{}", warning);
}

/// A configuration, and what follows from it.
struct Configuration {
  BridgedOptions options;
  BridgeOptions bridge;
};

/// Throws what is wrong with it. `remote`: a socket that other machines can reach, if any.
Configuration read_configuration(int argc, char** argv, const std::string& remote) {
  auto parsed = parse_bridged_options(argc, argv);
  if (const auto* exit = std::get_if<ExitNow>(&parsed))
    throw std::runtime_error(exit->err.substr(0, exit->err.find_last_not_of('\n') + 1));
  Configuration read{std::get<BridgedOptions>(std::move(parsed)), {}};
  require_token(remote, read.options);
  read.bridge = bridge_options_of(read.options);
  return read;
}

/// As above; what is wrong comes as a value.
std::variant<Configuration, std::string> try_to_read_configuration(int argc, char** argv,
                                                                   const std::string& remote) {
  try {
    return read_configuration(argc, argv, remote);
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// The loop, and a thread beside it that ends before the loop does.
struct Loop {
  asio::io_context events{1};
  std::jthread reader;
};

/// Takes the new configuration, or says why it keeps the old one. It is read beside the loop, which
/// goes on meanwhile: there may be thousands of NetIDs in it, and a file may be slow. One that is
/// asked for meanwhile is read after it.
class Reload {
 public:
  /// `remote`: a socket that other machines can reach, if any.
  Reload(Loop& loop, int argc, char** argv, BridgedOptions options, MqttLinkOptions link,
         std::string remote, Bridge& bridge)
      : loop_(loop),
        argc_(argc),
        argv_(argv),
        options_(std::move(options)),
        link_(std::move(link)),
        had_token_(!options_.token_file.empty()),
        remote_(std::move(remote)),
        bridge_(bridge) {}

  void begin() {
    if (is_reading_) {
      is_wanted_again_ = true;
      return;
    }
    notify_reloading();
    is_reading_ = true;
    try {
      loop_.reader = std::jthread(
          [this, &events = loop_.events, argc = argc_, argv = argv_, remote = remote_] {
            auto read = try_to_read_configuration(argc, argv, remote);
            asio::post(events, [this, read = std::move(read)]() mutable { end(std::move(read)); });
          });
    } catch (const std::system_error& error) {
      end(error.what());
    }
  }

 private:
  void end(std::variant<Configuration, std::string> read) {
    if (auto* const configuration = std::get_if<Configuration>(&read)) {
      take(std::move(*configuration));
    } else {
      const auto& why = std::get<std::string>(read);
      spdlog::error("the configuration stays as it was: {}", why);
      bridge_.could_not_reload(why);
    }
    notify_ready();
    is_reading_ = false;
    if (std::exchange(is_wanted_again_, false))
      begin();
  }

  void take(Configuration read) {
    auto& [options, bridge] = read;
    bridge.api.brokers = options_.broker.urls;
    if (options.broker.urls != options_.broker.urls)
      bridge.link = link_;  // what is meant for another broker is not for this one
    link_ = bridge.link;
    if (had_token_ && !bridge.api.token)
      spdlog::warn("callers need no token any more");
    had_token_ = bridge.api.token.has_value();
    bridge_.reload(std::move(bridge));
    set_log_level(options.run.log_level);
    const std::string fixed = fixed_differences(options_, options);
    if (!fixed.empty())
      spdlog::warn("these options change with a restart only: {}", fixed);
    warn_of(options);
    spdlog::info("configuration reloaded");
  }

  Loop& loop_;
  const int argc_;
  char** const argv_;
  const BridgedOptions options_;  // of the start
  MqttLinkOptions link_;          // of the last reload
  bool had_token_;                // likewise
  const std::string remote_;
  Bridge& bridge_;
  bool is_reading_ = false;
  bool is_wanted_again_ = false;  // once it has been read
};

/// Otherwise glibc takes ever larger blocks from the heap, where a small one above them keeps them.
void give_large_blocks_back() {
  constexpr int large = 128 * 1024;
  mallopt(M_MMAP_THRESHOLD, large);
}

/// For the broker, the listening sockets, the files and the libraries.
constexpr std::size_t kept_descriptors = 32;

/// As many as we are allowed: each connection is one, and the soft limit is often 1024. How many
/// there are then.
std::size_t allow_all_descriptors() {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0)
    return 2 * kept_descriptors;
  const rlim_t allowed = std::exchange(descriptors.rlim_cur, descriptors.rlim_max);
  if (allowed != descriptors.rlim_max && setrlimit(RLIMIT_NOFILE, &descriptors) != 0) {
    spdlog::warn("cannot have more than {} descriptors, one for each connection: {}", allowed,
                 error_text(errno));
    descriptors.rlim_cur = allowed;
  }
  return std::max<std::size_t>(descriptors.rlim_cur, 2 * kept_descriptors);
}

/// Until it is asked to stop; all of it is gone then, but the loop.
void serve(Loop& loop, const BridgedOptions& options, int argc, char** argv) {
  give_large_blocks_back();
  set_up_log(options.run.log_level, options.run.log_format);
  const std::size_t descriptors = allow_all_descriptors();
  block_signals();
  auto listeners = listeners_of(options);
  const std::string remote = remote_of(listeners);
  require_token(remote, options);
  BridgeOptions bridge_options = bridge_options_of(options);
  warn_of(options);
  if (bridge_options.link.client_id.empty())
    bridge_options.link.client_id = persistent_id("mqtt-bridge-", options.state_dir);
  const MqttLinkOptions link = bridge_options.link;
  bridge_options.most_connections = std::min(limits::connections, descriptors - kept_descriptors);
  Bridge bridge(loop.events, std::move(bridge_options));
  for (auto& listener : listeners) {
    spdlog::info("listening on {}", listener->name());
    bridge.listen(std::move(listener));
  }
  Reload reload(loop, argc, argv, options, link, remote, bridge);
  const Signals signals(
      loop.events, [&] { bridge.drain(); }, [&] { reload.begin(); });
  bridge.start();
  paho::LibraryThreads library;
  const Watchdog watchdog(loop.events, [&](Instant now) { return library.stuck(now); });
  notify_ready();
  run_loop(loop.events);
  spdlog::info("stopped");
}

int run(const BridgedOptions& options, int argc, char** argv) {
  auto loop = std::make_unique<Loop>();
  serve(*loop, options, argc, argv);
  return end_loop(std::move(loop), 0);
}

ExitNow check_health(const BridgedOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);  // of a daemon that ends meanwhile; its own program has it so, too
  std::optional<std::string> token;
  if (!options.token_file.empty())
    token = read_token(options.token_file);
  if (const auto why_not = why_not_ready(options.listen.front(), token))
    return {exit_failed, "", std::string(program) + ": not ready: " + *why_not + "\n"};
  return {0, "ready\n", ""};
}

}  // namespace

int main(int argc, char** argv) {
  paho::clean_environment();
  return run_main(program, [&] {
    const auto parsed = parse_bridged_options(argc, argv);
    if (const auto* exit = std::get_if<ExitNow>(&parsed))
      return exit_now(program, *exit);
    const auto& options = std::get<BridgedOptions>(parsed);
    if (options.run.check_config) {
      bridge_options_of(options);
      socket_access_of(options);
      std::string warnings;
      for (const auto& warning : warnings_of(options.routes))
        warnings += "warning: " + warning + "\n";
      return exit_now(program, {0, warnings + "the configuration is good\n", ""});
    }
    if (options.check_health)
      return exit_now(program, check_health(options));
    return run(options, argc, argv);
  });
}
