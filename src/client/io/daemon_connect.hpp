// Connects mqtt_client to a daemon: over the unix socket, or to the first address of a host that
// answers. Plain POSIX sockets. Functions block until their deadline at most; thread-safe.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include <unistd.h>

#include "base/instant.hpp"
#include "client/daemon_place.hpp"

namespace mqtt_bridge {

/// A descriptor that is closed once; -1 is none.
class Socket {
 public:
  explicit Socket(int descriptor = -1) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }

  int get() const { return descriptor_; }
  /// It is the caller's to close then.
  int release() { return std::exchange(descriptor_, -1); }
  explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

/// A socket, or why there is none.
struct Connection {
  Socket socket;
  int error = 0;
  std::string unresolved = {};  // instead of the error: what is wrong with the host's name
};

std::string why_none(const Connection& connection);

Connection connect_to(const DaemonPlace& place, Instant deadline);

/// The events, of poll(2), that came by `deadline`; 0 when none did.
short wait_for(const Socket& socket, short events, Instant deadline);

/// Rounded up, so that one who waits this long does not wake too early; at least 0.
std::chrono::milliseconds until(Instant deadline);

}  // namespace mqtt_bridge
