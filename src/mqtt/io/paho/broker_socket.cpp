#include "mqtt/io/paho/broker_socket.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/limits/mqtt.hpp"
#include "mqtt/io/paho/read_ahead.hpp"

namespace mqtt_bridge::paho {
namespace {

bool is_peer(const sockaddr_storage& a, const sockaddr_storage& b) {
  if (a.ss_family != b.ss_family)
    return false;
  if (a.ss_family == AF_INET) {
    const auto& a4 = reinterpret_cast<const sockaddr_in&>(a);
    const auto& b4 = reinterpret_cast<const sockaddr_in&>(b);
    return a4.sin_port == b4.sin_port && a4.sin_addr.s_addr == b4.sin_addr.s_addr;
  }
  const auto& a6 = reinterpret_cast<const sockaddr_in6&>(a);
  const auto& b6 = reinterpret_cast<const sockaddr_in6&>(b);
  return a6.sin6_port == b6.sin6_port &&
         std::memcmp(&a6.sin6_addr, &b6.sin6_addr, sizeof a6.sin6_addr) == 0;
}

/// The newest descriptor that is connected to `peer`, or -1.
int find_connection(const sockaddr_storage& peer) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), closedir);
  int found = -1;
  while (const dirent* entry = directory ? readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    int descriptor = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), descriptor).ec != std::errc{}) {
      continue;
    }
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
        is_peer(address, peer) && descriptor > found) {
      found = descriptor;
    }
  }
  return found;
}

void set_option(int descriptor, int option, int value) {
  setsockopt(descriptor, IPPROTO_TCP, option, &value, sizeof value);
}

bool has_option(int descriptor, int option, int value) {
  int found = -1;
  socklen_t size = sizeof found;
  return getsockopt(descriptor, IPPROTO_TCP, option, &found, &size) == 0 && found == value;
}

int user_timeout() {
  return static_cast<int>(std::chrono::milliseconds(limits::puback_timeout).count());
}

}  // namespace

void BrokerSocket::tune(const sockaddr_storage& peer) {
  tune(find_connection(peer));
}

void BrokerSocket::tune(int descriptor) {
  release();
  original_ = descriptor;
  if (original_ < 0)
    return;
  fcntl(original_, F_SETFD, FD_CLOEXEC);
  descriptor_ = fcntl(original_, F_DUPFD_CLOEXEC, 0);
  set_option(descriptor_, TCP_NODELAY, 1);
  set_option(descriptor_, TCP_QUICKACK, 1);
  set_option(descriptor_, TCP_USER_TIMEOUT, user_timeout());
}

bool BrokerSocket::had_no_subscribers(std::uint16_t packet_id) const {
  return paho::had_no_subscribers(original_, packet_id);
}

void BrokerSocket::shut_down() const {
  if (descriptor_ >= 0)
    shutdown(descriptor_, SHUT_RDWR);
}

void BrokerSocket::release() {
  if (descriptor_ >= 0)
    close(descriptor_);
  descriptor_ = -1;
}

std::vector<std::string> BrokerSocket::missing() const {
  const std::array<std::pair<bool, const char*>, 4> all{{
      {descriptor_ >= 0, "the broker's connection was not found among our descriptors"},
      {has_option(descriptor_, TCP_NODELAY, 1),
       "TCP_NODELAY is not set on the broker's connection: a call takes up to 88 ms more"},
      {has_option(descriptor_, TCP_USER_TIMEOUT, user_timeout()),
       "TCP_USER_TIMEOUT is not set on the broker's connection: its loss is noticed late"},
      {is_read_ahead(original_),
       "recv() or SSL_read() is not ours for the broker's connection: a malformed or very large "
       "packet may end this process, and calls wait for responders that are not there"},
  }};
  std::vector<std::string> missing;
  for (const auto& [is_in_effect, what] : all) {
    if (!is_in_effect)
      missing.emplace_back(what);
  }
  return missing;
}

}  // namespace mqtt_bridge::paho
