// Fault of the Paho MQTT C library: it looks names up under its lock, where every other call of
// ours waits for it; it tries one address of a name, and loses the scope of a link-local one (seen
// in 1.3.12 and 1.3.13). So it gets a connection that is there already, and looks nothing up; its
// getaddrinfo() and connect() our programs define for themselves.
#pragma once

#include <cstdint>

#include "mqtt/message.hpp"

namespace mqtt_bridge::paho {

/// One TCP connection on its way from our hands to the library's. All that the library says of the
/// connection that it wants is a port, so no two of these have the same.
/// Threads: the owner serialises; descriptor() any.
class HandOver {
 public:
  /// Takes ownership of `connected`; what the library has not fetched by the end of this is closed.
  /// `port`: that of its peer. Packets of `version` will come on it.
  HandOver(int connected, std::uint16_t port, MqttVersion version);
  ~HandOver();
  HandOver(const HandOver&) = delete;
  HandOver& operator=(const HandOver&) = delete;

  /// What the library is to be told to connect to: `port`, or another one where that is taken.
  std::uint16_t port() const { return port_; }
  /// The library's, once it has fetched the connection; -1 until then.
  int descriptor() const;

 private:
  const std::uint16_t port_;
};

}  // namespace mqtt_bridge::paho
