#include "http/io/server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <utility>

#include <asio/generic/stream_protocol.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include "base/limits/http.hpp"
#include "http/io/connection.hpp"
#include "os/error_text.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t read_size = 64 * 1024;
constexpr auto sweep_interval = 50ms;  // at least, between two looks at deadlines
constexpr int swept_at_once = 128;     // so that others are served in between
constexpr int accepted_at_once = 64;   // likewise
// What moves too little in that time makes room for others, when there is no room.
constexpr Duration stall_patience = 250ms;
constexpr auto pause_without_room = 100ms;
constexpr auto complaint_interval = 10s;

/// Whether the connection that accept4() was to give has ended, so that the next one may be asked
/// for (accept(2)). Any other error, that of a filter, say, would come again at once.
bool ended_before_we_came(int error) {
  constexpr std::array errors{EINTR,     ECONNABORTED, ECONNRESET,  EPROTO,
                              ENETDOWN,  ENOPROTOOPT,  EHOSTDOWN,   ENONET,
                              ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EOPNOTSUPP};
  return std::find(errors.begin(), errors.end(), error) != errors.end();
}

}  // namespace

struct HttpServer::ListeningSocket {
  ListeningSocket(asio::io_context& loop, std::unique_ptr<Listener> the_listener)
      : listener(std::move(the_listener)), readable(loop, listener->descriptor()), pause(loop) {}
  ~ListeningSocket() { readable.release(); }  // the listener closes it

  /// Not for each attempt: the next ones will fail alike.
  void complain(int error) {
    const auto now = Clock::now();
    if (now < next_complaint)
      return;
    next_complaint = now + complaint_interval;
    spdlog::warn("cannot accept a connection on {}: {}", listener->name(), error_text(error));
  }

  std::unique_ptr<Listener> listener;
  asio::posix::stream_descriptor readable;
  asio::steady_timer pause;
  Instant next_complaint{};
};

HttpServer::HttpServer(asio::io_context& loop, Service& service, std::size_t most_connections)
    : loop_(loop),
      service_(service),
      most_connections_(most_connections),
      timer_(loop),
      read_buffer_(read_size),
      output_timer_(loop) {}

HttpServer::~HttpServer() {
  stop();
}

void HttpServer::listen(std::unique_ptr<Listener> listener) {
  sockets_.push_back(std::make_unique<ListeningSocket>(loop_, std::move(listener)));
  wait_at(*sockets_.back());
}

void HttpServer::wait_at(ListeningSocket& listening) {
  listening.readable.async_wait(asio::posix::stream_descriptor::wait_read,
                                [this, &listening](const std::error_code& error) {
                                  if (!error && !is_draining_)  // else it may be gone
                                    accept_from(listening);
                                });
}

void HttpServer::accept_from(ListeningSocket& listening) {
  for (int count = 0; connections() < most_connections_ || !dispensable_.empty(); ++count) {
    if (count >= accepted_at_once && !is_draining_)
      return wait_at(listening);
    const int accepted =
        accept4(listening.listener->descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted < 0 && errno == EAGAIN)
      return wait_at(listening);
    if (accepted < 0 && errno == EINVAL)
      return;  // it admits no more
    if (accepted < 0 && ended_before_we_came(errno))
      continue;
    if (accepted < 0 || !take_in(listening, accepted)) {
      listening.complain(errno);
      break;
    }
  }
  pause(listening);
}

/// False when there is no room for it, and it was closed.
bool HttpServer::take_in(ListeningSocket& listening, int accepted) {
  const bool is_tcp = listening.listener->via() == Caller::Via::tcp;
  Connection::Socket socket(loop_);
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
  auto connection =
      std::make_shared<Connection>(*this, std::move(socket), listening.listener->via());
  dispensable_.push_back(connection);
  connection->start(dispensable_);
  if (is_draining_)
    connection->drain();
  return true;
}

/// Whether there is room for so many bytes more of a large request: those that do not go on
/// arriving make it, the one that was looked at the longest ago first.
bool HttpServer::make_input_room(std::size_t bytes, const Connection& newcomer) {
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
void HttpServer::bound_output() {
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

void HttpServer::set_output_timer(Instant at) {
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
void HttpServer::pause(ListeningSocket& listening) {
  listening.pause.expires_after(pause_without_room);
  listening.pause.async_wait([this, &listening](const std::error_code& error) {
    if (!error && !is_draining_)
      wait_at(listening);
  });
}

/// Calls sweep() in time for the next deadline.
void HttpServer::set_timer() {
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
void HttpServer::sweep() {
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

void HttpServer::drain() {
  is_draining_ = true;
  empty_backlogs();
  // Once more, for those that were within TCP's handshake.
  asio::post(loop_, [this] {
    empty_backlogs();
    sockets_.clear();
    if (connections() == 0 && on_empty_)
      std::exchange(on_empty_, {})();
  });
  for (const auto& connection : all())
    connection->drain();
}

/// Accepts the connections that wait in the backlogs, and lets no further ones in.
void HttpServer::empty_backlogs() {
  for (const auto& listening : sockets_) {
    if (listening->listener->is_inherited())
      continue;
    if (!listening->listener->admit_no_more()) {
      spdlog::warn("cannot keep new connections out of {} ({}): those that come now may be reset",
                   listening->listener->name(), error_text(errno));
    }
    accept_from(*listening);
  }
}

void HttpServer::when_empty(std::function<void()> action) {
  if (connections() == 0 && sockets_.empty())
    return action();
  on_empty_ = std::move(action);
}

void HttpServer::stop() {
  sockets_.clear();
  timer_.cancel();
  output_timer_.cancel();
  on_empty_ = {};
  for (const auto& connection : all())
    connection->close();
}

std::size_t HttpServer::connections() const {
  return dispensable_.size() + arriving_.size() + writing_.size() + others_.size();
}

std::vector<std::shared_ptr<HttpServer::Connection>> HttpServer::all() const {
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto* const list : {&dispensable_, &arriving_, &writing_, &others_})
    all.insert(all.end(), list->begin(), list->end());
  return all;
}

}  // namespace mqtt_bridge
