// One connection to one broker, from CONNECT to its end: the Paho C++ client, translated. What the
// library's threads hear becomes events for a sink; nothing is retried here. See mqtt_link.hpp for
// the link that outlives connections.
//
// Threads: the owner serialises all calls; the sink is called on the library's threads, must not
// block, and is not called any more once the destructor has returned.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sys/socket.h>

#include "base/instant.hpp"
#include "mqtt/link_policy.hpp"
#include "mqtt/message.hpp"

namespace mqtt_bridge {

namespace mqtt_event {
struct Connected {
  bool session_present;
  // What the broker set for the connection (MQTT 5.0 3.2.2.3), and what holds where it set nothing.
  std::size_t receive_maximum = 65'535;
  std::size_t maximum_packet_size = SIZE_MAX;
  std::optional<std::chrono::seconds> server_keep_alive = {};
  std::optional<std::chrono::seconds> session_expiry = {};  // where it is not what we asked for
  std::string client_id = {};                               // where it gave us another one
  int maximum_qos = 2;
  bool has_retained = true;
  bool has_wildcards = true;
  bool has_shared_subscriptions = true;
  std::vector<std::string> missing_workarounds = {};  // see paho_quirks::BrokerSocket::missing()
};
struct ConnectFailed {
  ConnectFailure failure;
  std::string why;
  int reason_code = 0;  // of a CONNACK that refuses; 0 when there was none
};
/// The reason code for the filter of subscribe(); 0x80 and above is a refusal.
struct Subscribed {
  std::uint64_t id;
  int reason_code;
};
struct Acknowledged {
  std::uint64_t id;
  Subscribers subscribers;
};
/// The broker took no responsibility for a publish (PUBACK with a reason code of 0x80 or above).
struct Refused {
  std::uint64_t id;
  Refusal refusal;
  std::string why;
};
struct Arrived {
  MqttMessage message;
};
/// A PUBLISH that was larger than limits::inbound_packet_bytes, and is gone.
struct TooLarge {};
struct Lost {
  std::string why;
  LinkLoss loss;
};
}  // namespace mqtt_event
using MqttEvent =
    std::variant<mqtt_event::Connected, mqtt_event::ConnectFailed, mqtt_event::Subscribed,
                 mqtt_event::Acknowledged, mqtt_event::Refused, mqtt_event::Arrived,
                 mqtt_event::TooLarge, mqtt_event::Lost>;

struct MqttWill {
  std::string topic;
  std::string payload;
  bool retained;
  int qos = 1;
};

/// Files in PEM; an empty path means none, for `ca_file` the system's authorities.
struct MqttTls {
  std::filesystem::path ca_file;
  std::filesystem::path cert_file;
  std::filesystem::path key_file;
  std::size_t fingerprint = 0;  // of what was in the files: other certificates are other options

  friend bool operator==(const MqttTls&, const MqttTls&) = default;
};

struct MqttConnectOptions {
  std::string uri;  // tcp://ADDRESS:PORT, or ssl://HOST:PORT, by the name that the certificate must
                    // have; the library looks neither up
  int socket;       // connected to `peer`; the connection's from now on
  sockaddr_storage peer;
  std::optional<MqttTls> tls;  // with ssl:// only
  MqttVersion version;
  std::string client_id;
  bool clean_start;                     // MQTT 5 only: version 3.1.1 always begins anew
  std::chrono::seconds session_expiry;  // MQTT 5 only
  std::chrono::seconds keep_alive;
  std::optional<std::string> username;
  std::optional<std::string> password;
  std::optional<MqttWill> will;
};

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
  /// At QoS 1. One filter for each SUBSCRIBE: the library's releases of today read out of bounds,
  /// or throw, when the answer to several is not as it should be, or begins with a refusal.
  /// In version 3.1.1 retained messages are always sent.
  enum class Retained { sent, left };
  void subscribe(std::uint64_t id, const std::string& filter, Retained retained);
  void unsubscribe(const std::string& filter);
  /// What the broker takes no QoS 1 or no retained messages for goes without.
  void publish(const MqttPublish& publish);
  /// What the broker takes: see publish().
  void heed(const mqtt_event::Connected& offer);

  /// Ends the connection as if the network had: Lost follows.
  void cut();

  /// The descriptor of the connection once it is up, -1 otherwise: for whoever wants to look at it.
  int descriptor() const;

 private:
  class Client;
  std::unique_ptr<Client> client_;
};

}  // namespace mqtt_bridge
