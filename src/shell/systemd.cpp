#include "shell/systemd.hpp"

#include <systemd/sd-daemon.h>

namespace mqtt_bridge {

std::vector<int> passed_sockets() {
  constexpr int unset_environment = 1;
  const int count = sd_listen_fds(unset_environment);
  std::vector<int> descriptors;
  for (int i = 0; i < count; ++i)
    descriptors.push_back(SD_LISTEN_FDS_START + i);
  return descriptors;
}

}  // namespace mqtt_bridge
