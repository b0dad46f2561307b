// What one connection is made with. Values.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <asio/ip/tcp.hpp>
#include <sys/socket.h>

#include "mqtt/link_command.hpp"
#include "mqtt/link_options.hpp"
#include "mqtt/message.hpp"

namespace mqtt_bridge {

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

/// What `command` asks for, on a socket that is connected to `peer`, and that these own from now
/// on.
MqttConnectOptions connect_options_for(const link_command::Connect& command,
                                       const MqttLinkOptions& link,
                                       const asio::ip::tcp::endpoint& peer, int socket);

}  // namespace mqtt_bridge
