// The daemon: HTTP on loopback and a unix socket on one side, one MQTT connection on the other.
#include <asio/io_context.hpp>
#include <spdlog/spdlog.h>

#include "shell/bridge.hpp"
#include "shell/listener.hpp"
#include "shell/log.hpp"
#include "shell/options.hpp"
#include "shell/paho_quirks.hpp"
#include "shell/program.hpp"

namespace {

using namespace mqtt_bridge;

BridgeOptions bridge_options_of(const BridgedOptions& options) {
  BridgeOptions bridge;
  bridge.api = {.broker = options.broker.url,
                .netid = options.netid,
                .netids = options.netids,
                .actions = options.action,
                .timeout = options.timeout,
                .max_timeout = options.max_timeout,
                .token = {}};
  if (!options.token_file.empty())
    bridge.api.token = read_secret(options.token_file, "--token-file");
  bridge.hosts = options.host;
  bridge.link = link_options_of(options.broker);
  if (bridge.link.client_id.empty()) {
    bridge.link.client_id = lasting_id("mqtt-bridge-", options.state_dir);
    bridge.link.whose_client_id = LinkPolicy::ClientId::made_up;
  }
  return bridge;
}

int run(const BridgedOptions& options) {
  set_up_log(options.run.log_level, options.run.log_format);
  for (const auto& failed : paho_quirks::check())
    spdlog::warn("{}", failed);
  block_termination_signals();
  asio::io_context loop(1);
  Bridge bridge(loop, bridge_options_of(options));
  for (const auto& address : options.listen) {
    auto listener = std::make_unique<Listener>(address);
    spdlog::info("listening on {}", listener->name());
    bridge.listen(std::move(listener));
  }
  const TerminationSignals signals(loop, [&] { bridge.drain(); });
  bridge.start();
  loop.run();
  spdlog::info("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return guarded("mqtt_bridged", [&] {
    const auto parsed = parse_bridged_options(argc, argv);
    if (const auto* exit = std::get_if<ExitNow>(&parsed))
      return exit_now(*exit);
    const auto& options = std::get<BridgedOptions>(parsed);
    if (options.run.check_config) {
      bridge_options_of(options);
      return exit_now({0, "the configuration is good\n", ""});
    }
    return run(options);
  });
}
