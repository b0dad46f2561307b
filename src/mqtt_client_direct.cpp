// The part of mqtt_client that needs MQTT and Unicode: one call straight to the broker. mqtt_client
// runs it, with its own command line, where no daemon serves; people do not call it.
#include <cstdio>
#include <cstdlib>

#include <spdlog/spdlog.h>

#include "core/daemon_reply.hpp"
#include "shell/client_options.hpp"
#include "shell/direct_call.hpp"
#include "shell/log.hpp"
#include "shell/program.hpp"

namespace {

using namespace mqtt_bridge;

ExitCode exit_code_of(Problem problem) {
  switch (problem) {
    case Problem::response_timeout:
    case Problem::unmatched_response:
      return ExitCode::no_answer;
    case Problem::broker_unavailable:
      return ExitCode::broker_unreachable;
    default:  // of many: the rest are failures
      return ExitCode::failed;
  }
}

int run(const ClientOptions& options) {
  set_up_log(LogLevel::debug, LogFormat::human);
  if (!options.verbose)
    spdlog::set_level(spdlog::level::off);
  const BrokerUrl broker{
      .scheme = BrokerUrl::Scheme::mqtt, .host = options.host, .port = options.port};
  const auto outcome = call_directly({.broker = broker,
                                      .netid = options.netid,
                                      .action = options.action,
                                      .message = options.message,
                                      .timeout = options.timeout});
  if (const auto* answer = std::get_if<Answer>(&outcome)) {
    std::fwrite(answer->payload.data(), 1, answer->payload.size(), stdout);
    std::fputc('\n', stdout);
    return std::fflush(stdout) == 0 ? 0 : static_cast<int>(ExitCode::failed);
  }
  const auto& failure = std::get<Failure>(outcome);
  std::fprintf(stderr, "mqtt_client: %s (broker %s)\n", failure.detail.c_str(),
               to_string(broker).c_str());
  return static_cast<int>(exit_code_of(failure.problem));
}

}  // namespace

int main(int argc, char** argv) {
  return guarded("mqtt_client", [&] {
    const auto parsed = parse_client_options(argc, argv, nullptr);
    if (const auto* exit = std::get_if<ExitNow>(&parsed))
      return exit_now(*exit);
    return run(std::get<ClientOptions>(parsed));
  });
}
