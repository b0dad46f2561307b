// The service at the other end: answers `<netid>/<action>/request` for every NetID.
#include <asio/io_context.hpp>
#include <spdlog/spdlog.h>

#include "shell/log.hpp"
#include "shell/options.hpp"
#include "shell/paho_quirks.hpp"
#include "shell/program.hpp"
#include "shell/responder.hpp"
#include "shell/systemd.hpp"

namespace {

using namespace mqtt_bridge;

int run(const ResponderOptions& options) {
  set_up_log(options.run.log_level, options.run.log_format);
  for (const auto& failed : paho_quirks::check())
    spdlog::warn("{}", failed);
  MqttLinkOptions link = link_options_of(options.broker);
  const std::string id = options.id.empty() ? lasting_id("mqtt-responder-", {}) : options.id;
  if (link.client_id.empty()) {
    link.client_id = id;
    if (options.id.empty())
      link.whose_client_id = LinkPolicy::ClientId::made_up;
  }
  // The broker is to say that there is no subscriber as soon as we are gone, and to give the share
  // of one of a group to the others. mqtt_bridged publishes again what it asked meanwhile.
  link.session_expiry = std::chrono::seconds(0);
  block_signals();
  asio::io_context loop(1);
  Responder responder(loop, std::move(link), options.share, id);
  const Signals signals(
      loop, [&] { responder.stop([&] { loop.stop(); }); },
      [] { spdlog::warn("SIGHUP: there is nothing to reload here"); });
  responder.start();
  const Watchdog watchdog(loop);
  notify_ready();
  loop.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return guarded("mqtt_responder", [&] {
    const auto parsed = parse_responder_options(argc, argv);
    if (const auto* exit = std::get_if<ExitNow>(&parsed))
      return exit_now(*exit);
    const auto& options = std::get<ResponderOptions>(parsed);
    if (options.run.check_config) {
      link_options_of(options.broker);
      return exit_now({0, "the configuration is good\n", ""});
    }
    return run(options);
  });
}
