// Where mqtt_client looks for mqtt_bridged. Values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mqtt_bridge {

struct DaemonPlace {
  enum class Kind { unix_socket, tcp };
  enum class Chosen { by_default, by_user };

  Kind kind = Kind::tcp;
  std::string path_or_host;  // an IPv6 address without brackets
  std::uint16_t port = 0;    // tcp only
  Chosen chosen = Chosen::by_default;

  friend bool operator==(const DaemonPlace&, const DaemonPlace&) = default;
};

/// `http://host:port` (an IPv6 address in brackets, a '/' may follow) or `unix:PATH`; nothing for
/// anything else. The result counts as chosen by the user.
std::optional<DaemonPlace> parse_daemon_url(std::string_view url);

/// As parse_daemon_url() reads it.
std::string to_string(const DaemonPlace& place);

/// Where to look when the user names no place: the system's socket, then 127.0.0.1:8426.
std::vector<DaemonPlace> default_daemon_places();

/// The one that the user names by a parse_daemon_url(), or, empty, those.
std::vector<DaemonPlace> daemon_places(std::string_view url);

/// Host and port as a URL and a Host field have them (RFC 3986 3.2.2).
std::string authority_of(const DaemonPlace& place);

}  // namespace mqtt_bridge
