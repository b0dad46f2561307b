#include "mqtt/io/paho/read_ahead.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits/mqtt.hpp"
#include "mqtt/io/paho/interposed.hpp"
#include "mqtt/io/paho/receive_thread.hpp"
#include "mqtt/packet_filter.hpp"

namespace mqtt_bridge::paho {
namespace {

/// Else what came on a connection could be taken for what comes on the next one of its number.
bool is_end_of_connection_seen() {
  static const bool is_it = is_ours("close");
  return is_it;
}

int plain_poll(pollfd* descriptors, nfds_t count, int timeout) {
  const timespec time{timeout / 1000, timeout % 1000 * 1'000'000L};
  return ppoll(descriptors, count, timeout < 0 ? nullptr : &time, nullptr);
}

/// What came on one connection, and the library has not asked for yet.
class Incoming {
 public:
  void begin(MqttVersion version) {
    *this = Incoming();
    filter_.emplace(version, limits::inbound_packet_bytes);
  }

  /// Whether poll() needs no kernel to tell what it is asked of this connection.
  bool tell(pollfd& asked) const {
    const bool is_for_reading = (asked.events & POLLIN) != 0;
    if (!has_more() || (!is_for_reading && !was_writable_))
      return false;
    asked.revents = is_for_reading ? POLLIN : POLLOUT;
    return true;
  }

  /// Whether it has just been made, and the library has yet to say CONNECT on it.
  bool is_new() const { return is_new_; }

  /// What the kernel told, and what there is beside.
  void learn(pollfd& told) {
    if ((told.events & POLLOUT) != 0) {
      const bool was_before = std::exchange(was_writable_, (told.revents & POLLOUT) != 0);
      is_new_ = was_writable_ && !was_before;
    }
    if ((told.events & POLLIN) != 0 && has_more())
      told.revents |= POLLIN;
  }

  /// As `read`, which reads from the connection.
  template <typename Read>
  ssize_t give(char* buffer, std::size_t size, const Read& read) {
    if (!is_end_of_connection_seen() || !filter_)
      return read(buffer, size);
    is_read_ahead_ = true;
    if (!has_more() && size >= read_size && size <= filter_->passes()) {
      const ssize_t given = read(buffer, size);  // within a payload: straight to its place
      filter_->passed(static_cast<std::size_t>(std::max<ssize_t>(given, 0)));
      return given;
    }
    while (!has_more()) {
      static thread_local std::array<char, read_size> raw;
      const ssize_t received = read(raw.data(), raw.size());
      if (received <= 0)
        return received;
      bytes_.clear();
      if (!filter_->take({raw.data(), static_cast<std::size_t>(received)}, bytes_)) {
        errno = ECONNRESET;  // the library ends the connection
        return -1;
      }
      unread_ = bytes_;
    }
    const std::size_t given = unread_.copy(buffer, size);
    unread_.remove_prefix(given);
    return static_cast<ssize_t>(given);
  }

  bool is_read_ahead() const { return is_read_ahead_; }

  bool had_no_subscribers(std::uint16_t packet_id) {
    return filter_ && filter_->had_no_subscribers(packet_id);
  }

 private:
  static constexpr std::size_t read_size = 16 * 1024;

  bool has_more() const { return !unread_.empty(); }

  std::string bytes_;
  std::string_view unread_;    // of bytes_
  bool was_writable_ = false;  // when the kernel was last asked
  bool is_new_ = false;        // it was then writable for the first time
  bool is_read_ahead_ = false;
  std::optional<PacketFilter> filter_;  // none where the version is not known
};

/// The connections that the library waits for, by descriptor.
class Connections {
 public:
  /// As poll(2). What is at hand can be read, and until it has been, what could be written to then
  /// still can: the kernel is not asked again.
  int wait(pollfd* descriptors, nfds_t count, int timeout) {
    pollfd* const end = descriptors + count;
    {
      const std::lock_guard lock(mutex_);
      nfds_t told = 0;
      bool is_any_new = false;
      for (pollfd* each = descriptors; each != end; ++each) {
        Incoming& incoming = of(each->fd);
        told += incoming.tell(*each) ? 1 : 0;
        is_any_new |= incoming.is_new();
      }
      if (told == count)
        return static_cast<int>(told);
      if (told > 0 || is_any_new)
        timeout = 0;
    }
    const int ready = plain_poll(descriptors, count, timeout);
    if (ready < 0)
      return ready;
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count_if(descriptors, end, [this](pollfd& each) {
      const auto found = incoming_.find(each.fd);
      if (found != incoming_.end())
        found->second.learn(each);
      return each.revents != 0;
    }));
  }

  void begin(int descriptor, MqttVersion version) {
    const std::lock_guard lock(mutex_);
    of(descriptor).begin(version);
  }

  /// As `read`, which reads from the connection of this descriptor.
  template <typename Read>
  ssize_t receive(int descriptor, void* buffer, std::size_t size, const Read& read) {
    const std::lock_guard lock(mutex_);
    const auto found = incoming_.find(descriptor);
    if (found == incoming_.end() || size == 0)
      return read(static_cast<char*>(buffer), size);
    return found->second.give(static_cast<char*>(buffer), size, [&](char* to, std::size_t most) {
      const ssize_t got = read(to, most);
      const int on = 1;
      if (got > 0)
        setsockopt(descriptor, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
      return got;
    });
  }

  bool had_no_subscribers(int descriptor, std::uint16_t packet_id) {
    const std::lock_guard lock(mutex_);
    const auto found = incoming_.find(descriptor);
    return found != incoming_.end() && found->second.had_no_subscribers(packet_id);
  }

  bool is_read_ahead(int descriptor) {
    const std::lock_guard lock(mutex_);
    const auto found = incoming_.find(descriptor);
    return found != incoming_.end() && found->second.is_read_ahead();
  }

  /// Takes no lock for a descriptor that is none of these. A sanitizer that writes a report closes
  /// files, too: its thread may hold the lock, and ThreadSanitizer sees no locks at that time, so
  /// that it would report incoming_ within that report, and wait for itself.
  void forget(int descriptor) {
    if (alike(descriptor) == 0)
      return;
    const std::lock_guard lock(mutex_);
    alike(descriptor) -= incoming_.erase(descriptor);
  }

 private:
  Incoming& of(int descriptor) {
    const auto [found, is_new] = incoming_.try_emplace(descriptor);
    if (is_new)
      ++alike(descriptor);
    return found->second;
  }

  /// How many of incoming_ have a descriptor with the same remainder.
  std::atomic<std::size_t>& alike(int descriptor) {
    return alike_[static_cast<std::size_t>(descriptor) % alike_.size()];
  }

  std::mutex mutex_;  // a connection is closed by any thread
  std::map<int, Incoming> incoming_;
  std::array<std::atomic<std::size_t>, 64> alike_{};
};

/// Never destroyed: the library's threads outlive main().
Connections& connections() {
  static Connections& instance = *new Connections;
  return instance;
}

}  // namespace

void read_ahead_on(int descriptor, MqttVersion version) {
  connections().begin(descriptor, version);
}

bool is_read_ahead(int descriptor) {
  return connections().is_read_ahead(descriptor);
}

bool had_no_subscribers(int descriptor, std::uint16_t packet_id) {
  return connections().had_no_subscribers(descriptor, packet_id);
}

bool is_poll_seen() {
  return is_ours("poll");
}

}  // namespace mqtt_bridge::paho

extern "C" __attribute__((visibility("default"))) int poll(pollfd* descriptors, nfds_t count,
                                                           int timeout) {
  using namespace mqtt_bridge::paho;
  if (!is_receive_thread())
    return plain_poll(descriptors, count, timeout);
  if (is_any_connecting())
    timeout = std::min(timeout, 1);
  return connections().wait(descriptors, count, timeout);
}

extern "C" __attribute__((visibility("default"))) ssize_t recv(int descriptor, void* buffer,
                                                               size_t size, int flags) {
  using namespace mqtt_bridge::paho;
  const auto read = [&](char* to, std::size_t most) {
    return recvfrom(descriptor, to, most, flags, nullptr, nullptr);
  };
  const bool is_for_library = is_receive_thread() && flags == 0;
  return is_for_library ? connections().receive(descriptor, buffer, size, read)
                        : read(static_cast<char*>(buffer), size);
}

extern "C" __attribute__((visibility("default"))) int SSL_read(SSL* ssl, void* buffer, int size) {
  using namespace mqtt_bridge::paho;
  static const auto next = hidden<int(SSL*, void*, int)>("SSL_read");
  if (!is_receive_thread() || size < 0)
    return next(ssl, buffer, size);
  const auto read = [&](char* to, std::size_t most) {
    return static_cast<ssize_t>(next(ssl, to, static_cast<int>(most)));
  };
  return static_cast<int>(
      connections().receive(SSL_get_fd(ssl), buffer, static_cast<std::size_t>(size), read));
}

extern "C" __attribute__((visibility("default"))) int close(int descriptor) {
  using namespace mqtt_bridge::paho;
  static const auto next = hidden<int(int)>("close");
  connections().forget(descriptor);
  return next(descriptor);
}
