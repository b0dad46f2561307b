#include "client/io/daemon_calls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <sys/socket.h>

#include "client/io/daemon_connect.hpp"
#include "client/reply_parser.hpp"

namespace mqtt_bridge {

/// One call at a time. Its handlers may run after its calls ended, never after it is destroyed.
class DaemonCalls::Connection {
 public:
  Connection(DaemonCalls& calls, Socket socket, DaemonPlace place)
      : calls_(calls), place_(std::move(place)), descriptor_(calls.loop_, socket.release()) {}

  bool is_open() const { return descriptor_.is_open(); }
  bool is_late(Instant now) const { return is_busy_ && is_due(deadline_, now); }

  void call(std::uint64_t number, std::string head, const std::string& message, Instant deadline) {
    number_ = number;
    deadline_ = deadline;
    is_busy_ = true;
    parser_ = {};
    out_ = std::move(head) + message;
    sent_ = 0;
    can_send_ = true;
    write();
    read();
  }

  void give_up() { end(late_answer(place_)); }

 private:
  /// What is left when the daemon takes no more is not sent: it may refuse a request before it has
  /// all of it, and that refusal is the answer.
  void write() {
    while (can_send_ && sent_ < out_.size()) {
      const auto sent = ::send(descriptor_.native_handle(), out_.data() + sent_,
                               out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) {
        sent_ += static_cast<std::size_t>(sent);
      } else if (errno == EAGAIN) {
        return write_later();
      } else if (errno != EINTR) {
        can_send_ = false;
      }
    }
  }

  void write_later() {
    descriptor_.async_wait(descriptor_.wait_write, [this](const std::error_code& error) {
      if (!error && is_busy_)
        write();
    });
  }

  void read() {
    descriptor_.async_wait(descriptor_.wait_read, [this](const std::error_code& error) {
      if (!error && is_busy_)
        receive();
    });
  }

  void receive() {
    std::array<char, 16 * 1024> buffer;
    const auto count =
        ::recv(descriptor_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
      return read();
    if (count > 0)
      parser_.feed({buffer.data(), static_cast<std::size_t>(count)});
    switch (parser_.state()) {
      case ReplyParser::State::complete:
        return answered();
      case ReplyParser::State::malformed:
        return end(malformed_answer(place_, parser_.fault()));
      case ReplyParser::State::need_more:
        break;
    }
    if (count > 0)
      return read();
    const bool all_sent = sent_ == out_.size();
    end(closed_connection(place_, all_sent ? Broken::Published::maybe : Broken::Published::no));
  }

  void answered() {
    const bool is_kept = !parser_.reply().is_last && sent_ == out_.size();
    end(Answered{parser_.reply(), place_}, is_kept);
  }

  void end(DaemonOutcome outcome, bool is_kept = false) {
    is_busy_ = false;
    if (is_kept)
      calls_.idle_.push_back(this);
    else
      descriptor_.close();
    calls_.on_end_(number_, std::move(outcome));
  }

  DaemonCalls& calls_;
  const DaemonPlace place_;
  asio::posix::stream_descriptor descriptor_;
  std::uint64_t number_ = 0;
  Instant deadline_{};
  bool is_busy_ = false;
  ReplyParser parser_;
  std::string out_;
  std::size_t sent_ = 0;
  bool can_send_ = true;
};

DaemonCalls::DaemonCalls(asio::io_context& loop, std::vector<DaemonPlace> places, ClientCall call,
                         OnEnd on_end)
    : loop_(loop), places_(std::move(places)), call_(std::move(call)), on_end_(std::move(on_end)) {
  call_.keeps_connection = true;
}

DaemonCalls::~DaemonCalls() = default;

DaemonCalls::Connection* DaemonCalls::idle_connection() {
  if (idle_.empty())
    return open();
  Connection* const connection = idle_.back();
  idle_.pop_back();
  return connection;
}

DaemonCalls::Connection* DaemonCalls::open() {
  std::erase_if(connections_, [](const auto& connection) { return !connection->is_open(); });
  const Instant deadline = Clock::now() + call_.timeout;
  nothing_ = {};
  for (const DaemonPlace& place : places_) {
    mqtt_bridge::Connection connection = connect_to(place, connect_deadline(place, deadline));
    if (connection.socket) {
      places_ = std::vector<DaemonPlace>{place};
      connections_.push_back(
          std::make_unique<Connection>(*this, std::move(connection.socket), places_.front()));
      return connections_.back().get();
    }
    nothing_.add(place, connection);
  }
  return nullptr;
}

void DaemonCalls::call(std::uint64_t number, std::string message) {
  Connection* const connection = idle_connection();
  if (connection == nullptr)
    return end_soon(number, nothing_);
  const DaemonPlace& place = places_.front();
  const bool is_unix = place.kind == DaemonPlace::Kind::unix_socket;
  call_.message = std::move(message);
  connection->call(number,
                   request_head(call_, is_unix ? "localhost" : authority_of(place), call_.timeout),
                   call_.message, Clock::now() + call_.timeout + answer_margin);
}

void DaemonCalls::expire(Instant now) {
  for (const auto& connection : connections_) {
    if (connection->is_late(now))
      connection->give_up();
  }
}

void DaemonCalls::end_soon(std::uint64_t number, DaemonOutcome outcome) {
  asio::post(loop_, [this, number, outcome = std::move(outcome)] { on_end_(number, outcome); });
}

}  // namespace mqtt_bridge
