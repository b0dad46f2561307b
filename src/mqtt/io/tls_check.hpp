// What is wrong with TLS, in words that say what to do: with our own files, before they are used,
// and with a broker to which Paho finds no TLS connection, since it does not say why.
//
// Threads: the loop's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include "mqtt/io/connection.hpp"

namespace mqtt_bridge {

/// The first fault of the certificates and the key; nothing when a client can use them all.
std::optional<std::string> why_not_usable(const MqttTls& tls);

/// Connects to `peer` once more, as Paho did, and calls `done` with the reason why that fails, if
/// it still exists by then; `closed` when TLS succeeds, so that the broker closed the connection
/// afterwards. Its owner limits its time.
class TlsDiagnosis {
 public:
  using Done = std::function<void(ConnectFailure failure, std::string why)>;
  /// `host`: the name, or the address, that the certificate must have.
  TlsDiagnosis(asio::io_context& loop, const std::string& host, const asio::ip::tcp::endpoint& peer,
               const MqttTls& tls, Done done);
  ~TlsDiagnosis();

 private:
  class Handshake;
  std::shared_ptr<Handshake> handshake_;  // which lives on until its last operation has ended
};

}  // namespace mqtt_bridge
