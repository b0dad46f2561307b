#include "client/daemon_place.hpp"

#include <variant>

#include "mqtt/broker_url.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::string_view system_socket = "/run/mqtt-bridge/bridge.sock";
constexpr std::uint16_t default_port = 8426;
constexpr std::size_t socket_path_bytes =
    107;  // sockaddr_un::sun_path, which ends in a NUL (unix(7))

}  // namespace

std::string authority_of(const DaemonPlace& place) {
  const std::string& host = place.path_or_host;
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? '[' + host + ']' : host) + ':' + std::to_string(place.port);
}

std::optional<DaemonPlace> parse_daemon_url(std::string_view url) {
  constexpr std::string_view http = "http://";
  constexpr std::string_view unix_scheme = "unix:";
  if (url.starts_with(unix_scheme)) {
    url.remove_prefix(unix_scheme.size());
    const bool fits = url.size() <= socket_path_bytes;
    if (url.empty() || !fits || url.find('\0') != std::string_view::npos) {
      return std::nullopt;
    }
    return DaemonPlace{DaemonPlace::Kind::unix_socket, std::string(url), 0,
                       DaemonPlace::Chosen::by_user};
  }
  if (!url.starts_with(http)) {
    return std::nullopt;
  }
  url.remove_prefix(http.size());
  if (url.ends_with('/')) {
    url.remove_suffix(1);
  }
  const auto parsed = parse_host_port(url, 0);
  const auto* const where = std::get_if<HostPort>(&parsed);
  if (where == nullptr || where->port == 0) {  // http's own default, 80, is never meant
    return std::nullopt;
  }
  return DaemonPlace{DaemonPlace::Kind::tcp, where->host, where->port,
                     DaemonPlace::Chosen::by_user};
}

std::string to_string(const DaemonPlace& place) {
  switch (place.kind) {
    case DaemonPlace::Kind::unix_socket:
      return "unix:" + place.path_or_host;
    case DaemonPlace::Kind::tcp:
      return "http://" + authority_of(place);
  }
  return {};
}

std::vector<DaemonPlace> daemon_places(std::string_view url) {
  if (const auto place = parse_daemon_url(url))
    return {*place};
  return default_daemon_places();
}

std::vector<DaemonPlace> default_daemon_places() {
  return {
      {DaemonPlace::Kind::unix_socket, std::string(system_socket), 0,
       DaemonPlace::Chosen::by_default},
      {DaemonPlace::Kind::tcp, "127.0.0.1", default_port, DaemonPlace::Chosen::by_default},
  };
}

}  // namespace mqtt_bridge
