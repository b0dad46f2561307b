// Tells who asks whether this very process is ready: a unix socket that says one line to each that
// connects. For the health check of a container, where the answer to a call could be another
// process's. HealthSocket: threads: the loop's. ask_health() blocks for some seconds at most.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>

namespace mqtt_bridge {

class HealthSocket {
 public:
  /// Why the process is not ready; nothing when it is.
  using WhyNot = std::function<std::optional<std::string>()>;

  /// Listens, for its own user only; takes the place of a socket that an earlier run left. Throws
  /// std::runtime_error with one sentence where it cannot.
  HealthSocket(asio::io_context& loop, std::filesystem::path path, WhyNot why_not);
  ~HealthSocket();
  HealthSocket(const HealthSocket&) = delete;
  HealthSocket& operator=(const HealthSocket&) = delete;

 private:
  void accept();

  const std::filesystem::path path_;
  const WhyNot why_not_;
  asio::local::stream_protocol::acceptor acceptor_;
  asio::steady_timer pause_;  // while no connection can be accepted
};

/// Why the process that listens at `path` is not ready, or that none does, in one line; nothing
/// when it is ready.
std::optional<std::string> ask_health(const std::filesystem::path& path);

}  // namespace mqtt_bridge
