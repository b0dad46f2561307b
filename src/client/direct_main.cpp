// The part of mqtt_client that needs MQTT and Unicode: one call straight to the broker. mqtt_client
// runs it, with its own command line, where no daemon serves; people do not call it.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <asio/io_context.hpp>
#include <spdlog/spdlog.h>

#include "client/io/client_options.hpp"
#include "client/io/direct_call.hpp"
#include "client/verdict.hpp"
#include "mqtt/io/paho/environment.hpp"
#include "os/io/log.hpp"
#include "os/io/output.hpp"
#include "os/io/run_main.hpp"

namespace {

using namespace mqtt_bridge;

constexpr std::string_view program = "mqtt_client";

int tell(const std::variant<Answer, Failure>& outcome, const BrokerUrl& broker,
         const ClientOptions& options) {
  if (const auto* answer = std::get_if<Answer>(&outcome)) {
    if (options.is_left_aside && !options.verbose)  // else that was said already
      say(program, "asked the broker itself: " + options.not_asked);
    return print(program, answer->payload + "\n");
  }
  const auto& failure = std::get<Failure>(outcome);
  const std::string tried =
      to_string(broker) + (options.not_asked.empty() ? "" : "; " + options.not_asked);
  say(program, on_one_line(failure.detail + " (broker " + tried + ")"));
  return static_cast<int>(exit_code_of(failure.problem));
}

int run(const ClientOptions& options) {
  set_up_log(LogLevel::debug, LogFormat::human);
  if (!options.verbose)
    spdlog::set_level(spdlog::level::off);
  const BrokerUrl broker{
      .scheme = BrokerUrl::Scheme::mqtt, .host = options.host, .port = options.port};
  auto loop = std::make_unique<asio::io_context>(1);
  const auto outcome = call_directly(*loop, {.broker = broker,
                                             .netid = options.netid,
                                             .action = *parse_action(options.action),
                                             .message = options.message,
                                             .timeout = options.timeout});
  return end_loop(std::move(loop), tell(outcome, broker, options));
}

}  // namespace

int main(int argc, char** argv) {
  const auto body = [&] {
    const auto parsed = parse_direct_options(argc, argv);
    if (const auto* exit = std::get_if<ExitNow>(&parsed))
      return exit_now(program, *exit);
    return run(std::get<ClientOptions>(parsed));
  };
  paho::clean_environment();
  return run_main(program, body, static_cast<int>(ExitCode::failed));
}
