#include "mqtt/io/paho/hand_over.hpp"

#include <array>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mqtt/io/paho/interposed.hpp"
#include "mqtt/io/paho/read_ahead.hpp"

namespace mqtt_bridge::paho {
namespace {

struct Place {
  int waiting;  // for the library; -1 once it has come
  MqttVersion version;
  int fetched = -1;
};

/// The connections of all HandOvers, by port.
class Places {
 public:
  std::uint16_t take(std::uint16_t port, const Place& place) {
    const std::lock_guard lock(mutex_);
    while (port == 0 || !places_.try_emplace(port, place).second)
      ++port;
    return port;
  }

  void leave(std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    if (const int waiting = places_.at(port).waiting; waiting >= 0)
      close(waiting);
    places_.erase(port);
  }

  int fetched(std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    return places_.at(port).fetched;
  }

  /// Where one that waits leads to, as text that needs no look-up: which one does not matter, since
  /// connect() goes by the port.
  std::optional<std::string> any_peer() {
    const std::lock_guard lock(mutex_);
    for (const auto& [port, place] : places_) {
      if (place.waiting < 0)
        continue;
      sockaddr_storage address{};
      socklen_t size = sizeof address;
      std::array<char, NI_MAXHOST> text{};
      if (getpeername(place.waiting, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
          getnameinfo(reinterpret_cast<sockaddr*>(&address), size, text.data(), text.size(),
                      nullptr, 0, NI_NUMERICHOST) == 0)
        return text.data();
    }
    return std::nullopt;
  }

  /// Puts it in the place of `socket`. Nothing when there is none.
  std::optional<MqttVersion> fetch(std::uint16_t port, int socket) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(port);
    if (found == places_.end() || found->second.waiting < 0 ||
        dup3(found->second.waiting, socket, O_CLOEXEC) < 0)
      return std::nullopt;
    close(found->second.waiting);
    found->second.waiting = -1;
    found->second.fetched = socket;
    return found->second.version;
  }

 private:
  std::mutex mutex_;
  std::map<std::uint16_t, Place> places_;
};

/// Never destroyed: the library's threads outlive main().
Places& places() {
  static Places& instance = *new Places;
  return instance;
}

std::uint16_t port_of(const sockaddr& address) {
  if (address.sa_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  return address.sa_family == AF_INET6
             ? ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port)
             : std::uint16_t(0);
}

}  // namespace

HandOver::HandOver(int connected, std::uint16_t port, MqttVersion version)
    : port_(places().take(port, {connected, version})) {}

HandOver::~HandOver() {
  places().leave(port_);
}

int HandOver::descriptor() const {
  return places().fetched(port_);
}

}  // namespace mqtt_bridge::paho

extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* host,
                                                                  const char* service,
                                                                  const addrinfo* hints,
                                                                  addrinfo** found) {
  using namespace mqtt_bridge::paho;
  static const auto next =
      hidden<int(const char*, const char*, const addrinfo*, addrinfo**)>("getaddrinfo");
  if (!is_library_thread())
    return next(host, service, hints, found);
  addrinfo no_look_up = hints != nullptr ? *hints : addrinfo{};
  no_look_up.ai_flags |= AI_NUMERICHOST;
  const auto peer = places().any_peer();
  return next(peer ? peer->c_str() : host, service, &no_look_up, found);
}

extern "C" __attribute__((visibility("default"))) int connect(int socket, const sockaddr* address,
                                                              socklen_t size) {
  using namespace mqtt_bridge::paho;
  static const auto next = hidden<int(int, const sockaddr*, socklen_t)>("connect");
  const auto version =
      is_library_thread() ? places().fetch(port_of(*address), socket) : std::nullopt;
  if (!version)
    return next(socket, address, size);
  read_ahead_on(socket, *version);
  errno = EINPROGRESS;  // the way that the library takes every day: poll() says at once that it is
  return -1;            // connected
}
