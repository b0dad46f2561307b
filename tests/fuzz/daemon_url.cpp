// The input: where the daemon is, as the user says it.
#include "client/daemon_place.hpp"
#include "fuzz.hpp"
#include "mqtt/broker_url.hpp"

namespace mqtt_bridge {

void fuzz(std::string_view input) {
  const auto place = parse_daemon_url(input);
  if (!place)
    return;
  require(parse_daemon_url(to_string(*place)) == place, "a place is read back");
  if (place->kind == DaemonPlace::Kind::unix_socket) {
    require(input == to_string(*place), "a path is as it was written");
  } else {
    require(place->port != 0 && is_host(place->path_or_host), "a place has a host and a port");
  }
}

}  // namespace mqtt_bridge
