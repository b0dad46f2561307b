// What came on one connection, and the MQTT library has not asked for yet: what its recv() and
// poll() are answered from, see read_ahead.hpp. While it is lent, that is what it was given.
// Threads: the owner serialises.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <poll.h>
#include <sys/types.h>

#include "base/limits/mqtt.hpp"
#include "mqtt/io/paho/read_ahead.hpp"
#include "mqtt/packet_filter.hpp"

namespace mqtt_bridge::paho {

class Incoming {
 public:
  void begin(MqttVersion version) {
    *this = Incoming();
    filter_.emplace(version, limits::inbound_packet_bytes);
  }

  /// Whether poll() needs no kernel to tell what it is asked of this connection.
  bool tell(pollfd& asked) const {
    const bool is_for_reading = (asked.events & POLLIN) != 0;
    const bool is_known = is_for_reading ? has_more() || is_broken_
                                         : is_lent() || is_broken_ || (has_more() && was_writable_);
    if (!is_known)
      return false;
    asked.revents = is_for_reading ? POLLIN : POLLOUT;
    return true;
  }

  /// Whether it has just been made, and the library has yet to say CONNECT on it.
  bool is_new() const { return is_new_; }

  /// What the kernel told, and what there is beside.
  void learn(pollfd& told) {
    if (is_lent() || is_broken_) {
      told.revents = 0;
      tell(told);
      return;
    }
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
    if (!filter_)
      return read(buffer, size);
    is_read_ahead_ = true;
    if (!has_more() && (is_lent() || is_broken_)) {
      errno = is_broken_ ? ECONNRESET : EAGAIN;
      return -1;
    }
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

  // Lent, it has only what it is given.
  bool is_lent() const { return borrower_ != nullptr; }
  Borrower* borrower() const { return borrower_; }
  void note_written() { is_written_through_ = true; }
  bool lend_to(Borrower& borrower) {
    const bool is_seen = is_read_ahead_ && is_written_through_;
    if (!is_seen || is_lent() || has_more() || !filter_ || !filter_->is_between_packets())
      return false;
    borrower_ = &borrower;
    return true;
  }
  void take_in(std::string_view bytes) {
    bytes_.erase(0, bytes_.size() - unread_.size());
    bytes_.append(bytes);
    unread_ = bytes_;
  }
  void take_back(Bytes bytes) {
    borrower_ = nullptr;
    is_broken_ = bytes == Bytes::malformed;
  }

 private:
  static constexpr std::size_t read_size = 16 * 1024;

  bool has_more() const { return !unread_.empty(); }

  std::string bytes_;
  std::string_view unread_;    // of bytes_
  bool was_writable_ = false;  // when the kernel was last asked
  bool is_new_ = false;        // it was then writable for the first time
  bool is_read_ahead_ = false;
  bool is_written_through_ = false;
  Borrower* borrower_ = nullptr;
  bool is_broken_ = false;              // by what the borrower read
  std::optional<PacketFilter> filter_;  // none where the version is not known
};

}  // namespace mqtt_bridge::paho
