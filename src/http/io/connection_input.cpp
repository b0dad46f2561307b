// What a connection reads: requests, one behind the other.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>
#include <variant>

#include <asio/write.hpp>
#include <sys/socket.h>

#include "base/limits/call.hpp"
#include "base/limits/http.hpp"
#include "http/access.hpp"
#include "http/io/connection.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kept_size = 16 * 1024;  // a connection's buffer that is larger is given back
constexpr std::size_t linger_bytes = 256 * 1024;  // of a peer that sends on behind its answer
// Once the server drains: how long a connection has on which nothing was ever sent.
constexpr auto drain_grace = 50ms;

}  // namespace

void HttpServer::Connection::read_more() {
  if (std::exchange(is_reading_, true))
    return;
  socket_.async_read_some(
      asio::buffer(first_read_),
      [self = shared_from_this()](const std::error_code& error, std::size_t size) {
        self->is_reading_ = false;
        if (self->phase_ == Phase::closed)
          return;
        if (error == asio::error::operation_aborted)
          return self->read_last();
        if (error)
          return error == asio::error::eof ? self->on_end_of_input() : self->on_broken();
        self->take(size);
      });
}

/// `size` bytes are in first_read_; if that is all its room, there may be more.
void HttpServer::Connection::take(std::size_t size) {
  input_.append(first_read_.data(), size);
  if (size == first_read_.size()) {
    std::error_code error;  // also when there is none yet; an end will be seen by the next read
    const std::size_t more = socket_.read_some(asio::buffer(server_.read_buffer_), error);
    input_.append(server_.read_buffer_.data(), more);
    size += more;
  }
  on_read(size);
}

/// What has been sent by now is answered; who never said anything has a moment to begin.
void HttpServer::Connection::read_last() {
  std::error_code error;
  const std::size_t size = socket_.read_some(asio::buffer(server_.read_buffer_), error);
  // Who used it before may just be sending the next request: that is the risk of a connection that
  // is kept, and the client is to send it again on another one (RFC 9112 9.3.1, 9.5).
  if (size == 0 && (is_used_ || error != asio::error::would_block))
    return close();
  set_deadline(std::min(deadline_.deadline(), Clock::now() + drain_grace));
  if (size == 0)
    return read_more();
  input_.append(server_.read_buffer_.data(), size);
  on_read(size);
}

void HttpServer::Connection::on_read(std::size_t size) {
  switch (phase_) {
    case Phase::idle:
    case Phase::head:
      return read_request();
    case Phase::body:
      return read_body();
    case Phase::lingering:
      input_.clear();
      lingered_ += size;
      return lingered_ > linger_bytes ? close() : read_more();
    case Phase::streaming:
    case Phase::writing:
      return give_piece();
    case Phase::answering:
    case Phase::closed:
      return;
  }
}

void HttpServer::Connection::watch_for_end() {
  const bool will_be_read = stream_ && !stream_->body_ended;
  if (will_be_read || std::exchange(is_watching_, true))
    return;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const std::error_code& error) {
    self->is_watching_ = false;
    const bool is_answering = self->phase_ == Phase::answering || self->stream_;
    if (error || !is_answering || !self->is_at_end())
      return;  // where the next request has come, the end behind it cannot be seen
    if (const auto request = self->pending_.lock())
      request->gone();
  });
}

/// Whether the peer sends nothing more; looks without reading.
bool HttpServer::Connection::is_at_end() {
  char byte = 0;
  const auto size = recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
}

/// The peer sends nothing more, but may well wait for the answer to what it sent.
void HttpServer::Connection::on_end_of_input() {
  input_ended_ = true;
  if (phase_ == Phase::head || phase_ == Phase::body) {
    return refuse(Problem::malformed_request, "the connection ended within the request");
  }
  if (stream_)
    return give_piece();
  close();
}

void HttpServer::Connection::on_broken() {
  // The peer is gone, so there is no answer to send; the service logs and counts the request.
  if (phase_ == Phase::head || phase_ == Phase::body)
    server_.service_.refuse(*request_, {Problem::malformed_request, "the connection broke", {}});
  close();
}

void HttpServer::Connection::become_idle() {
  idle_until_ = Clock::now() + limits::idle_timeout;
  enter(Phase::idle,
        is_sent_ ? idle_until_ : std::min(idle_until_, written_ + limits::write_timeout));
}

void HttpServer::Connection::read_request() {
  // An empty line before a request, or after one, is nothing (RFC 9112 2.2).
  constexpr std::string_view empty_lines = "\r\n\r\n";
  if (empty_lines.starts_with(input_)) {
    if (input_ended_ || (is_last_ && is_used_))
      return close();
    if (input_.capacity() > kept_size)
      input_.shrink_to_fit();
    become_idle();
    return read_more();
  }
  if (phase_ != Phase::head) {
    enter(Phase::head, server_.is_draining_ ? Duration(drain_patience) : limits::head_timeout);
    request_ = std::make_shared<Request>(weak_from_this());
    request_->arrived = Clock::now();
    pace_.begin(request_->arrived);
    request_->from = from_;
    request_->user = user_;
    is_used_ = true;
  }
  const auto parsed = parse_http_head(input_);
  if (const auto* bad = std::get_if<BadHead>(&parsed))
    return refuse(bad->problem, bad->detail);
  if (const auto* head = std::get_if<HttpHead>(&parsed))
    return begin_request(*head);
  if (input_ended_)
    return on_end_of_input();
  if (reserve_input(input_.size()))
    read_more();
}

void HttpServer::Connection::begin_request(const HttpHead& head) {
  request_->set_head(head);
  const Caller caller{.via = via_,
                      .host = head.authority,
                      .origin = head.field("Origin"),
                      .sec_fetch_site = head.field("Sec-Fetch-Site"),
                      .user = user_,
                      .own_address = own_address_};
  if (const auto forbidden = server_.service_.why_forbidden(caller)) {
    return refuse(forbidden->problem, forbidden->why);
  }
  framing_ = head.framing;
  content_length_ = head.content_length;
  takes_pieces_ = server_.service_.takes_pieces(*request_);
  if (content_length_ > limits::payload_bytes && !takes_pieces_) {
    return refuse(Problem::payload_too_large, "the body is longer than this bridge takes");
  }
  request_->keep_alive = head.keep_alive && !is_last_;
  is_last_ = !request_->keep_alive;
  const bool wants_to_be_asked = head.expect_continue;
  input_.erase(0, head.bytes);
  const bool is_whole = framing_ == HttpHead::Framing::none ||
                        (framing_ == HttpHead::Framing::length && input_.size() >= content_length_);
  if ((!is_whole || takes_pieces_) && refuse_early())
    return;
  chunked_.reset();
  if (framing_ == HttpHead::Framing::chunked)
    chunked_.emplace(limits::payload_bytes);
  enter(Phase::body, server_.is_draining_ ? Clock::now() + drain_patience
                                          : request_->arrived + limits::request_timeout);
  if (!wants_to_be_asked || !input_.empty())
    return read_body();
  static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  is_asking_ = true;
  asio::async_write(socket_, asio::buffer(go_on),
                    [self = shared_from_this()](const std::error_code& error, std::size_t) {
                      self->is_asking_ = false;
                      if (self->phase_ != Phase::body)
                        return;
                      return error ? self->close() : self->read_body();
                    });
}

/// Whether the service refuses the request by its head alone; then that answer is sent.
bool HttpServer::Connection::refuse_early() {
  const bool keeps_alive = std::exchange(request_->keep_alive, false);
  auto response = server_.service_.refuse_early(*request_);
  request_->keep_alive = keeps_alive;
  if (!response)
    return false;
  is_last_ = says_close_ = true;
  write(*std::move(response));
  return true;
}

/// Counts what has come of a large request; false when there is no room for it, and it was refused.
bool HttpServer::Connection::reserve_input(std::size_t held) {
  if (held <= first_read_size || held <= reserved_)
    return true;
  if (!server_.make_input_room(held - reserved_, *this)) {
    refuse(Problem::overloaded, "too many large requests are arriving");
    return false;
  }
  if (reserved_ == 0)
    move_behind(server_.arriving_);
  server_.input_bytes_ += held - reserved_;
  reserved_ = held;
  return true;
}

bool HttpServer::Connection::reserve_body() {
  const std::size_t held = input_.size() + request_->body.size();
  // At once, so that growing does not double it; pages that nothing is written to cost nothing.
  if (held > kept_size && framing_ == HttpHead::Framing::length)
    input_.reserve(content_length_);
  else if (held > kept_size)
    request_->body.reserve(limits::payload_bytes);
  return reserve_input(held);
}

void HttpServer::Connection::release_input() {
  server_.input_bytes_ -= std::exchange(reserved_, 0);
}

/// What came behind the request in hand waits for its turn, in as little memory as it takes. Where
/// there is no room for it, the connection closes instead, and the client sends it again (RFC
/// 9112 9.3.1).
void HttpServer::Connection::keep_the_rest() {
  if (input_.capacity() > kept_size)
    input_.shrink_to_fit();
  if (input_.size() <= first_read_size)
    return;
  if (server_.input_bytes_ + input_.size() > limits::input_bytes) {
    input_.clear();
    input_.shrink_to_fit();
    is_last_ = true;
    request_->keep_alive = false;
    return;
  }
  reserved_ = input_.size();
  server_.input_bytes_ += reserved_;
}

void HttpServer::Connection::read_body() {
  if (takes_pieces_)
    return begin_stream();
  switch (framing_) {
    case HttpHead::Framing::none:
      return finish_request();
    case HttpHead::Framing::length:
      if (input_.size() < content_length_) {
        if (!reserve_body())
          return;
        break;
      }
      if (input_.size() == content_length_ && content_length_ > kept_size) {
        request_->body = std::exchange(input_, {});
      } else {
        request_->body = input_.substr(0, content_length_);
        input_.erase(0, content_length_);
      }
      return finish_request();
    case HttpHead::Framing::chunked:
      if (!read_chunked_body())
        break;
      return;
  }
  if (input_ended_)
    return on_end_of_input();
  read_more();
}

/// False when it needs more input, and there is room for it.
bool HttpServer::Connection::read_chunked_body() {
  const auto [consumed, outcome] = chunked_->decode(input_, request_->body);
  input_.erase(0, consumed);
  if (std::holds_alternative<NeedMore>(outcome))
    return !reserve_body();
  if (const auto* bad = std::get_if<BadBody>(&outcome)) {
    refuse(bad->problem, bad->detail);
  } else {
    finish_request();
  }
  return true;
}

void HttpServer::Connection::finish_request() {
  release_input();
  keep_the_rest();
  // The service has deadlines of its own; this one is for the case that it has a fault.
  enter(Phase::answering, limits::max_timeout + 2 * limits::write_timeout);
  pending_ = request_;
  server_.service_.on_request(std::exchange(request_, {}));
}

}  // namespace mqtt_bridge
