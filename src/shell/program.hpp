// What the two long-running programs share in their main(): secrets read from files, a client id
// that survives restarts, and the signals that end them. Throws std::runtime_error with one
// sentence for the operator.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <asio/signal_set.hpp>

#include "shell/mqtt_link.hpp"
#include "shell/options.hpp"

namespace mqtt_bridge {

/// The file's text without the line end that editors add; never empty, one line.
std::string read_secret(const std::filesystem::path& file, std::string_view what);

/// `<prefix><8 hex digits>`, the same as last time when `state_dir` (may be empty) keeps files.
std::string lasting_id(std::string_view prefix, const std::filesystem::path& state_dir);

/// Broker, protocol and credentials; the rest is the caller's.
MqttLinkOptions link_options_of(const BrokerOptions& broker);

/// Calls `action` on every SIGINT and SIGTERM, on the loop's thread.
void on_termination(asio::signal_set& signals, std::function<void()> action);

/// Prints and gives the exit code.
int exit_now(const ExitNow& exit);

/// Runs `body` and gives its exit code; an exception becomes one line on stderr and exit code 2.
int guarded(std::string_view program, const std::function<int()>& body);

}  // namespace mqtt_bridge
