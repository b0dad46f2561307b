#include "mqtt/io/paho/connecting.hpp"

#include <array>
#include <cerrno>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mqtt_bridge::paho_quirks {
namespace {

bool is_library_thread() {
  thread_local const bool is_it = [] {
    std::array<char, 16> name{};  // prctl(2): with its NUL
    return prctl(PR_GET_NAME, name.data()) == 0 &&
           std::string_view(name.data()).starts_with("MQTTAsync_");
  }();
  return is_it;
}

/// The connection on its way from our hands to the library's.
class HandOver {
 public:
  void give(int connected) {
    const std::lock_guard lock(mutex_);
    drop();
    descriptor_ = connected;
  }

  /// Where it leads to, as text that needs no look-up.
  std::optional<std::string> peer() {
    const std::lock_guard lock(mutex_);
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    std::array<char, NI_MAXHOST> text{};
    if (descriptor_ < 0 ||
        getpeername(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        getnameinfo(reinterpret_cast<sockaddr*>(&address), size, text.data(), text.size(), nullptr,
                    0, NI_NUMERICHOST) != 0)
      return std::nullopt;
    return text.data();
  }

  /// Puts it in the place of `socket`. False when there is none.
  bool fetch(int socket) {
    const std::lock_guard lock(mutex_);
    const bool is_fetched = descriptor_ >= 0 && dup3(descriptor_, socket, O_CLOEXEC) >= 0;
    if (is_fetched)
      drop();
    return is_fetched;
  }

  bool is_fetched() {
    const std::lock_guard lock(mutex_);
    return descriptor_ < 0;
  }

 private:
  void drop() {
    if (descriptor_ >= 0)
      close(descriptor_);
    descriptor_ = -1;
  }

  std::mutex mutex_;
  int descriptor_ = -1;
};

/// Never destroyed: the library's threads outlive main().
HandOver& hand_over_place() {
  static HandOver& instance = *new HandOver;
  return instance;
}

/// The function of the libraries that is hidden by ours of this name; that of a sanitizer has to
/// see what ours does.
template <typename Function>
Function* hidden(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

void hand_over(int connected) {
  hand_over_place().give(connected);
}

bool is_handed_over() {
  return hand_over_place().is_fetched();
}

}  // namespace mqtt_bridge::paho_quirks

extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* host,
                                                                  const char* service,
                                                                  const addrinfo* hints,
                                                                  addrinfo** found) {
  using namespace mqtt_bridge::paho_quirks;
  static const auto next =
      hidden<int(const char*, const char*, const addrinfo*, addrinfo**)>("getaddrinfo");
  if (!is_library_thread())
    return next(host, service, hints, found);
  addrinfo no_look_up = hints != nullptr ? *hints : addrinfo{};
  no_look_up.ai_flags |= AI_NUMERICHOST;
  const auto peer = hand_over_place().peer();
  return next(peer ? peer->c_str() : host, service, &no_look_up, found);
}

extern "C" __attribute__((visibility("default"))) int connect(int socket, const sockaddr* address,
                                                              socklen_t size) {
  using namespace mqtt_bridge::paho_quirks;
  static const auto next = hidden<int(int, const sockaddr*, socklen_t)>("connect");
  if (!is_library_thread() || !hand_over_place().fetch(socket))
    return next(socket, address, size);
  errno = EINPROGRESS;  // the way that the library takes every day: poll() says at once that it is
  return -1;            // connected
}

extern "C" __attribute__((visibility("default"))) void SSL_CTX_set_security_level(SSL_CTX* context,
                                                                                  int level) {
  using namespace mqtt_bridge::paho_quirks;
  static const auto next = hidden<void(SSL_CTX*, int)>("SSL_CTX_set_security_level");
  if (level > SSL_CTX_get_security_level(context))
    next(context, level);
}
