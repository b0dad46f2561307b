#include "mqtt/io/connect_options.hpp"

#include <cstring>

namespace mqtt_bridge {
namespace {

std::string uri_of(const std::string& scheme, const std::string& host, std::uint16_t port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return scheme + (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

sockaddr_storage address_of(const asio::ip::tcp::endpoint& endpoint) {
  sockaddr_storage address{};
  std::memcpy(&address, endpoint.data(), endpoint.size());
  return address;
}

}  // namespace

MqttConnectOptions connect_options_for(const link_command::Connect& command,
                                       const MqttLinkOptions& link,
                                       const asio::ip::tcp::endpoint& peer, int socket) {
  return {
      .uri = link.tls ? uri_of("ssl://", command.broker.host, command.broker.port)
                      : uri_of("tcp://", peer.address().to_string(), peer.port()),
      .socket = socket,
      .peer = address_of(peer),
      .tls = link.tls,
      .version = command.version,
      .client_id = link.client_id,
      .clean_start = command.clean_start,
      .session_expiry = link.session_expiry,
      .keep_alive = command.keep_alive,
      .username = link.username,
      .password = link.password,
      .will = command.will,
  };
}

}  // namespace mqtt_bridge
