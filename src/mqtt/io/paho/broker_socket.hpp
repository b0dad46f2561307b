// Fault of the Paho MQTT C library: no release (1.3.16 is the newest seen) sets TCP_NODELAY, and
// with QoS 1 that meets the peer's delayed ACK: 44 ms at each end. It gives no access to its
// socket, so we keep a duplicate of the one that it fetched from us; where it made one itself, we
// find it among the process's descriptors by its peer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/socket.h>

namespace mqtt_bridge::paho {

/// The socket of one connection.
/// Threads: tune() and release() belong to the owner, the rest may be called from any thread.
class BrokerSocket {
 public:
  BrokerSocket() = default;
  ~BrokerSocket() { release(); }
  BrokerSocket(const BrokerSocket&) = delete;
  BrokerSocket& operator=(const BrokerSocket&) = delete;

  /// Sets TCP_NODELAY, TCP_QUICKACK, TCP_USER_TIMEOUT (limits::puback_timeout) and close-on-exec on
  /// the library's descriptor.
  void tune(int descriptor);
  /// The same, on the newest connection of this process to `peer`.
  void tune(const sockaddr_storage& peer);

  /// What of that does not take effect on this connection, nor what read_ahead.hpp has, for the
  /// log. REQUIRES: tune(), and that the CONNACK has come.
  std::vector<std::string> missing() const;

  /// Whether the broker said of this publish that it had no subscriber, see read_ahead.hpp.
  bool had_no_subscribers(std::uint16_t packet_id) const;

  /// Ends the connection at once, as if the peer had closed it.
  void shut_down() const;

  void release();
  int descriptor() const { return descriptor_; }
  /// The library's, of which that is a duplicate.
  int original() const { return original_; }

 private:
  int descriptor_ = -1;
  int original_ = -1;
};

}  // namespace mqtt_bridge::paho
