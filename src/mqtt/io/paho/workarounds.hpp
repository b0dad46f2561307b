// What one connection of the Paho MQTT C library needs from outside to be fast, prompt and safe:
// the parts of this folder, each of which works round one fault of the library, names it and the
// release that mends it, and is to be deleted when the oldest supported release has the remedy.
// Threads: the owner serialises, unless said
// otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "mqtt/io/connect_options.hpp"
#include "mqtt/io/paho/broker_socket.hpp"
#include "mqtt/io/paho/hand_over.hpp"
#include "mqtt/io/paho/receive_thread.hpp"

namespace mqtt_bridge::paho {

class Workarounds {
 public:
  /// Takes ownership of the socket of `options`, for the library to fetch.
  explicit Workarounds(const MqttConnectOptions& options);

  /// What the library is to be told to connect to.
  std::string uri() const;

  void connecting() { receive_thread_.has(ReceiveThread::Need::connecting); }
  /// The CONNACK has come; called on the library's thread.
  void connected();
  /// There is no connection, or no more. From any thread.
  void ended() { receive_thread_.has(ReceiveThread::Need::rest); }
  void kick() const;

  /// What of all that is in this folder does not take effect on this connection, for the log; empty
  /// when all of it does. REQUIRES: connected().
  std::vector<std::string> missing() const;

  const BrokerSocket& socket() const { return socket_; }

 private:
  const std::string uri_;
  const sockaddr_storage peer_;
  const HandOver hand_over_;
  ReceiveThread receive_thread_;
  BrokerSocket socket_;
};

}  // namespace mqtt_bridge::paho
