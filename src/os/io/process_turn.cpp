#include "os/io/process_turn.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <functional>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace mqtt_bridge {

ProcessTurn::~ProcessTurn() {
  if (socket_ >= 0)
    close(socket_);
}

/// A socket in the abstract namespace (unix(7)): one process can have the name, and the kernel
/// takes it back when that ends.
bool ProcessTurn::take(std::string_view name) {
  if (socket_ < 0)
    socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0)
    return true;
  const std::string path = "mqtt-bridge/" + std::to_string(getuid()) + "/" +
                           std::to_string(std::hash<std::string_view>{}(name));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, path.data(), path.size());  // far below its 107 bytes
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path.size());
  return bind(socket_, reinterpret_cast<const sockaddr*>(&address), size) == 0 ||
         errno != EADDRINUSE;
}

}  // namespace mqtt_bridge
