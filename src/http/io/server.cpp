#include "http/io/server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/limits.hpp"
#include "http/access.hpp"
#include "http/chunked.hpp"
#include "http/head.hpp"
#include "http/pace.hpp"
#include "http/response_writer.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Socket = asio::generic::stream_protocol::socket;

// What most requests fit into, kept for each connection; the rest comes into one buffer for all.
constexpr std::size_t first_read_size = 2 * 1024;
constexpr std::size_t read_size = 64 * 1024;
constexpr std::size_t kept_size = 16 * 1024;  // a connection's buffer that is larger is given back
constexpr auto sweep_interval = 50ms;         // at least, between two looks at deadlines
constexpr int swept_at_once = 128;            // so that others are served in between
constexpr int accepted_at_once = 64;          // likewise
// What moves less than this in that time makes room for others, when there is no room.
constexpr std::int64_t least_progress = 16 * 1024;
constexpr Duration stall_patience = 250ms;
// How long, and for how much, an answered peer that still sends is listened to: closing at once
// would reset the connection and could take the answer with it (RFC 9112 9.6).
constexpr auto linger_timeout = 500ms;
constexpr std::size_t linger_bytes = 256 * 1024;
constexpr auto pause_without_room = 100ms;
constexpr auto complaint_interval = 10s;
// How long a caller has, once the front drains, who has connected and not yet said a word.
constexpr auto drain_grace = 50ms;
// The same for one within a request.
constexpr auto drain_patience = 2s;

std::optional<std::uint32_t> user_of(int unix_socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(unix_socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return std::nullopt;
  return peer.uid;
}

/// Whether the connection that accept4() was to give has ended, so that the next one may be asked
/// for (accept(2)). Any other error, that of a filter, say, would come again at once.
bool ended_before_we_came(int error) {
  constexpr std::array errors{EINTR,     ECONNABORTED, ECONNRESET,  EPROTO,
                              ENETDOWN,  ENOPROTOOPT,  EHOSTDOWN,   ENONET,
                              ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EOPNOTSUPP};
  return std::find(errors.begin(), errors.end(), error) != errors.end();
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

// One connection ------------------------------------------------------------------------------

class HttpFront::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(HttpFront& front, Socket socket, Caller::Via via)
      : front_(front),
        socket_(std::move(socket)),
        via_(via),
        user_(via == Caller::Via::tcp ? std::nullopt : user_of(socket_.native_handle())),
        from_(user_ ? "uid:" + std::to_string(*user_) : "tcp"),
        own_address_(via == Caller::Via::tcp ? own_address_of(socket_.native_handle()) : "") {
    socket_.non_blocking(true);
  }

  /// REQUIRES: it is the last one of `list`.
  void start(Connections& list);
  void close();
  /// Closes it, and lets the kernel drop what the peer has not read.
  void abort();
  /// Ends what took too long.
  void on_deadline(Instant now);
  /// Answers what has come, then closes.
  void drain();
  /// When its large request or answer was last looked at.
  Instant looked() const { return pace_.looked(); }
  /// Whether more of its request has come since it was last looked at. If so it goes behind the
  /// others.
  bool is_arriving(Instant now);
  /// The same of what the peer has read of its answer.
  bool is_being_read(Instant now);
  void refuse(Problem problem, std::string_view detail);

 private:
  enum class Phase { idle, head, body, answering, writing, lingering, closed };

  class Request : public HttpRequest {
   public:
    explicit Request(std::weak_ptr<Connection> connection) : connection_(std::move(connection)) {}
    void answer(HttpResponse response) override {
      if (const auto connection = std::exchange(connection_, {}).lock()) {
        connection->says_close_ = !keep_alive;
        connection->write(std::move(response));
      }
    }

   private:
    std::weak_ptr<Connection> connection_;
  };

  void enter(Phase phase, Duration patience) { enter(phase, Clock::now() + patience); }
  void enter(Phase phase, Instant deadline);
  Connections& list_for(Phase phase);
  void move_behind(Connections& list);
  void set_deadline(Instant deadline);
  void become_idle();
  void end_idle();
  void take(std::size_t size);
  void stop_reading();
  void read_last();
  void read_more();
  void on_read(std::size_t size);
  void on_end_of_input();
  void on_broken();
  void read_request();
  void begin_request(const HttpHead& head);
  void read_body();
  bool read_chunked_body();
  bool reserve_input(std::size_t held);
  bool reserve_body();
  void release_input();
  void keep_the_rest();
  void finish_request();
  bool refuse_early();
  void write(HttpResponse response);
  void write_piece();
  void on_written();
  void release_output();
  void linger();
  int unsent_bytes();

  HttpFront& front_;
  Socket socket_;
  const Caller::Via via_;
  const std::optional<std::uint32_t> user_;
  const std::string from_;
  const std::string own_address_;

  Phase phase_ = Phase::idle;
  Connections* list_ = nullptr;  // of HttpFront
  Connections::iterator place_;  // in it
  Deadlines<Connection>::Entry deadline_{*this};
  Instant idle_until_{};
  Pace pace_;                                     // of the large request or the answer in hand
  std::array<char, first_read_size> first_read_;  // not to be touched while is_reading_
  std::string input_;                             // received, not consumed
  bool is_reading_ = false;
  bool input_ended_ = false;
  bool is_last_ = false;     // close after the answer in hand
  bool says_close_ = false;  // that answer does
  bool is_used_ = false;     // there has been a request
  bool is_asking_ = false;   // "100 Continue" is on its way

  std::shared_ptr<Request> request_;  // on its way in
  std::weak_ptr<Request> pending_;    // with the service
  HttpHead::Framing framing_ = HttpHead::Framing::none;
  std::size_t content_length_ = 0;
  std::size_t reserved_ = 0;  // of HttpFront::input_bytes_
  std::optional<ChunkedBody> chunked_;

  std::optional<ResponseWriter> output_;
  std::string piece_;             // of it, which is being written
  std::size_t held_output_ = 0;   // of HttpFront::output_bytes_
  Instant written_{};             // when the last answer was begun
  bool is_sent_ = true;           // the peer's kernel has taken all of it
  std::int64_t transferred_ = 0;  // to our kernel, of all answers
  std::size_t lingered_ = 0;
};

void HttpFront::Connection::start(Connections& list) {
  list_ = &list;
  place_ = std::prev(list.end());
  read_request();
}

void HttpFront::Connection::enter(Phase phase, Instant deadline) {
  phase_ = phase;
  move_behind(list_for(phase));
  set_deadline(deadline);
}

HttpFront::Connections& HttpFront::Connection::list_for(Phase phase) {
  switch (phase) {
    case Phase::idle:
    case Phase::head:
      return reserved_ > 0 ? front_.arriving_ : front_.dispensable_;
    case Phase::body:
      return reserved_ > 0 ? front_.arriving_ : front_.others_;
    case Phase::writing:
      return front_.writing_;
    case Phase::answering:
    case Phase::lingering:
    case Phase::closed:
      break;
  }
  return front_.others_;
}

void HttpFront::Connection::move_behind(Connections& list) {
  list.splice(list.end(), *std::exchange(list_, &list), place_);
}

void HttpFront::Connection::set_deadline(Instant deadline) {
  front_.deadlines_.set(deadline_, deadline);
  front_.set_timer();
}

void HttpFront::Connection::close() {
  if (phase_ == Phase::closed)
    return;
  phase_ = Phase::closed;
  const auto self = shared_from_this();
  front_.deadlines_.remove(deadline_);
  std::error_code ignored;
  socket_.close(ignored);
  release_input();
  release_output();
  list_->erase(place_);
  if (front_.connections() == 0 && front_.doors_.empty() && front_.on_empty_)
    std::exchange(front_.on_empty_, {})();
}

void HttpFront::Connection::abort() {
  std::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

void HttpFront::Connection::on_deadline(Instant now) {
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
      ++front_.unread_.timed_out;
      return abort();
    case Phase::writing:
      ++front_.unread_.timed_out;
      return abort();
    case Phase::answering:
    case Phase::lingering:
      return close();
    case Phase::closed:
      return;
  }
}

void HttpFront::Connection::end_idle() {
  is_used_ = is_last_ = true;
  stop_reading();
}

bool HttpFront::Connection::is_arriving(Instant now) {
  move_behind(front_.arriving_);
  return pace_.look(now, static_cast<std::int64_t>(reserved_), least_progress);
}

bool HttpFront::Connection::is_being_read(Instant now) {
  move_behind(front_.writing_);
  return pace_.look(now, transferred_ - unsent_bytes(), least_progress);
}

int HttpFront::Connection::unsent_bytes() {
  int count = 0;
  return ioctl(socket_.native_handle(), SIOCOUTQ, &count) == 0 ? count : 0;
}

void HttpFront::Connection::read_more() {
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
void HttpFront::Connection::take(std::size_t size) {
  input_.append(first_read_.data(), size);
  if (size == first_read_.size()) {
    std::error_code error;  // also when there is none yet; an end will be seen by the next read
    const std::size_t more = socket_.read_some(asio::buffer(front_.read_buffer_), error);
    input_.append(front_.read_buffer_.data(), more);
    size += more;
  }
  on_read(size);
}

void HttpFront::Connection::drain() {
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
void HttpFront::Connection::stop_reading() {
  std::error_code ignored;
  socket_.cancel(ignored);
}

/// What has been sent by now is answered; who never said anything has a moment to begin.
void HttpFront::Connection::read_last() {
  std::error_code error;
  const std::size_t size = socket_.read_some(asio::buffer(front_.read_buffer_), error);
  // Who used it before may just be sending the next request: that is the risk of a connection that
  // is kept, and the client is to send it again on another one (RFC 9112 9.3.1, 9.5).
  if (size == 0 && (is_used_ || error != asio::error::would_block))
    return close();
  set_deadline(std::min(deadline_.deadline(), Clock::now() + drain_grace));
  if (size == 0)
    return read_more();
  input_.append(front_.read_buffer_.data(), size);
  on_read(size);
}

void HttpFront::Connection::on_read(std::size_t size) {
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
    case Phase::answering:
    case Phase::writing:
    case Phase::closed:
      return;
  }
}

/// The peer sends nothing more, but may well wait for the answer to what it sent.
void HttpFront::Connection::on_end_of_input() {
  input_ended_ = true;
  if (phase_ == Phase::head || phase_ == Phase::body) {
    return refuse(Problem::malformed_request, "the connection ended within the request");
  }
  close();
}

void HttpFront::Connection::on_broken() {
  // Nobody is there to be answered, but it is to be known of.
  if (phase_ == Phase::head || phase_ == Phase::body)
    front_.service_.refuse(*request_, {Problem::malformed_request, "the connection broke", {}});
  close();
}

void HttpFront::Connection::become_idle() {
  idle_until_ = Clock::now() + limits::idle_timeout;
  enter(Phase::idle,
        is_sent_ ? idle_until_ : std::min(idle_until_, written_ + limits::write_timeout));
}

void HttpFront::Connection::read_request() {
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
    enter(Phase::head, front_.is_draining_ ? Duration(drain_patience) : limits::head_timeout);
    request_ = std::make_shared<Request>(weak_from_this());
    request_->arrived = Clock::now();
    pace_.begin(request_->arrived);
    request_->from = from_;
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

void HttpFront::Connection::begin_request(const HttpHead& head) {
  request_->set_head(head);
  const Caller caller{.via = via_,
                      .host = head.authority,
                      .origin = head.field("Origin"),
                      .sec_fetch_site = head.field("Sec-Fetch-Site"),
                      .user = user_,
                      .own_address = own_address_};
  if (const auto forbidden = front_.service_.why_forbidden(caller)) {
    return refuse(forbidden->problem, forbidden->why);
  }
  framing_ = head.framing;
  content_length_ = head.content_length;
  if (content_length_ > limits::payload_bytes) {
    return refuse(Problem::payload_too_large, "the body is longer than this bridge takes");
  }
  request_->keep_alive = head.keep_alive && !is_last_;
  is_last_ = !request_->keep_alive;
  const bool wants_to_be_asked = head.expect_continue;
  input_.erase(0, head.bytes);
  const bool is_whole = framing_ == HttpHead::Framing::none ||
                        (framing_ == HttpHead::Framing::length && input_.size() >= content_length_);
  if (!is_whole && refuse_early())
    return;
  chunked_.reset();
  if (framing_ == HttpHead::Framing::chunked)
    chunked_.emplace(limits::payload_bytes);
  enter(Phase::body, front_.is_draining_ ? Clock::now() + drain_patience
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

/// Whom the service refuses whatever the body is.
bool HttpFront::Connection::refuse_early() {
  const bool keeps_alive = std::exchange(request_->keep_alive, false);
  auto response = front_.service_.refuse_early(*request_);
  request_->keep_alive = keeps_alive;
  if (!response)
    return false;
  is_last_ = says_close_ = true;
  write(*std::move(response));
  return true;
}

/// Counts what has come of a large request; false when there is no room for it, and it was refused.
bool HttpFront::Connection::reserve_input(std::size_t held) {
  if (held <= first_read_size || held <= reserved_)
    return true;
  if (!front_.make_input_room(held - reserved_, *this)) {
    refuse(Problem::overloaded, "too many large requests are arriving");
    return false;
  }
  if (reserved_ == 0)
    move_behind(front_.arriving_);
  front_.input_bytes_ += held - reserved_;
  reserved_ = held;
  return true;
}

bool HttpFront::Connection::reserve_body() {
  const std::size_t held = input_.size() + request_->body.size();
  // At once, so that growing does not double it; pages that nothing is written to cost nothing.
  if (held > kept_size && framing_ == HttpHead::Framing::length)
    input_.reserve(content_length_);
  else if (held > kept_size)
    request_->body.reserve(limits::payload_bytes);
  return reserve_input(held);
}

void HttpFront::Connection::release_input() {
  front_.input_bytes_ -= std::exchange(reserved_, 0);
}

/// What came behind the request in hand waits for its turn, in as little memory as it takes. Where
/// there is no room for it, the connection closes instead, and the client sends it again (RFC
/// 9112 9.3.1).
void HttpFront::Connection::keep_the_rest() {
  if (input_.capacity() > kept_size)
    input_.shrink_to_fit();
  if (input_.size() <= first_read_size)
    return;
  if (front_.input_bytes_ + input_.size() > limits::input_bytes) {
    input_.clear();
    input_.shrink_to_fit();
    is_last_ = true;
    request_->keep_alive = false;
    return;
  }
  reserved_ = input_.size();
  front_.input_bytes_ += reserved_;
}

void HttpFront::Connection::read_body() {
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
bool HttpFront::Connection::read_chunked_body() {
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

void HttpFront::Connection::finish_request() {
  release_input();
  keep_the_rest();
  // The service has deadlines of its own; this one is for the case that it has a fault.
  enter(Phase::answering, limits::max_timeout + 2 * limits::write_timeout);
  pending_ = request_;
  front_.service_.on_request(std::exchange(request_, {}));
}

void HttpFront::Connection::refuse(Problem problem, std::string_view detail) {
  is_last_ = says_close_ = true;
  release_input();
  // What could not be read may still have been a HEAD, whose answer has no content (RFC
  // 9110 9.3.2).
  if (request_->head.empty() && input_.starts_with("HEAD "))
    request_->method = "HEAD";
  auto response = front_.service_.refuse(*request_, Failure{problem, std::string(detail), {}});
  if (is_asking_)  // for the body; another write must not get into that one
    return close();
  write(std::move(response));
}

void HttpFront::Connection::write(HttpResponse response) {
  if (phase_ == Phase::closed)
    return;
  written_ = Clock::now();
  is_sent_ = false;
  pace_.begin(written_);
  output_.emplace(std::move(response));
  held_output_ = output_->bytes();
  front_.output_bytes_ += held_output_;
  enter(Phase::writing, written_ + limits::write_timeout);
  write_piece();
  front_.bound_output();
}

void HttpFront::Connection::write_piece() {
  output_->take(piece_);
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
                      return self->output_->is_taken() ? self->on_written() : self->write_piece();
                    });
}

void HttpFront::Connection::release_output() {
  front_.output_bytes_ -= std::exchange(held_output_, 0);
  output_.reset();
  std::string().swap(piece_);  // an assignment would keep its memory
}

void HttpFront::Connection::on_written() {
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

void HttpFront::Connection::linger() {
  std::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error || input_ended_)
    return close();
  enter(Phase::lingering, linger_timeout);
  if (!is_reading_)
    input_.clear();
  read_more();
}

// The front -----------------------------------------------------------------------------------

struct HttpFront::Door {
  Door(asio::io_context& loop, std::unique_ptr<Listener> the_listener)
      : listener(std::move(the_listener)), readable(loop, listener->descriptor()), pause(loop) {}
  ~Door() { readable.release(); }  // the listener closes it

  /// Not for each attempt: the next ones will fail alike.
  void complain(int error) {
    const auto now = Clock::now();
    if (now < next_complaint)
      return;
    next_complaint = now + complaint_interval;
    spdlog::warn("cannot accept a connection on {}: {}", listener->name(),
                 std::generic_category().message(error));
  }

  std::unique_ptr<Listener> listener;
  asio::posix::stream_descriptor readable;
  asio::steady_timer pause;
  Instant next_complaint{};
};

HttpFront::HttpFront(asio::io_context& loop, Service& service, std::size_t most_connections)
    : loop_(loop),
      service_(service),
      most_connections_(most_connections),
      timer_(loop),
      read_buffer_(read_size),
      output_timer_(loop) {}

HttpFront::~HttpFront() {
  stop();
}

void HttpFront::listen(std::unique_ptr<Listener> listener) {
  doors_.push_back(std::make_unique<Door>(loop_, std::move(listener)));
  wait_at(*doors_.back());
}

void HttpFront::wait_at(Door& door) {
  door.readable.async_wait(asio::posix::stream_descriptor::wait_read,
                           [this, &door](const std::error_code& error) {
                             if (!error && !is_draining_)  // else the door may be gone
                               accept_from(door);
                           });
}

void HttpFront::accept_from(Door& door) {
  for (int count = 0; connections() < most_connections_ || !dispensable_.empty(); ++count) {
    if (count >= accepted_at_once && !is_draining_)
      return wait_at(door);
    const int accepted =
        accept4(door.listener->descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted < 0 && errno == EAGAIN)
      return wait_at(door);
    if (accepted < 0 && errno == EINVAL)
      return;  // it admits no more
    if (accepted < 0 && ended_before_we_came(errno))
      continue;
    if (accepted < 0 || !take_in(door, accepted)) {
      door.complain(errno);
      break;
    }
  }
  pause(door);
}

/// False when there is no room for it, and it was closed.
bool HttpFront::take_in(Door& door, int accepted) {
  const bool is_tcp = door.listener->via() == Caller::Via::tcp;
  Socket socket(loop_);
  std::error_code error;
  socket.assign(asio::generic::stream_protocol(is_tcp ? AF_INET : AF_UNIX, 0), accepted, error);
  if (error) {
    ::close(accepted);
    errno = error.value();
    return false;
  }
  if (is_tcp) {
    const int on = 1;
    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  // Connections on which nothing happens must not keep others out.
  if (connections() >= most_connections_) {
    const auto longest_idle = dispensable_.front();
    longest_idle->close();
  }
  auto connection = std::make_shared<Connection>(*this, std::move(socket), door.listener->via());
  dispensable_.push_back(connection);
  connection->start(dispensable_);
  if (is_draining_)
    connection->drain();
  return true;
}

/// Whether there is room for so many bytes more of a large request: those that do not go on
/// arriving make it, the one that was looked at the longest ago first.
bool HttpFront::make_input_room(std::size_t bytes, const Connection& newcomer) {
  const auto now = Clock::now();
  while (input_bytes_ + bytes > limits::input_bytes) {
    if (arriving_.empty())
      return false;
    const auto stalled = arriving_.front();
    if (stalled.get() == &newcomer || now - stalled->looked() < stall_patience)
      return false;
    if (!stalled->is_arriving(now))
      stalled->refuse(Problem::overloaded,
                      "this request arrives too slowly while others need room");
  }
  return true;
}

/// The same for answers that are not being read. The more there is of them, the shorter the
/// patience.
void HttpFront::bound_output() {
  while (output_bytes_ > limits::output_bytes) {
    const auto now = Clock::now();
    const auto patience = stall_patience * static_cast<Duration::rep>(limits::output_bytes) /
                          static_cast<Duration::rep>(output_bytes_);
    const auto unread = writing_.front();
    if (now - unread->looked() < patience)
      return set_output_timer(unread->looked() + patience);
    if (!unread->is_being_read(now)) {
      ++unread_.made_room;
      unread->abort();
    }
  }
}

void HttpFront::set_output_timer(Instant at) {
  if (output_timer_set_for_ && *output_timer_set_for_ <= at)
    return;
  output_timer_set_for_ = at;
  output_timer_.expires_at(at);
  output_timer_.async_wait([this](const std::error_code& error) {
    if (error)
      return;
    output_timer_set_for_.reset();
    bound_output();
  });
}

/// No room for another connection: leaves the callers in the backlog for a while.
void HttpFront::pause(Door& door) {
  door.pause.expires_after(pause_without_room);
  door.pause.async_wait([this, &door](const std::error_code& error) {
    if (!error && !is_draining_)
      wait_at(door);
  });
}

/// Calls sweep() in time for the next deadline.
void HttpFront::set_timer() {
  const auto next = deadlines_.next();
  if (!next)
    return;
  const Instant at = std::max(*next, swept_ + sweep_interval);
  if (timer_set_for_ && *timer_set_for_ <= at)
    return;
  timer_set_for_ = at;
  timer_.expires_at(at);
  timer_.async_wait([this](const std::error_code& error) {
    if (!error)
      sweep();
  });
}

/// Ends what took too long.
void HttpFront::sweep() {
  const auto now = Clock::now();
  timer_set_for_ = now;  // not by those that are swept
  int count = 0;
  for (; count < swept_at_once; ++count) {
    Connection* const due = deadlines_.take_due(now);
    if (due == nullptr)
      break;
    const auto connection = due->shared_from_this();
    connection->on_deadline(now);
  }
  swept_ =
      count < swept_at_once ? now : Instant{};  // the others as soon as the loop has had a turn
  timer_set_for_.reset();
  set_timer();
}

void HttpFront::drain() {
  is_draining_ = true;
  empty_doors();
  // Once more, for those that were within TCP's handshake.
  asio::post(loop_, [this] {
    empty_doors();
    doors_.clear();
    if (connections() == 0 && on_empty_)
      std::exchange(on_empty_, {})();
  });
  for (const auto& connection : all())
    connection->drain();
}

/// Takes in all that wait, and lets nobody else come.
void HttpFront::empty_doors() {
  for (const auto& door : doors_) {
    if (door->listener->is_inherited())
      continue;
    if (!door->listener->admit_no_more()) {
      spdlog::warn("cannot keep new connections out of {} ({}): those that come now may be reset",
                   door->listener->name(), std::generic_category().message(errno));
    }
    accept_from(*door);
  }
}

void HttpFront::when_empty(std::function<void()> action) {
  if (connections() == 0 && doors_.empty())
    return action();
  on_empty_ = std::move(action);
}

void HttpFront::stop() {
  doors_.clear();
  timer_.cancel();
  output_timer_.cancel();
  on_empty_ = {};
  for (const auto& connection : all())
    connection->close();
}

std::size_t HttpFront::connections() const {
  return dispensable_.size() + arriving_.size() + writing_.size() + others_.size();
}

std::vector<std::shared_ptr<HttpFront::Connection>> HttpFront::all() const {
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto* const list : {&dispensable_, &arriving_, &writing_, &others_})
    all.insert(all.end(), list->begin(), list->end());
  return all;
}

}  // namespace mqtt_bridge
