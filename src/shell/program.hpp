// What the two long-running programs share in their main(): secrets read from files, a client id
// that survives restarts, and the signals that end them or reload. Throws std::runtime_error with
// one sentence for the operator.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include "shell/mqtt_link.hpp"
#include "shell/options.hpp"

namespace mqtt_bridge {

/// The file's text without the line end that editors add; never empty, one line. `option` named it.
std::string read_secret(const std::filesystem::path& file, std::string_view option);

/// `<prefix><8 hex digits>`, the same as last time when `state_dir` (may be empty) keeps files.
std::string lasting_id(std::string_view prefix, const std::filesystem::path& state_dir);

/// Broker, protocol and credentials; the rest is the caller's.
MqttLinkOptions link_options_of(const BrokerOptions& broker);

/// SIGINT, SIGTERM and SIGHUP no longer end the process, up to its very end. Call before any thread
/// starts.
void block_signals();

/// Calls `terminate` for each SIGINT and SIGTERM, and `reload` for each SIGHUP, those since
/// block_signals() included, on the loop's thread.
class Signals {
 public:
  Signals(asio::io_context& loop, std::function<void()> terminate, std::function<void()> reload);

 private:
  void wait();

  asio::posix::stream_descriptor descriptor_;  // of signalfd(2)
  std::function<void()> terminate_;
  std::function<void()> reload_;
};

/// Prints and gives the exit code.
int exit_now(const ExitNow& exit);

/// Runs `body` and gives its exit code; an exception becomes one line on stderr and exit code 2.
int guarded(std::string_view program, const std::function<int()>& body);

}  // namespace mqtt_bridge
