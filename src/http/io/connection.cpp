#include "http/io/connection.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <system_error>

#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/limits/http.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

// What moves less than this between two looks makes room for others, when there is no room.
constexpr std::int64_t least_progress = 16 * 1024;
// How long an answered peer that still sends is listened to: closing at once would reset the
// connection and could take the answer with it (RFC 9112 9.6).
constexpr auto linger_timeout = 500ms;

std::optional<std::uint32_t> user_of(int unix_socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(unix_socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return std::nullopt;
  return peer.uid;
}

/// The address that a TCP connection came to; an IPv4 one in its own spelling also where a socket
/// for both took it.
std::string own_address_of(int tcp_socket) {
  asio::ip::tcp::endpoint own;
  auto length = static_cast<socklen_t>(own.capacity());
  if (getsockname(tcp_socket, own.data(), &length) != 0)
    return {};
  const asio::ip::address address = own.address();
  if (address.is_v4())
    return address.to_string();
  auto ipv6 = address.to_v6();
  ipv6.scope_id(0);  // no Host names it
  return ipv6.is_v4_mapped() ? make_address_v4(asio::ip::v4_mapped, ipv6).to_string()
                             : ipv6.to_string();
}

}  // namespace

HttpServer::Connection::Connection(HttpServer& server, Socket socket, Caller::Via via)
    : server_(server),
      socket_(std::move(socket)),
      via_(via),
      user_(via == Caller::Via::tcp ? std::nullopt : user_of(socket_.native_handle())),
      from_(user_ ? "uid:" + std::to_string(*user_) : "tcp"),
      own_address_(via == Caller::Via::tcp ? own_address_of(socket_.native_handle()) : "") {
  socket_.non_blocking(true);
}

void HttpServer::Connection::start(Connections& list) {
  list_ = &list;
  place_ = std::prev(list.end());
  read_request();
}

void HttpServer::Connection::enter(Phase phase, Duration patience) {
  enter(phase, Clock::now() + patience);
}

void HttpServer::Connection::enter(Phase phase, Instant deadline) {
  phase_ = phase;
  move_behind(list_for(phase));
  set_deadline(deadline);
}

HttpServer::Connections& HttpServer::Connection::list_for(Phase phase) {
  switch (phase) {
    case Phase::idle:
    case Phase::head:
      return reserved_ > 0 ? server_.arriving_ : server_.dispensable_;
    case Phase::body:
      return reserved_ > 0 ? server_.arriving_ : server_.others_;
    case Phase::writing:
      return server_.writing_;
    case Phase::answering:
    case Phase::streaming:
    case Phase::lingering:
    case Phase::closed:
      break;
  }
  return server_.others_;
}

void HttpServer::Connection::move_behind(Connections& list) {
  list.splice(list.end(), *std::exchange(list_, &list), place_);
}

void HttpServer::Connection::set_deadline(Instant deadline) {
  server_.deadlines_.set(deadline_, deadline);
  server_.set_timer();
}

void HttpServer::Connection::close() {
  if (phase_ == Phase::closed)
    return;
  phase_ = Phase::closed;
  const auto self = shared_from_this();
  const auto in_pieces = std::exchange(stream_, {}) ? pending_.lock() : nullptr;
  server_.deadlines_.remove(deadline_);
  std::error_code ignored;
  socket_.close(ignored);
  release_input();
  release_output();
  list_->erase(place_);
  if (in_pieces)
    in_pieces->gone();
  if (server_.connections() == 0 && server_.sockets_.empty() && server_.on_empty_)
    std::exchange(server_.on_empty_, {})();
}

void HttpServer::Connection::abort() {
  std::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

void HttpServer::Connection::on_deadline(Instant now) {
  switch (phase_) {
    case Phase::head:
      return refuse(Problem::request_timeout, "the request's head did not arrive in time");
    case Phase::body:
      return refuse(Problem::request_timeout, "the request's body did not arrive in time");
    case Phase::idle:
      // The kernel may have taken an answer that the peer does not read: asked once, when that took
      // too long.
      if (is_sent_ || now < written_ + limits::write_timeout)
        return end_idle();
      is_sent_ = unsent_bytes() == 0;
      if (is_sent_)
        return set_deadline(idle_until_);
      ++server_.unread_.timed_out;
      return abort();
    case Phase::writing:
      ++server_.unread_.timed_out;
      return abort();
    case Phase::answering:
    case Phase::streaming:
    case Phase::lingering:
      return close();
    case Phase::closed:
      return;
  }
}

void HttpServer::Connection::end_idle() {
  is_used_ = is_last_ = true;
  stop_reading();
}

bool HttpServer::Connection::is_arriving(Instant now) {
  move_behind(server_.arriving_);
  return pace_.look(now, static_cast<std::int64_t>(reserved_), least_progress);
}

bool HttpServer::Connection::is_being_read(Instant now) {
  move_behind(server_.writing_);
  return pace_.look(now, transferred_ - unsent_bytes(), least_progress);
}

int HttpServer::Connection::unsent_bytes() {
  int count = 0;
  return ioctl(socket_.native_handle(), SIOCOUTQ, &count) == 0 ? count : 0;
}

void HttpServer::Connection::drain() {
  is_last_ = true;
  for (const auto& request : {request_, pending_.lock()}) {
    if (request)
      request->keep_alive = false;
  }
  if (phase_ == Phase::head || phase_ == Phase::body)
    set_deadline(std::min(deadline_.deadline(), Clock::now() + drain_patience));
  if (phase_ == Phase::idle)
    stop_reading();
}

/// The read comes back, with what it has got already, or aborted: then see read_last().
void HttpServer::Connection::stop_reading() {
  std::error_code ignored;
  socket_.cancel(ignored);
}

// Output ------------------------------------------------------------------------------------------

void HttpServer::Connection::refuse(Problem problem, std::string_view detail) {
  is_last_ = says_close_ = true;
  release_input();
  // What could not be read may still have been a HEAD, whose answer has no content (RFC
  // 9110 9.3.2).
  if (request_->head.empty() && input_.starts_with("HEAD "))
    request_->method = "HEAD";
  auto response = server_.service_.refuse(*request_, Failure{problem, std::string(detail), {}});
  if (is_asking_)  // for the body; another write must not get into that one
    return close();
  write(std::move(response));
}

void HttpServer::Connection::write(HttpResponse response) {
  if (phase_ == Phase::closed)
    return;
  if (stream_ && stream_->answer_began)
    return close();  // it cannot become another one; the caller sees that it is not whole
  if (const auto stream = std::exchange(stream_, {}))
    says_close_ = says_close_ || !stream->body_ended;
  written_ = Clock::now();
  is_sent_ = false;
  pace_.begin(written_);
  output_.emplace(std::move(response));
  held_output_ = output_->bytes();
  server_.output_bytes_ += held_output_;
  // Where room is scarce its first look tells already whether it moves.
  if (server_.output_bytes_ > limits::output_bytes / 2)
    pace_.look(written_, transferred_ - unsent_bytes(), least_progress);
  enter(Phase::writing, written_ + limits::write_timeout);
  write_piece();
  server_.bound_output();
}

void HttpServer::Connection::write_piece() {
  output_->take(piece_);
  if (!send_at_once())
    send_piece();
}

/// Most answers are one piece, which the kernel takes whole: the loop need not come back to them.
/// Where another request waits, its answer is not to be sent from within the end of this one.
bool HttpServer::Connection::send_at_once() {
  if (stream_ || !output_->is_taken() || !input_.empty())
    return false;
  const auto sent = ::send(socket_.native_handle(), piece_.data(), piece_.size(), MSG_NOSIGNAL);
  const auto size = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  transferred_ += static_cast<std::int64_t>(size);
  if (size < piece_.size()) {
    piece_.erase(0, size);  // that it has broken is found out by the next attempt
    return false;
  }
  on_written();
  return true;
}

void HttpServer::Connection::send_piece() {
  const auto self = shared_from_this();
  // As much at once as the kernel takes. Asio does not ask after the last part of a piece.
  const auto count = [self, before = transferred_](const std::error_code& error, std::size_t size) {
    self->transferred_ = before + static_cast<std::int64_t>(size);
    return error ? 0 : self->piece_.size();
  };
  asio::async_write(socket_, asio::buffer(piece_), count,
                    [self, count](const std::error_code& error, std::size_t size) {
                      count(error, size);
                      if (self->phase_ == Phase::closed)
                        return;
                      if (error)
                        return self->close();
                      if (self->stream_)
                        return self->on_held_sent();
                      return self->output_->is_taken() ? self->on_written() : self->write_piece();
                    });
}

void HttpServer::Connection::release_output() {
  server_.output_bytes_ -= std::exchange(held_output_, 0);
  output_.reset();
  std::string().swap(piece_);  // an assignment would keep its memory
}

void HttpServer::Connection::on_written() {
  release_output();
  if (says_close_)
    return linger();
  phase_ = Phase::idle;
  if (is_last_ && input_.empty()) {
    become_idle();
    return read_last();
  }
  read_request();
}

void HttpServer::Connection::linger() {
  std::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error || input_ended_)
    return close();
  enter(Phase::lingering, linger_timeout);
  if (!is_reading_)
    input_.clear();
  read_more();
}

}  // namespace mqtt_bridge
