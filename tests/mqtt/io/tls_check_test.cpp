#include "mqtt/io/tls_check.hpp"

#include <array>
#include <memory>
#include <string>

#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using asio::ip::tcp;

/// Somebody at a port of 127.0.0.1, who does `action` once the beginning of a handshake has come.
class Peer {
 public:
  Peer(asio::io_context& loop, std::function<void(tcp::socket&)> action)
      : acceptor_(loop, {asio::ip::make_address("127.0.0.1"), 0}), socket_(loop) {
    acceptor_.async_accept(socket_, [this, action](const std::error_code&) {
      socket_.async_read_some(
          asio::buffer(buffer_),
          [this, action](const std::error_code&, std::size_t) { action(socket_); });
    });
  }
  tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

 private:
  tcp::acceptor acceptor_;
  tcp::socket socket_;
  std::array<char, 4096> buffer_{};
};

TEST(TlsDiagnosis, SaysThatPlainTextIsNoTls) {
  asio::io_context loop;
  const Peer peer(loop, [](tcp::socket& socket) {
    asio::write(socket, asio::buffer(std::string("220 welcome\r\n")));
  });
  std::string why;
  const TlsDiagnosis diagnosis(loop, "127.0.0.1", peer.endpoint(), {},
                               [&](ConnectFailure failure, const std::string& reason) {
                                 EXPECT_EQ(failure, ConnectFailure::unreachable);
                                 why = reason;
                               });
  loop.run();
  EXPECT_THAT(why, testing::HasSubstr("does not speak TLS"));
}

TEST(TlsDiagnosis, CanBeGivenUpWithinTheHandshake) {
  asio::io_context loop;
  std::unique_ptr<TlsDiagnosis> diagnosis;
  const Peer peer(loop, [&](tcp::socket&) { diagnosis.reset(); });
  diagnosis = std::make_unique<TlsDiagnosis>(loop, "127.0.0.1", peer.endpoint(), MqttTls{},
                                             [](auto, const std::string& why) { FAIL() << why; });
  loop.run();
  EXPECT_FALSE(diagnosis);
}

}  // namespace
}  // namespace mqtt_bridge
