// mqtt_responder: the service that answers `<netid>/<action>/request` for every NetID.
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <asio/io_context.hpp>
#include <spdlog/spdlog.h>

#include "config/io/link_options.hpp"
#include "config/io/options.hpp"
#include "mqtt/io/paho/environment.hpp"
#include "mqtt/io/paho/library_threads.hpp"
#include "os/io/health_socket.hpp"
#include "os/io/log.hpp"
#include "os/io/output.hpp"
#include "os/io/persistent_id.hpp"
#include "os/io/run_main.hpp"
#include "os/io/signals.hpp"
#include "os/io/systemd.hpp"
#include "responder/io/responder.hpp"
#include "responder/io/served_programs.hpp"

namespace {

using namespace mqtt_bridge;

constexpr std::string_view program = "mqtt_responder";

ServedOptions served_options_of(const ResponderOptions& options, const Environment& environment) {
  return {.programs = find_programs(options.serve, environment),
          .jobs = options.serve_jobs,
          .timeout = options.serve_timeout,
          .environment = environment};
}

/// Until it is asked to stop; all of it is gone then, but the loop.
void serve(asio::io_context& loop, const ResponderOptions& options, ServedOptions served) {
  set_up_log(options.run.log_level, options.run.log_format);
  MqttLinkOptions link = link_options_of(options.broker);
  const std::string id = options.id.empty() ? persistent_id("mqtt-responder-", {}) : options.id;
  if (link.client_id.empty())
    link.client_id = id;
  // The broker is to say that there is no subscriber as soon as we are gone, and to give the share
  // of one of a group to the others. mqtt_bridged publishes again what it asked meanwhile.
  link.session_expiry = std::chrono::seconds(0);
  block_signals();
  std::signal(SIGPIPE, SIG_IGN);  // of a program that does not read its stdin
  std::signal(SIGCHLD, SIG_DFL);  // or programs could not be waited for
  Responder responder(loop, std::move(link), options.share, id, std::move(served));
  const Signals signals(
      loop, [&] { responder.stop([&] { loop.stop(); }); },
      [] { spdlog::warn("SIGHUP: there is nothing to reload here"); });
  std::optional<HealthSocket> health;
  if (!options.health_socket.empty())
    health.emplace(loop, options.health_socket, [&] { return responder.why_not_ready(); });
  responder.start();
  paho::LibraryThreads library;
  const Watchdog watchdog(loop, [&](Instant now) { return library.stuck(now); });
  notify_ready();
  run_loop(loop);
}

int run(const ResponderOptions& options, ServedOptions served) {
  auto loop = std::make_unique<asio::io_context>(1);
  serve(*loop, options, std::move(served));
  return end_loop(std::move(loop), 0);
}

ExitNow check_health(const ResponderOptions& options) {
  if (const auto why_not = ask_health(options.health_socket))
    return {exit_failed, "", std::string(program) + ": not ready: " + *why_not + "\n"};
  return {0, "ready\n", ""};
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(program, [&] {
    const Environment environment = process_environment();  // programs of --serve get all of it
    paho::clean_environment();
    const auto parsed = parse_responder_options(argc, argv);
    if (const auto* exit = std::get_if<ExitNow>(&parsed))
      return exit_now(program, *exit);
    const auto& options = std::get<ResponderOptions>(parsed);
    if (options.run.check_config) {
      link_options_of(options.broker);
      find_programs(options.serve, environment);
      return exit_now(program, {0, "the configuration is good\n", ""});
    }
    if (options.check_health)
      return exit_now(program, check_health(options));
    return run(options, served_options_of(options, environment));
  });
}
