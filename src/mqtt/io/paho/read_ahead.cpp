#include "mqtt/io/paho/read_ahead.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "mqtt/io/paho/incoming.hpp"
#include "mqtt/io/paho/interposed.hpp"
#include "mqtt/io/paho/receive_thread.hpp"

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
      set_asked(descriptors, count);
      is_waiting_ = true;
    }
    const int ready = plain_poll(asked_.data(), asked_.size(), timeout);
    const std::lock_guard lock(mutex_);
    is_waiting_ = false;
    if (ready < 0)
      return ready;
    hear_bell();
    for (nfds_t i = 0; i < count; ++i) {
      descriptors[i].revents = asked_[i].revents;
      const auto found = incoming_.find(descriptors[i].fd);
      if (found != incoming_.end())
        found->second.learn(descriptors[i]);
    }
    return static_cast<int>(
        std::count_if(descriptors, end, [](const pollfd& each) { return each.revents != 0; }));
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
    if (found == incoming_.end() || size == 0 || !is_end_of_connection_seen())
      return read(static_cast<char*>(buffer), size);
    return found->second.give(static_cast<char*>(buffer), size, [&](char* to, std::size_t most) {
      const ssize_t got = read(to, most);
      const int on = 1;
      if (got > 0)
        setsockopt(descriptor, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
      return got;
    });
  }

  // Lending: the receive thread waits for the bell instead of the connection --------------------

  bool lend(int descriptor, Borrower& borrower) {
    if (bell_ < 0 || !is_end_of_connection_seen())
      return false;
    const std::lock_guard lock(mutex_);
    const auto found = incoming_.find(descriptor);
    if (!is_waiting_ || found == incoming_.end() || !found->second.lend_to(borrower))
      return false;
    ring();
    return true;
  }

  void give(int descriptor, std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = incoming_.find(descriptor);
    if (found == incoming_.end())
      return;
    found->second.take_in(bytes);
    ring();
  }

  void take_back(int descriptor, const Borrower& borrower, Bytes bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = incoming_.find(descriptor);
    if (found == incoming_.end() || found->second.borrower() != &borrower)
      return;
    found->second.take_back(bytes);
    ring();
  }

  /// Nothing where it is none that is lent.
  std::optional<ssize_t> write(int descriptor, const iovec* parts, int count) {
    if (alike(descriptor) == 0)
      return std::nullopt;
    const std::lock_guard lock(mutex_);
    const auto found = incoming_.find(descriptor);
    if (found == incoming_.end())
      return std::nullopt;
    found->second.note_written();
    Borrower* const borrower = found->second.borrower();
    return borrower != nullptr ? std::optional(borrower->write(parts, count)) : std::nullopt;
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
    const auto found = incoming_.find(descriptor);
    if (found == incoming_.end())
      return;
    if (found->second.is_lent())
      ring();  // the receive thread does not see the end of what it does not wait for
    incoming_.erase(found);
    --alike(descriptor);
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

  /// What is asked of the kernel: of those that are lent nothing.
  void set_asked(const pollfd* descriptors, nfds_t count) {
    asked_.assign(descriptors, descriptors + count);
    for (pollfd& each : asked_) {
      if (const auto found = incoming_.find(each.fd);
          found != incoming_.end() && found->second.is_lent())
        each.fd = -1;
    }
    asked_.push_back({.fd = bell_, .events = POLLIN, .revents = 0});
  }

  void ring() const {
    const std::uint64_t once = 1;
    static_cast<void>(::write(bell_, &once, sizeof once));
  }
  void hear_bell() const {
    std::uint64_t times = 0;
    if (asked_.back().revents != 0)
      static_cast<void>(::read(bell_, &times, sizeof times));
  }

  const int bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::vector<pollfd> asked_;  // the receive thread's
  bool is_waiting_ = false;    // that thread, in poll()

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

bool is_writev_seen() {
  return is_ours("writev");
}

bool lend(int descriptor, Borrower& borrower) {
  return connections().lend(descriptor, borrower);
}

void give_to_library(int descriptor, std::string_view bytes) {
  connections().give(descriptor, bytes);
}

void take_back(int descriptor, const Borrower& borrower, Bytes bytes) {
  connections().take_back(descriptor, borrower, bytes);
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

extern "C" __attribute__((visibility("default"))) ssize_t writev(int descriptor, const iovec* parts,
                                                                 int count) {
  using namespace mqtt_bridge::paho;
  static const auto next = hidden<ssize_t(int, const iovec*, int)>("writev");
  const auto written = connections().write(descriptor, parts, count);
  return written ? *written : next(descriptor, parts, count);
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
