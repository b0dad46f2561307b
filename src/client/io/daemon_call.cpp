#include "client/io/daemon_call.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>
#include <limits>
#include <memory>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "mqtt/broker_url.hpp"

namespace mqtt_bridge {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr std::string_view system_socket = "/run/mqtt-bridge/bridge.sock";
constexpr std::uint16_t default_port = 8426;
constexpr auto answer_margin = 1s;
constexpr auto default_place_patience = 1s;

Instant now() {
  return std::chrono::steady_clock::now();
}

/// Rounded up, so that whoever waits this long does not wake too early; at least 0.
milliseconds until(Instant deadline) {
  return std::max(0ms, std::chrono::ceil<milliseconds>(deadline - now()));
}

std::string error_text(int error) {
  return std::generic_category().message(error);
}

/// A descriptor that is closed once; -1 is none.
class Socket {
 public:
  explicit Socket(int descriptor = -1) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }

  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

/// A socket, or why there is none.
struct Connection {
  Socket socket;
  int error = 0;
  std::string unresolved = {};  // instead of the error: what is wrong with the host's name
};

std::string why_none(const Connection& connection) {
  return connection.unresolved.empty() ? error_text(connection.error) : connection.unresolved;
}

/// The events that came by `deadline`; 0 when none did.
short wait_for(const Socket& socket, short events, Instant deadline) {
  pollfd waiting{socket.get(), events, 0};
  while (true) {
    const auto left =
        std::min<milliseconds::rep>(until(deadline).count(), std::numeric_limits<int>::max());
    const int ready = ::poll(&waiting, 1, static_cast<int>(left));
    if (ready > 0) {
      return waiting.revents;
    }
    if (ready < 0 && errno != EINTR) {
      return POLLERR;
    }
    if (ready == 0 && now() >= deadline) {
      return 0;
    }
  }
}

/// A Unix socket connects at once or, when the daemon's backlog is full, blocks; without blocking
/// it would fail with EAGAIN and could not be waited for. So the kernel keeps the deadline.
Connection connect_unix(const std::string& path, Instant deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return {Socket(), ENAMETOOLONG};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) {
    return {Socket(), errno};
  }
  const auto left = std::max(until(deadline), 1ms);  // 0 would mean for ever
  const timeval patience{left.count() / 1000, left.count() % 1000 * 1000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return {Socket(), errno == EAGAIN ? ETIMEDOUT : errno};
  }
  if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) {
    return {Socket(), errno};
  }
  return {std::move(socket), 0};
}

/// One TCP address, IPv4 or IPv6.
struct TcpAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

/// Begins to connect: the error is EINPROGRESS where that takes its time.
Connection begin_to_connect(const TcpAddress& address) {
  Socket socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) {
    return {Socket(), errno};
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* const target = reinterpret_cast<const sockaddr*>(&address.storage);
  const int error = ::connect(socket.get(), target, address.size) == 0 ? 0 : errno;
  return {std::move(socket), error == EINTR ? EINPROGRESS : error};
}

int error_of(const Socket& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

/// Connections to the addresses of one host, of which the first that comes about is wanted: an
/// address that swallows packets must not keep us from the next one (RFC 8305 5).
class Race {
 public:
  explicit Race(const std::vector<TcpAddress>& addresses) : waiting_(addresses) {}

  Connection run(Instant deadline) {
    while (now() < deadline) {
      if (!waiting_.empty() && now() >= next_start_) {
        start_next();
      } else if (running_.empty()) {
        return {Socket(), error_};
      } else {
        look(waiting_.empty() ? deadline : std::min(deadline, next_start_));
      }
      if (winner_) {
        return {std::move(winner_), 0};
      }
    }
    return {Socket(), ETIMEDOUT};
  }

 private:
  static constexpr auto head_start = 250ms;

  void start_next() {
    Connection begun = begin_to_connect(waiting_.front());
    waiting_ = waiting_.subspan(1);
    if (begun.error == 0) {
      winner_ = std::move(begun.socket);
    } else if (begun.error == EINPROGRESS) {
      running_.push_back(std::move(begun.socket));
      next_start_ = now() + head_start;
    } else {
      error_ = begun.error;
    }
  }

  /// Waits until one of those that run has connected or failed, or until `end`.
  void look(Instant end) {
    std::vector<pollfd> asked;
    for (const Socket& each : running_) {
      asked.push_back({each.get(), POLLOUT, 0});
    }
    const auto left = std::clamp<milliseconds::rep>(until(end).count(), 0, 60'000);
    ::poll(asked.data(), asked.size(), static_cast<int>(left));
    for (std::size_t i = asked.size(); i-- > 0;) {
      if (asked[i].revents == 0) {
        continue;
      }
      const int error = error_of(running_[i]);
      if (error == 0) {
        winner_ = std::move(running_[i]);
      } else {
        error_ = error;
        next_start_ = now();
      }
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  std::span<const TcpAddress> waiting_;
  std::vector<Socket> running_;
  Instant next_start_ = now();
  Socket winner_;
  int error_ = EHOSTUNREACH;  // the last one
};

std::optional<TcpAddress> numeric_address(const std::string& host, std::uint16_t port) {
  TcpAddress address;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof *v4;
    return address;
  }
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof *v6;
    return address;
  }
  return std::nullopt;
}

/// The addresses of a host, or what is wrong with its name.
struct LookUp {
  std::vector<TcpAddress> addresses;
  std::string fault = {};
};

LookUp look_up(const std::string& host, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (error != 0) {
    return {{}, "cannot find the address of host '" + host + "': " + ::gai_strerror(error)};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  LookUp result;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    TcpAddress& address = result.addresses.emplace_back();
    address.size = each->ai_addrlen;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
  }
  return result;
}

/// getaddrinfo() knows no deadline, so a thread is left alone with it when time is up; the process
/// soon ends or execs. Loopback is never asked for (RFC 6761 6.3).
LookUp resolve(const std::string& host, std::uint16_t port, Instant deadline) {
  if (const auto address = numeric_address(host, port)) {
    return {{*address}};
  }
  if (host == "localhost") {
    return {{*numeric_address("127.0.0.1", port), *numeric_address("::1", port)}};
  }
  std::packaged_task<LookUp()> task([host, port] { return look_up(host, port); });
  auto found = task.get_future();
  std::thread(std::move(task)).detach();
  if (found.wait_until(deadline) != std::future_status::ready) {
    return {{}, "the look-up of the address of host '" + host + "' takes too long"};
  }
  return found.get();
}

/// When to give up connecting to `place`. By default at half of what is left, so that enough is
/// left to go another way; for the one that the user chose there is no other.
Instant connect_deadline(const DaemonPlace& place, Instant call_deadline) {
  if (place.chosen == DaemonPlace::Chosen::by_user) {
    return call_deadline;
  }
  return now() + std::min<milliseconds>(until(call_deadline) / 2, default_place_patience);
}

Connection connect_to(const DaemonPlace& place, Instant deadline) {
  if (place.kind == DaemonPlace::Kind::unix_socket) {
    return connect_unix(place.path_or_host, deadline);
  }
  const LookUp found = resolve(place.path_or_host, place.port, deadline);
  if (!found.fault.empty()) {
    return {Socket(), EHOSTUNREACH, found.fault};
  }
  return Race(found.addresses).run(deadline);
}

/// Host and port as a URL and a Host field have them (RFC 3986 3.2.2).
std::string authority_of(const DaemonPlace& place) {
  const std::string& host = place.path_or_host;
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? '[' + host + ']' : host) + ':' + std::to_string(place.port);
}

/// The head and the body of one request, on their way out.
class Outgoing {
 public:
  Outgoing(std::string_view head, std::string_view body) : head_(head), body_(body) {}

  bool all_sent() const { return head_.empty() && body_.empty(); }

  /// Sends what the socket takes now. False when the connection takes no more, ever.
  bool send_some(const Socket& socket) {
    std::array<iovec, 2> parts{part(head_), part(body_)};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const auto sent = ::sendmsg(socket.get(), &message, MSG_NOSIGNAL);
    if (sent < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    const auto count = static_cast<std::size_t>(sent);
    const auto of_head = std::min(count, head_.size());
    head_.remove_prefix(of_head);
    body_.remove_prefix(count - of_head);
    return true;
  }

 private:
  static iovec part(std::string_view bytes) {
    return {const_cast<char*>(bytes.data()), bytes.size()};  // sendmsg() does not write to it
  }

  std::string_view head_;
  std::string_view body_;
};

enum class Received { some, nothing_yet, end };

Received receive_some(const Socket& socket, ReplyParser& parser) {
  std::array<char, 16 * 1024> buffer;
  const auto count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
  if (count < 0) {
    return errno == EAGAIN || errno == EINTR ? Received::nothing_yet : Received::end;
  }
  parser.feed({buffer.data(), static_cast<std::size_t>(count)});
  return count == 0 ? Received::end : Received::some;
}

enum class Ending { complete, malformed, closed, late };

/// Reads even while it still writes: the daemon may refuse a request before it has all of it, and
/// close, and that refusal is the answer.
Ending exchange(const Socket& socket, Outgoing& request, ReplyParser& parser, Instant deadline) {
  bool writable = true;
  while (true) {
    if (writable && !request.all_sent()) {
      writable = request.send_some(socket);
    }
    const bool sending = writable && !request.all_sent();
    const short events = static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN);
    const short ready = wait_for(socket, events, deadline);
    if (ready == 0) {
      return Ending::late;
    }
    if ((ready & ~POLLOUT) == 0) {
      continue;
    }
    const Received received = receive_some(socket, parser);
    switch (parser.state()) {
      case ReplyParser::State::complete:
        return Ending::complete;
      case ReplyParser::State::malformed:
        return Ending::malformed;
      case ReplyParser::State::need_more:
        break;
    }
    if (received == Received::end) {
      return Ending::closed;
    }
  }
}

constexpr std::string_view not_again =
    "; the request may have been carried out, so it is not sent again";

Broken closed(const std::string& where, Broken::Published published) {
  const std::string text = "mqtt_bridged at " + where + " closed the connection without an answer";
  const bool maybe = published == Broken::Published::maybe;
  return {published, ExitCode::failed, maybe ? text + std::string(not_again) : text};
}

Broken late(const std::string& where) {
  return {Broken::Published::maybe, ExitCode::no_answer,
          "mqtt_bridged at " + where + " did not answer in time" + std::string(not_again)};
}

Broken malformed(const std::string& where, std::string_view fault) {
  return {Broken::Published::maybe, ExitCode::failed,
          "something other than mqtt_bridged answers at " + where + " (" + std::string(fault) +
              "); name the daemon with --daemon, or use --direct"};
}

DaemonOutcome converse(const Socket& socket, const DaemonPlace& place, const ClientCall& call,
                       Instant call_deadline) {
  const bool is_unix = place.kind == DaemonPlace::Kind::unix_socket;
  const std::string host = is_unix ? "localhost" : authority_of(place);
  const auto time_left = std::max(until(call_deadline), 1ms);
  const std::string head = request_head(call, host, time_left);
  Outgoing request(head, call.message);
  ReplyParser parser;
  const Ending ending = exchange(socket, request, parser, call_deadline + answer_margin);
  switch (ending) {
    case Ending::complete:
      return Answered{parser.reply(), place};
    case Ending::malformed:
      return malformed(to_string(place), parser.fault());
    case Ending::late:
      return late(to_string(place));
    case Ending::closed:
      break;
  }
  // Only a whole request is carried out.
  return closed(to_string(place),
                request.all_sent() ? Broken::Published::maybe : Broken::Published::no);
}

}  // namespace

std::optional<DaemonPlace> parse_daemon_url(std::string_view url) {
  constexpr std::string_view http = "http://";
  constexpr std::string_view unix_scheme = "unix:";
  if (url.starts_with(unix_scheme)) {
    url.remove_prefix(unix_scheme.size());
    const bool fits = url.size() < sizeof(sockaddr_un::sun_path);
    if (url.empty() || !fits || url.find('\0') != std::string_view::npos) {
      return std::nullopt;
    }
    return DaemonPlace{DaemonPlace::Kind::unix_socket, std::string(url), 0,
                       DaemonPlace::Chosen::by_user};
  }
  if (!url.starts_with(http)) {
    return std::nullopt;
  }
  url.remove_prefix(http.size());
  if (url.ends_with('/')) {
    url.remove_suffix(1);
  }
  const auto parsed = parse_host_port(url, 0);
  const auto* const where = std::get_if<HostPort>(&parsed);
  if (where == nullptr || where->port == 0) {  // http's own default, 80, is never meant
    return std::nullopt;
  }
  return DaemonPlace{DaemonPlace::Kind::tcp, where->host, where->port,
                     DaemonPlace::Chosen::by_user};
}

std::string to_string(const DaemonPlace& place) {
  switch (place.kind) {
    case DaemonPlace::Kind::unix_socket:
      return "unix:" + place.path_or_host;
    case DaemonPlace::Kind::tcp:
      return "http://" + authority_of(place);
  }
  return {};
}

std::vector<DaemonPlace> default_daemon_places() {
  return {
      {DaemonPlace::Kind::unix_socket, std::string(system_socket), 0,
       DaemonPlace::Chosen::by_default},
      {DaemonPlace::Kind::tcp, "127.0.0.1", default_port, DaemonPlace::Chosen::by_default},
  };
}

DaemonOutcome call_daemon(const std::vector<DaemonPlace>& places, const ClientCall& call,
                          Instant started) {
  const Instant call_deadline = started + call.timeout;
  NothingListens nothing;
  for (const DaemonPlace& place : places) {
    const Connection connection = connect_to(place, connect_deadline(place, call_deadline));
    if (connection.socket) {
      return converse(connection.socket, place, call, call_deadline);
    }
    nothing.text += (nothing.text.empty() ? "" : "; ") + to_string(place) + ": ";
    nothing.text += why_none(connection);
    nothing.is_forbidden = nothing.is_forbidden || connection.error == EACCES;
  }
  return nothing;
}

}  // namespace mqtt_bridge
