// What the Paho MQTT C library needs from outside to be fast and prompt. Each part works round one
// fault of the library, names it and the release that mends it, and is to be deleted when the
// oldest supported release has the remedy. Nothing else in the project knows of these faults.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "base/instant.hpp"

namespace mqtt_bridge::paho_quirks {

/// Fault: no release (1.3.16 is the newest seen) sets TCP_NODELAY, and with QoS 1 that meets the
/// peer's delayed ACK: 44 ms at each end. The library has no access to its socket, so we find it
/// among the process's descriptors by its peer, and keep a duplicate of it.
/// Threads: tune() and release() belong to the owner, the rest may be called from any thread.
class BrokerSocket {
 public:
  BrokerSocket() = default;
  ~BrokerSocket() { release(); }
  BrokerSocket(const BrokerSocket&) = delete;
  BrokerSocket& operator=(const BrokerSocket&) = delete;

  /// Finds the established connection to `peer` and sets TCP_NODELAY, TCP_QUICKACK,
  /// TCP_USER_TIMEOUT (limits::puback_timeout) and close-on-exec on it.
  void tune(const sockaddr_storage& peer);

  /// What of all that is in this file and its siblings does not take effect on this connection, for
  /// the log; empty when all of it does. REQUIRES: tune(), and that the CONNACK has come.
  std::vector<std::string> missing() const;

  /// Whether the broker said of this publish that it had no subscriber, see paho_reading.hpp.
  bool had_no_subscribers(std::uint16_t packet_id) const;

  /// Ends the connection at once, as if the peer had closed it.
  void shut_down() const;

  void release();
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_ = -1;
  int original_ = -1;  // the library's, of which that is a duplicate
};

/// Fault: destroying the last client of the process stops the library's threads and waits for them,
/// up to 10 s (seen up to 1.3.16). A client that never connects and is never destroyed prevents it.
/// Call before the first connection; calling it again does nothing.
void keep_library_running();

/// Fault: the library's send thread is woken through a condition variable without a predicate; a
/// wake-up that comes while it is busy is lost, and a PUBLISH lies for up to 1 s (mended
/// in 1.3.16). This wakes that thread without any traffic, by handing that client a message.
/// REQUIRES: keep_library_running(). Threads: any.
void kick_send_thread() noexcept;

/// Fault: the library's receive thread sleeps 100 ms when it found nothing to read, so after each
/// second without traffic; and while a connection is being made it waits in poll() up to 1 s for
/// what the new socket has to say, before it sends CONNECT on it (both seen up to 1.3.14). It calls
/// usleep() and poll(), which our programs define for themselves; what they do depends on this.
enum class ReceiveThread {
  may_rest,    // no connection: the library's own 100 ms, cut short by the next call
  connecting,  // look again within a millisecond, and at once when the socket is connected
  connected    // no sleep: it waits in poll() for the next packet
};
void tell_receive_thread(ReceiveThread mode);
ReceiveThread receive_thread_mode();

/// Fault: unless it was built with HIGH_PERFORMANCE, which Debian's is not, the library writes a
/// trace of every function that it enters and of every packet into memory, where nobody reads it: a
/// fifth of what a call costs. This has it note errors only. Calling it again does nothing.
void silence_trace();

/// Fault: the library takes orders from the environment (seen up to 1.3.16). `http_proxy` and
/// `https_proxy` make it send MQTT, credentials included, to a proxy for web pages; it never heard
/// of `no_proxy`. `MQTT_C_CLIENT_TRACE` and its siblings make it write every packet to stdout or to
/// a file, the texts of callers included, which our log never holds. This takes all of them out of
/// this process's environment. Call before the first thread starts.
void clean_environment();

/// Not a fault, but what could become one: whether a thread of the library stands still. Each of
/// them wakes up at least once in a second. Threads: the owner serialises.
class LibraryThreads {
 public:
  /// The name of one that has not gone to sleep and come back for limits::thread_patience, as far
  /// as the calls of this tell; nothing when all did, or there are none.
  std::optional<std::string> stuck(Instant now);

 private:
  struct Progress {
    std::string sleeps;  // how often it went to sleep, as the kernel prints it
    Instant since;
  };
  std::map<int, Progress> threads_;  // by thread id
};

/// Whether the function of this name that libraries call is that of our program.
bool is_ours(const char* function);

}  // namespace mqtt_bridge::paho_quirks
