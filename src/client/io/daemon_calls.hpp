// Many calls through the daemon, some at once: each goes over one of a few connections, which are
// kept, since mqtt_bridged answers the requests of a connection one after the other.
// Threads: everything on the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "base/instant.hpp"
#include "client/io/daemon_call.hpp"

namespace mqtt_bridge {

class DaemonCalls {
 public:
  /// Gets each call's number and outcome, from the loop and never from within call().
  using OnEnd = std::function<void(std::uint64_t number, DaemonOutcome outcome)>;

  /// `call`: all of it but the message. The place that accepts the first connection is kept to.
  DaemonCalls(asio::io_context& loop, std::vector<DaemonPlace> places, ClientCall call,
              OnEnd on_end);
  ~DaemonCalls();

  /// May block while it connects, see call_daemon(). As many connections as there are calls at
  /// once.
  void call(std::uint64_t number, std::string message);
  /// Ends the calls whose answer is too late.
  void expire(Instant now);

 private:
  class Connection;

  Connection* idle_connection();
  Connection* open();
  void end_soon(std::uint64_t number, DaemonOutcome outcome);

  asio::io_context& loop_;
  std::vector<DaemonPlace> places_;
  ClientCall call_;
  const OnEnd on_end_;
  NothingListens nothing_;  // why the last attempt found no place
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> idle_;
};

}  // namespace mqtt_bridge
