// Fault of the Paho MQTT C library: it has no way for one thread alone. A PUBLISH goes through its
// send thread, its PUBACK and each message through its receive thread, one at a time, and they wake
// each other and the event loop for each: 42% of what a call costs (seen up to 1.3.16).
//
// So once a connection is up, the event loop itself reads it, and writes to it the PUBLISH packets
// at QoS 1 and the PUBACK packets, all of one turn of the loop at once. The library keeps all else:
// CONNECT, SUBSCRIBE, PINGREQ, DISCONNECT and their answers. What it writes goes out by way of
// this, and it is given the packets that are for it to read, by read_ahead.hpp. Over TLS, which has
// its state in the library, nothing of this happens.
#pragma once

#include <functional>
#include <memory>

#include <asio/io_context.hpp>

#include "mqtt/events.hpp"
#include "mqtt/io/paho/broker_socket.hpp"
#include "mqtt/message.hpp"

namespace mqtt_bridge::paho {

/// The packets of calls on one connection. Threads: the loop's.
class PacketPath {
 public:
  /// Arrived, TooLarge, Acknowledged and Refused go to `sink`, on the loop's thread.
  using Sink = std::function<void(MqttEvent)>;

  PacketPath(asio::io_context& loop, MqttVersion version, Sink sink);
  /// The library has the connection again.
  ~PacketPath();
  PacketPath(const PacketPath&) = delete;
  PacketPath& operator=(const PacketPath&) = delete;

  /// Takes the connection from the library, unless it has it, or had it. False where it has not got
  /// it: the library is just reading, or its functions are not ours. `socket` must outlive it.
  bool open(const BrokerSocket& socket);

  /// At QoS 1; sent before the loop waits again. Where the connection has broken it does nothing.
  /// REQUIRES: open().
  void publish(const MqttPublish& publish, bool retained);
  /// Sends what waits for the end of the loop's turn.
  void flush();
  /// What was given to the sink has been dealt with. Until then nothing more is read.
  void read_on();
  /// What has been dealt with is not acknowledged to the broker while this holds: should this
  /// program end meanwhile, it comes again with the session.
  void hold_acknowledgements(bool is_held);

 private:
  class Stream;
  const std::shared_ptr<Stream> stream_;
};

}  // namespace mqtt_bridge::paho
