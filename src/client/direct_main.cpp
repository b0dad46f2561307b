// The part of mqtt_client that needs more than its start may cost: one call straight to the broker,
// where no daemon serves, and many calls either way. mqtt_client runs it, with a command line made
// for it; people do not call it.
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <asio/io_context.hpp>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "base/limits/call.hpp"
#include "client/io/call_result.hpp"
#include "client/io/call_run.hpp"
#include "client/io/client_options.hpp"
#include "client/io/direct_calls.hpp"
#include "client/io/explain.hpp"
#include "client/io/message_input.hpp"
#include "client/verdict.hpp"
#include "mqtt/io/paho/environment.hpp"
#include "os/error_text.hpp"
#include "os/io/log.hpp"
#include "os/io/output.hpp"
#include "os/io/run_main.hpp"

namespace {

using namespace mqtt_bridge;

constexpr std::string_view program = "mqtt_client";

int tell(Ended ended, const ClientOptions& options) {
  const CallResult result = result_of(ended, options);
  if (result.code == ExitCode::answered) {
    if (options.is_left_aside && !options.verbose)  // else that was said already
      say(program, "asked the broker itself: " + options.not_asked);
    return print(program, options.json ? result.json : result.text + "\n");
  }
  if (options.json)
    print(program, result.json);
  say(program, result.text);
  return static_cast<int>(result.code);
}

/// What mqtt_client put there.
std::string message_on_stdin() {
  auto message = read_all(STDIN_FILENO, limits::payload_bytes);
  if (const int* const error = std::get_if<int>(&message))
    throw std::runtime_error("stdin cannot be read: " + error_text(*error));
  return std::get<std::string>(std::move(message));
}

int make_many(const ClientOptions& options) {
  auto loop = std::make_unique<asio::io_context>(1);
  int code = 0;
  {
    CallRun calls(*loop, options, options.lines ? "" : message_on_stdin());
    code = calls.run();
  }
  return end_loop(std::move(loop), code);
}

int make_one(const ClientOptions& options) {
  auto loop = std::make_unique<asio::io_context>(1);
  Ended outcome;
  {
    DirectCalls calls(*loop, direct_way_of(options), [&](std::uint64_t, Ended ended) {
      outcome = std::move(ended);
      loop->stop();
    });
    calls.call(1, message_on_stdin());
    loop->run();
  }
  return end_loop(std::move(loop), tell(std::move(outcome), options));
}

int run(const ClientOptions& options) {
  set_up_log(LogLevel::debug, LogFormat::human);
  if (!options.verbose)
    spdlog::set_level(spdlog::level::off);
  if (options.explain)
    return explain(options, message_on_stdin());
  return options.lines || options.repeat > 0 ? make_many(options) : make_one(options);
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
