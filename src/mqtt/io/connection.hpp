// One connection to one broker, from CONNECT to its end: the Paho C++ client, translated. What the
// library's threads hear becomes events for a sink; nothing is retried here. See link.hpp for the
// link that outlives connections.
//
// Threads: the owner serialises all calls; the sink is called on the library's threads, must not
// block, and is not called any more once the destructor has returned.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <asio/io_context.hpp>

#include "mqtt/events.hpp"
#include "mqtt/io/connect_options.hpp"
#include "mqtt/message.hpp"

namespace mqtt_bridge {

class MqttConnection {
 public:
  using Sink = std::function<void(MqttEvent)>;

  /// Begins to connect; Connected or ConnectFailed follows. Does not block.
  MqttConnection(const MqttConnectOptions& options, Sink sink);
  /// Says DISCONNECT where there is a connection.
  ~MqttConnection();
  MqttConnection(const MqttConnection&) = delete;
  MqttConnection& operator=(const MqttConnection&) = delete;

  // REQUIRES: Connected came, Lost did not. When the connection is lost meanwhile, these do
  // nothing: Lost is on its way.
  /// Of messages at QoS 1. One filter for each SUBSCRIBE: the library's releases of today read out
  /// of bounds, or throw, when the answer to several is not as it should be, or begins with a
  /// refusal.
  void subscribe(std::uint64_t id, const std::string& filter, Retained retained,
                 Echo echo = Echo::sent);
  void unsubscribe(const std::string& filter);
  /// What the broker takes no QoS 1 or no retained messages for goes without.
  void publish(const MqttPublish& publish);
  /// What the broker takes: see publish().
  void heed(int maximum_qos, bool has_retained);

  /// From now on `loop` itself reads and writes the packets of calls, where that can be, see
  /// paho/packet_path.hpp; the sink is called on its thread, too. Only on its thread may this
  /// object be used then.
  void use(asio::io_context& loop);
  /// What the sink was given has been dealt with: the loop may read on.
  void read_on();
  /// As PacketPath has it; without a path of the loop's own nothing is held.
  void hold_acknowledgements(bool is_held);

  /// Something that was sent may lie in the library; does nothing when none does.
  void kick();

  /// Ends the connection as if the network had: Lost follows.
  void cut();

  /// The descriptor of the connection once it is up, -1 otherwise: for tests and diagnosis.
  int descriptor() const;

 private:
  class Client;
  std::unique_ptr<Client> client_;
};

}  // namespace mqtt_bridge
