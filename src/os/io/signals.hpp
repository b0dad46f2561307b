// The signals that end a program or reload its configuration, as events of its loop.
#pragma once

#include <functional>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>

namespace mqtt_bridge {

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

}  // namespace mqtt_bridge
