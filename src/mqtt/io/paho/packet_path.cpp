#include "mqtt/io/paho/packet_path.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/limits/mqtt.hpp"
#include "mqtt/io/paho/read_ahead.hpp"
#include "mqtt/io/translation.hpp"
#include "mqtt/packet.hpp"
#include "mqtt/packet_reader.hpp"

namespace mqtt_bridge::paho {
namespace {

constexpr std::size_t read_size = 64 * 1024;
constexpr int reads_at_once = 8;                  // then others have their turn
constexpr std::size_t large_payload = 16 * 1024;  // is sent from where it is
constexpr std::size_t kept_size = 64 * 1024;      // of a buffer that is empty
constexpr int no_matching_subscribers = 0x10;     // (MQTT 5.0 3.4.2.1)

/// Packet identifiers that the library, which counts up from its last one, does not come to for as
/// long as a packet has no acknowledgement.
class PacketIds {
 public:
  void library_used(std::uint16_t id) { library_ = id; }

  /// Another one; `is_used` tells those of ours that have no acknowledgement yet.
  template <typename IsUsed>
  std::uint16_t next(const IsUsed& is_used) {
    constexpr unsigned apart = 0x4000;
    do {
      ++last_;
      const std::uint16_t library = library_;
      if (static_cast<std::uint16_t>(last_ - library) < apart)
        last_ = static_cast<std::uint16_t>(library + 2 * apart);
    } while (last_ == 0 || is_used(last_));
    return last_;
  }

 private:
  std::atomic<std::uint16_t> library_ = 0;
  std::uint16_t last_ = 0;
};

}  // namespace

class PacketPath::Stream final : public std::enable_shared_from_this<Stream>,
                                 private Borrower,
                                 private PacketReader::User {
 public:
  Stream(asio::io_context& loop, MqttVersion version, Sink sink)
      : loop_(loop),
        version_(version),
        sink_(std::move(sink)),
        socket_(loop),
        reader_(version, limits::inbound_packet_bytes) {}

  bool open(const BrokerSocket& socket) {
    if (state_ != State::closed)
      return state_ == State::open;
    descriptor_ = socket.descriptor();
    if (descriptor_ < 0 || !lend(socket.original(), *this))  // the library may write at once
      return false;
    library_descriptor_ = socket.original();
    std::error_code error;
    socket_.assign(descriptor_, error);
    state_ = State::open;
    if (error)
      end(Ended::by_us);
    wait();
    return state_ == State::open;
  }

  void close() {
    if (state_ == State::open)
      end(Ended::by_us);
    if (socket_.is_open())
      socket_.release();  // its owner closes it
  }

  void publish(const MqttPublish& publish, bool retained) {
    if (state_ != State::open)
      return;
    const std::uint16_t id =
        ids_.next([this](std::uint16_t each) { return unacknowledged_.contains(each); });
    unacknowledged_.emplace(id, publish.id);
    packet::append_publish_head(to_send_, publish, retained, version_, id);
    if (publish.payload.size() >= large_payload)
      return send(publish.payload);
    to_send_.append(publish.payload);
    send_soon();
  }

  /// What was read has been dealt with: it may be acknowledged, and more of it be read.
  void read_on() {
    held_.append(acknowledgements_);
    acknowledgements_.clear();
    release();
    wait();
  }

  void hold_acknowledgements(bool is_held) {
    is_held_ = is_held;
    release();
  }

  void flush() {
    if (state_ == State::open && !to_send_.empty())
      send({});
  }

  /// One batch at a time: what the loop cannot handle waits in the kernel.
  void wait() {
    if (state_ != State::open || std::exchange(is_waiting_, true))
      return;
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](const std::error_code& error) {
                         self->is_waiting_ = false;
                         if (!error && self->state_ == State::open)
                           self->read();
                       });
  }

 private:
  enum class State { closed, open, ended };
  enum class Ended { by_us, by_peer, malformed };

  // Reading -------------------------------------------------------------------------------------

  void read() {
    gave_any_ = false;
    for (int count = 0; count < reads_at_once && state_ == State::open; ++count) {
      static thread_local std::array<char, read_size> buffer;
      const auto [place, room] = reader_.room();
      const bool is_straight = room > 0;
      const std::size_t size = is_straight ? room : buffer.size();
      const ssize_t got =
          recv(descriptor_, is_straight ? place : buffer.data(), size, MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR))
        break;
      if (got <= 0)
        return end(Ended::by_peer);
      const auto bytes = static_cast<std::size_t>(got);
      if (is_straight)
        reader_.put(bytes, *this);
      else if (!reader_.take({buffer.data(), bytes}, *this))
        return end(Ended::malformed);
      if (bytes < size)
        break;
    }
    // The kernel leaves quick-ACK mode by itself (tcp(7)). What we send acknowledges, too.
    const int on = 1;
    if (to_send_.empty() && acknowledgements_.empty())
      setsockopt(descriptor_, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    else
      send_soon();
    if (!gave_any_)
      read_on();
  }

  void give(MqttEvent event) {
    gave_any_ = true;
    sink_(std::move(event));
  }

  void on_publish(MqttMessage message, std::uint16_t packet_id) override {
    give(mqtt_event::Arrived{std::move(message)});
    acknowledge(packet_id);
  }
  void on_too_large(std::uint16_t packet_id) override {
    give(mqtt_event::TooLarge{});
    acknowledge(packet_id);
  }
  void acknowledge(std::uint16_t packet_id) {
    if (packet_id != 0)
      packet::append_puback(acknowledgements_, packet_id);
  }

  /// All that are not held, in the order of their messages (MQTT 5.0 4.6).
  void release() {
    if (is_held_ || held_.empty())
      return;
    to_send_.append(held_);
    held_.clear();
    send_soon();
  }

  bool on_puback(std::uint16_t packet_id, int code) override {
    const auto found = unacknowledged_.extract(packet_id);
    if (found.empty())
      return false;
    const std::uint64_t id = found.mapped();
    if (code < refusal)
      give(mqtt_event::Acknowledged{
          id, code == no_matching_subscribers ? Subscribers::none : Subscribers::perhaps});
    else
      give(mqtt_event::Refused{id, refusal_of(code),
                               "the broker refused the request: " + reason_in_words(code)});
    return true;
  }

  void on_others(std::string_view bytes) override { give_to_library(library_descriptor_, bytes); }

  /// The library finds out for itself that the peer ended it.
  void end(Ended how) {
    flush();
    state_ = State::ended;
    take_back(library_descriptor_, *this,
              how == Ended::malformed ? Bytes::malformed : Bytes::sound);
    std::error_code ignored;
    socket_.cancel(ignored);
  }

  // Writing -------------------------------------------------------------------------------------

  /// Once, at the end of this turn of the loop, what is to be sent by then.
  void send_soon() {
    if (std::exchange(will_send_, true))
      return;
    asio::post(loop_, [self = shared_from_this()] {
      self->will_send_ = false;
      self->flush();
    });
  }

  /// With `payload`, which is copied only as far as the kernel does not take it.
  void send(std::string_view payload) {
    const std::lock_guard lock(mutex_);
    if (unsent_.empty())
      unsent_.swap(to_send_);
    else
      unsent_.append(to_send_);
    to_send_.clear();
    send_unsent(payload);
  }

  /// What the library has to say; all of it is taken. Any thread.
  ssize_t write(const iovec* parts, int count) override {
    const std::lock_guard lock(mutex_);
    std::size_t size = 0;
    for (const iovec* part = parts; part != parts + count; ++part) {
      unsent_.append(static_cast<const char*>(part->iov_base), part->iov_len);
      size += part->iov_len;
    }
    note_id({unsent_.data() + unsent_.size() - size, size});
    send_unsent({});
    return static_cast<ssize_t>(size);
  }

  /// That of a packet of the library.
  void note_id(std::string_view bytes) {
    if (bytes.size() < 2)
      return;
    const unsigned type = packet::byte_at(bytes, 0) >> 4;
    const std::size_t at = 1 + packet::number_at(bytes, 1).bytes;
    if ((type == packet::subscribe_type || type == packet::unsubscribe_type) &&
        bytes.size() >= at + 2)
      ids_.library_used(packet::two_bytes_at(bytes, at));
  }

  /// REQUIRES: mutex_.
  void send_unsent(std::string_view payload) {
    if (is_blocked_) {
      unsent_.append(payload);
      return;
    }
    std::array<iovec, 2> parts{
        {{unsent_.data(), unsent_.size()}, {const_cast<char*>(payload.data()), payload.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = payload.empty() ? 1 : 2;
    const ssize_t result = sendmsg(descriptor_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    const bool may_go_on = result >= 0 || errno == EAGAIN || errno == EINTR;
    const auto sent = static_cast<std::size_t>(std::max<ssize_t>(result, 0));
    if (!may_go_on || sent == unsent_.size() + payload.size()) {
      unsent_.clear();  // where it has broken, what comes on it says so: an end
      if (unsent_.capacity() > kept_size)
        unsent_.shrink_to_fit();
      return;
    }
    if (sent < unsent_.size()) {
      unsent_.erase(0, sent);
      unsent_.append(payload);
    } else {
      unsent_ = payload.substr(sent - unsent_.size());
    }
    is_blocked_ = true;
    asio::post(loop_, [self = shared_from_this()] { self->wait_to_write(); });
  }

  void wait_to_write() {
    if (state_ != State::open)
      return;
    socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                       [self = shared_from_this()](const std::error_code& error) {
                         if (error || self->state_ != State::open)
                           return;
                         const std::lock_guard lock(self->mutex_);
                         self->is_blocked_ = false;
                         self->send_unsent({});
                       });
  }

  asio::io_context& loop_;
  const MqttVersion version_;
  const Sink sink_;
  int descriptor_ = -1;                    // BrokerSocket's; known before it is lent
  asio::posix::stream_descriptor socket_;  // the same, to wait for
  int library_descriptor_ = -1;
  State state_ = State::closed;

  PacketReader reader_;
  bool is_waiting_ = false;  // for something to read
  bool gave_any_ = false;    // event, since the last read
  PacketIds ids_;
  std::unordered_map<std::uint16_t, std::uint64_t> unacknowledged_;  // ids of MqttPublish
  std::string acknowledgements_;  // of what was read, and perhaps not dealt with
  std::string held_;              // of what was dealt with
  bool is_held_ = false;          // the owner wants no more to go out
  std::string to_send_;           // at the end of this turn
  bool will_send_ = false;

  std::mutex mutex_;         // guards what follows
  std::string unsent_;       // handed on, and the kernel has not taken it
  bool is_blocked_ = false;  // until the kernel takes more
};

PacketPath::PacketPath(asio::io_context& loop, MqttVersion version, Sink sink)
    : stream_(std::make_shared<Stream>(loop, version, std::move(sink))) {}
PacketPath::~PacketPath() {
  stream_->close();
}

bool PacketPath::open(const BrokerSocket& socket) {
  return stream_->open(socket);
}
void PacketPath::publish(const MqttPublish& publish, bool retained) {
  stream_->publish(publish, retained);
}
void PacketPath::flush() {
  stream_->flush();
}
void PacketPath::read_on() {
  stream_->read_on();
}
void PacketPath::hold_acknowledgements(bool is_held) {
  stream_->hold_acknowledgements(is_held);
}

}  // namespace mqtt_bridge::paho
