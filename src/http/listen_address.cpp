#include "http/listen_address.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <system_error>

#include <arpa/inet.h>

namespace mqtt_bridge {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::size_t unix_path_bytes =
    107;  // sockaddr_un::sun_path, which ends in a NUL (unix(7))

bool is_address(int family, const std::string& text) {
  std::array<unsigned char, 16> room{};
  const bool has_nul = text.find('\0') != std::string::npos;  // where inet_pton() would stop
  return !has_nul && inet_pton(family, text.c_str(), room.data()) == 1;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return port;
}

std::variant<Listen, std::string> parse_unix(std::string_view path) {
  if (path.empty())
    return "after unix: comes the path of the socket";
  if (path.size() > unix_path_bytes) {
    return "the path of a unix socket has at most " + std::to_string(unix_path_bytes) + " bytes";
  }
  if (path.find('\0') != std::string_view::npos)
    return "a path cannot hold a NUL";
  return UnixListen{std::string(path)};
}

}  // namespace

std::variant<Listen, std::string> parse_listen(std::string_view text) {
  if (text.starts_with(unix_prefix))
    return parse_unix(text.substr(unix_prefix.size()));

  const std::string wanted = "'" + std::string(text) +
                             "' is not an address to listen on, such as 127.0.0.1:8426, "
                             "[::1]:8426 or unix:/run/bridge.sock";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return wanted;
  const auto port = parse_port(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed)
    host = host.substr(1, host.size() - 2);
  std::string address(host);
  const bool is_name = host == localhost && !bracketed;
  if (!port || (!is_name && !is_address(bracketed ? AF_INET6 : AF_INET, address)))
    return wanted;
  return TcpListen{std::move(address), *port};
}

bool is_loopback(const Listen& listen) {
  const auto* const tcp = std::get_if<TcpListen>(&listen);
  if (tcp == nullptr || tcp->address == localhost || tcp->address.starts_with("127."))
    return true;
  in6_addr address{};
  return inet_pton(AF_INET6, tcp->address.c_str(), &address) == 1 &&
         IN6_IS_ADDR_LOOPBACK(&address) != 0;
}

std::string to_string(const Listen& listen) {
  if (const auto* const local = std::get_if<UnixListen>(&listen)) {
    return std::string(unix_prefix) + local->path;
  }
  const auto& [address, port] = std::get<TcpListen>(listen);
  const bool ipv6 = address.find(':') != std::string::npos;
  return (ipv6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

}  // namespace mqtt_bridge
