// Where the daemon listens: a TCP address or the path of a unix socket. Values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace mqtt_bridge {

struct TcpListen {
  std::string address;  // numeric, IPv6 without its brackets; or `localhost`
  std::uint16_t port;   // 0: any free one
  friend bool operator==(const TcpListen&, const TcpListen&) = default;
};

struct UnixListen {
  std::string path;
  friend bool operator==(const UnixListen&, const UnixListen&) = default;
};

using Listen = std::variant<TcpListen, UnixListen>;

/// 127.0.0.1 and ::1, as far as a machine has them (RFC 6761 6.3).
inline constexpr std::string_view localhost = "localhost";

/// `127.0.0.1:8426`, `[::1]:8426`, `localhost:8426` or `unix:PATH`; otherwise a sentence that says
/// what is wrong. Other names are refused: what they mean is decided elsewhere.
std::variant<Listen, std::string> parse_listen(std::string_view text);

/// Whether only this machine can connect: 127.0.0.0/8, ::1, localhost and unix sockets.
bool is_loopback(const Listen& listen);

/// As parse_listen() reads it.
std::string to_string(const Listen& listen);

}  // namespace mqtt_bridge
