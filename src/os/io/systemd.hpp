// What systemd and a service tell each other, through systemd's own library: the sockets that it
// passes in, and the states of sd_notify(3). Where systemd did not start us, telling it does
// nothing.
//
// Threads: the loop's.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "base/instant.hpp"

namespace mqtt_bridge {

/// The descriptors of the sockets of our .socket units (sd_listen_fds(3)); now ours to close. Call
/// once.
std::vector<int> passed_sockets();

/// It serves from now on, or again after notify_reloading().
void notify_ready();
/// One line for `systemctl status`.
void notify_status(const std::string& text);
/// It reads its configuration anew, until notify_ready().
void notify_reloading();
/// It is about to end, and takes at most `patience` longer; may be said again.
void notify_stopping(Duration patience);

/// Tells systemd that the program makes progress, while that is so and where the unit asks for it
/// (WatchdogSec=): the loop, on which this runs, and the threads of libraries. Once that is no
/// longer told, systemd ends the program, and starts it again.
class Watchdog {
 public:
  /// The name of a thread that hangs; nothing where none does.
  using StuckThread = std::function<std::optional<std::string>(Instant now)>;

  Watchdog(asio::io_context& loop, StuckThread stuck_thread);

 private:
  void tell();

  const std::chrono::microseconds interval_;  // 0: the unit has no watchdog
  asio::steady_timer timer_;
  const StuckThread stuck_thread_;
  bool was_stuck_ = false;
};

}  // namespace mqtt_bridge
