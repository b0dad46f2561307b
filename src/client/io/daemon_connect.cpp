#include "client/io/daemon_connect.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <future>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "os/error_text.hpp"

namespace mqtt_bridge {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

milliseconds until(Instant deadline) {
  return std::max(0ms, std::chrono::ceil<milliseconds>(deadline - Clock::now()));
}

std::string why_none(const Connection& connection) {
  return connection.unresolved.empty() ? error_text(connection.error) : connection.unresolved;
}

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
    if (ready == 0 && Clock::now() >= deadline) {
      return 0;
    }
  }
}

namespace {

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
    while (Clock::now() < deadline) {
      if (!waiting_.empty() && Clock::now() >= next_start_) {
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
      next_start_ = Clock::now() + head_start;
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
        next_start_ = Clock::now();
      }
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  std::span<const TcpAddress> waiting_;
  std::vector<Socket> running_;
  Instant next_start_ = Clock::now();
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

}  // namespace

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

}  // namespace mqtt_bridge
