#include "http/io/listener.hpp"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/io/folder.hpp"

namespace mqtt_bridge {
namespace {

std::string refusal(const Listen& address) {
  try {
    const Listener listener(address);
    return "none";
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// The path of a socket in a folder of its own, gone at the end.
class SocketPath {
 public:
  std::filesystem::path path() const { return folder_.path() / "socket"; }

 private:
  Folder folder_;
};

TEST(Listener, NamesThePortThatTheSystemChose) {
  const Listener listener(TcpListen{"127.0.0.1", 0});
  EXPECT_EQ(listener.name().substr(0, 17), "http://127.0.0.1:");
  EXPECT_NE(listener.name(), "http://127.0.0.1:0");
}

TEST(Listener, NeverSharesAPort) {
  const Listener first(TcpListen{"127.0.0.1", 0});
  const auto port = static_cast<std::uint16_t>(std::stoi(first.name().substr(17)));
  EXPECT_EQ(refusal(TcpListen{"127.0.0.1", port}),
            "cannot listen on 127.0.0.1:" + std::to_string(port) +
                ": Address already in use; is another mqtt_bridged running?");
}

TEST(Listener, ListensOnEveryAddressOfLocalhostAndOnOnePort) {
  const auto listeners = listeners_at(TcpListen{"localhost", 0});
  ASSERT_FALSE(listeners.empty());
  ASSERT_LE(listeners.size(), 2u);
  EXPECT_EQ(listeners.front()->name().substr(0, 17), "http://127.0.0.1:");
  for (const auto& listener : listeners) {
    EXPECT_NE(listener->port(), 0);
    EXPECT_EQ(listener->port(), listeners.front()->port());
    EXPECT_TRUE(listener->is_local());
  }
}

TEST(Listener, NeverSharesAPortOnEitherAddressOfLocalhost) {
  const auto first = listeners_at(TcpListen{"localhost", 0});
  for (const auto& each : first) {
    const bool is_first = each == first.front();
    const Listen same = TcpListen{is_first ? "127.0.0.1" : "::1", each->port()};
    EXPECT_NE(refusal(same).find("Address already in use"), std::string::npos) << each->name();
  }
  EXPECT_THROW(listeners_at(TcpListen{"localhost", first.front()->port()}), std::runtime_error);
}

TEST(Listener, RemovesItsUnixSocketAtTheEnd) {
  const SocketPath socket;
  { const Listener listener(UnixListen{socket.path()}); }
  EXPECT_FALSE(std::filesystem::exists(socket.path()));
}

TEST(Listener, NeverStealsAUnixSocketThatIsServed) {
  const SocketPath socket;
  const Listener first(UnixListen{socket.path()});
  EXPECT_NE(refusal(UnixListen{socket.path()}).find("Address already in use"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_socket(socket.path()));
}

TEST(Listener, TakesThePlaceOfAKilledProcess) {
  const SocketPath socket;
  const int left_over = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.path().native().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(left_over, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(left_over);
  EXPECT_EQ(refusal(UnixListen{socket.path()}), "none");
}

TEST(Listener, NeverRemovesAFileThatIsNoSocket) {
  const SocketPath socket;
  std::filesystem::create_directory(socket.path());
  EXPECT_NE(refusal(UnixListen{socket.path()}), "none");
  EXPECT_TRUE(std::filesystem::is_directory(socket.path()));
}

TEST(Listener, RefusesAPathThatDoesNotFit) {
  EXPECT_NE(refusal(UnixListen{"/tmp/" + std::string(108, 'x')}).find("File name too long"),
            std::string::npos);
}

}  // namespace
}  // namespace mqtt_bridge
