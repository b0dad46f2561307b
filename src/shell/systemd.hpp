// What systemd hands to a service, through its own library.
#pragma once

#include <vector>

namespace mqtt_bridge {

/// The descriptors of the sockets of our .socket units (sd_listen_fds(3)); now ours to close. Call
/// once.
std::vector<int> passed_sockets();

}  // namespace mqtt_bridge
