// What the programs that use Paho share in their main(): secrets read from files, a client id that
// survives restarts, the signals that end them or reload, and how they begin and end. Throws
// std::runtime_error with one sentence for the operator.
//
// Exit codes: 2 for what was wrong before the loop began, and stays wrong until somebody mends it
// (the configuration, a secret, a port that is taken); the units do not start us again then. 1 for
// everything after that, and for what the system lacked at the start and may have later.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include "config/io/options.hpp"
#include "mqtt/io/link.hpp"

namespace mqtt_bridge {

/// The file's text without the line end that editors add; never empty, one line. `option` named it.
/// Each way in which that cannot be read has a sentence of its own.
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

inline constexpr int exit_failed = 1;

/// Runs `body` and gives its exit code; an exception becomes one line on stderr and the exit code
/// that it deserves, see above: `exit_of_fault` for a fault of ours or of the operator's. What ends
/// the process elsewhere, in a thread of a library, is logged. Call first in main().
int guarded(std::string_view program, const std::function<int()>& body,
            int exit_of_fault = exit_usage);

/// Runs the loop until it is stopped. After an exception, which is logged, the process ends here
/// with exit_failed and without a farewell: the broker is to see the connection break, and to
/// publish the will (MQTT 5.0 3.1.2.5), which a DISCONNECT would discard.
void run_loop(asio::io_context& loop);

/// Destroys the loop, or what holds it, and gives `code`. A look-up of an address that is under way
/// cannot be ended, nor can a file that is being read, and the loop waits for it: where that takes
/// longer than a moment, the process ends here with `code`. REQUIRES: nothing else of ours is left
/// to be destroyed.
int end_loop(std::shared_ptr<void> loop, int code);

}  // namespace mqtt_bridge
