// The load on every bridge alike: so many kept-alive HTTP connections, each of which sends its next
// call as soon as it has the answer to the last one. Every answer is checked against the text that
// was sent, and the time of every single call is kept.
//
//   bench_load --to PORT|PATH --connections N --seconds S [--warm-up S] [--payload BYTES]
//              [--slice S] [--calls N] [--query ?netid=%d] [--netids N] [--timeout S]
//              [--path /transform/uppercase] [--json yes]
//
// With --json the text is a member of an object, and the answer may have more members.
// Prints "begin" when the warm-up is over, then one line of JSON for each slice of the time, or one
// for all of it. With --calls each connection makes only so many calls, and the time ends when all
// have their answers.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "arguments.hpp"
#include "figures.hpp"
#include "raw_mqtt.hpp"

namespace {

using namespace bench;

int connect_to(const std::string& to) {
  sockaddr_storage address{};
  socklen_t size = 0;
  if (to.starts_with('/')) {
    auto& unix_address = reinterpret_cast<sockaddr_un&>(address);
    unix_address.sun_family = AF_UNIX;
    if (to.size() >= sizeof unix_address.sun_path) {
      errno = ENAMETOOLONG;
      give_up(to.c_str());
    }
    std::memcpy(unix_address.sun_path, to.c_str(), to.size() + 1);
    size = sizeof unix_address;
  } else {
    auto& tcp_address = reinterpret_cast<sockaddr_in&>(address);
    tcp_address.sin_family = AF_INET;
    tcp_address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(to.c_str())));
    tcp_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    size = sizeof tcp_address;
  }
  const int connected = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Many at once can fill the backlog of a unix socket, which then refuses instead of waiting.
  while (connect(connected, reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    if (errno != EAGAIN) {
      give_up("connect");
    }
    usleep(1000);
  }
  const int on = 1;
  setsockopt(connected, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(connected, F_SETFL, O_NONBLOCK);
  return connected;
}

// Where the body of an answer begins, and how long it is; incomplete: no body yet.
struct Head {
  std::size_t end = 0;
  std::size_t length = 0;
};

bool is_alike(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == y;
  });
}

Head parse_head(std::string_view received) {
  const std::size_t end = received.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return {};
  }
  constexpr std::string_view field = "\r\ncontent-length:";
  for (std::size_t at = received.find("\r\n"); at < end; at = received.find("\r\n", at + 2)) {
    if (!is_alike(received.substr(at, field.size()), field)) {
      continue;
    }
    at = received.find_first_not_of(' ', at + field.size());
    Head head{end + 4, 0};
    std::from_chars(received.data() + at, received.data() + end, head.length);
    return head;
  }
  errno = EPROTO;
  give_up("an answer without Content-Length");
}

struct Options {
  long payload;         // bytes of text; below 0: as few as tell the calls apart
  std::uint64_t calls;  // of each connection; 0: as many as fit into the time
  std::string query;
  int netids;
  std::string path;
  bool is_json;
};

class Connection {
 public:
  Connection(int socket, std::size_t number, const Options& options)
      : socket_(socket), number_(number), options_(options) {}

  int socket() const { return socket_; }
  Instant sent() const { return sent_; }
  bool is_waiting() const { return waiting_; }
  bool is_done() const { return options_.calls > 0 && count_ >= options_.calls; }

  void call() {
    std::string body = std::to_string(number_) + "-" + std::to_string(count_++) + " hello";
    if (options_.payload >= 0) {
      body.resize(static_cast<std::size_t>(options_.payload), 'x');
    }
    if (options_.is_json) {
      body = R"({"T":")" + body + R"("})";
    }
    std::string query;
    if (options_.netids > 0) {
      const auto netid = (number_ + count_ * 7919) % static_cast<std::size_t>(options_.netids);
      query = "?netid=n" + std::to_string(netid);
    } else {
      query = options_.query;
    }
    out_ = "POST " + options_.path + query +
           " HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
    expected_ = std::move(body);
    if (options_.is_json) {
      expected_.pop_back();  // the brace: other members may follow
    }
    for (char& c : expected_) {
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    in_.clear();
    head_ = {};
    written_ = 0;
    waiting_ = true;
    sent_ = Clock::now();
    write();
  }

  /// True when there is more to write and the socket takes no more.
  bool write() {
    while (written_ < out_.size()) {
      const ssize_t sent =
          send(socket_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EAGAIN) {
          return true;
        }
        give_up("send");
      }
      written_ += static_cast<std::size_t>(sent);
    }
    return false;
  }

  /// True when the answer is complete.
  bool read() {
    static char buffer[1 << 18];
    const ssize_t got = recv(socket_, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN) {
      return false;
    }
    if (got <= 0) {
      give_up("the bridge closed a connection");
    }
    in_.append(buffer, static_cast<std::size_t>(got));
    if (head_.end == 0) {
      head_ = parse_head(in_);
    }
    if (head_.end == 0 || in_.size() < head_.end + head_.length) {
      return false;
    }
    waiting_ = false;
    return true;
  }
  bool is_right() const {
    const std::size_t compared = options_.is_json ? expected_.size() : std::string::npos;
    return in_.compare(0, 12, "HTTP/1.1 200") == 0 && in_.size() == head_.end + head_.length &&
           in_.compare(head_.end, compared, expected_) == 0;
  }
  std::string failure() const { return in_.substr(0, 12) + ": " + in_.substr(head_.end); }

 private:
  int socket_;
  std::size_t number_;
  const Options& options_;
  std::uint64_t count_ = 0;
  bool waiting_ = false;
  Instant sent_;
  std::string out_;
  std::size_t written_ = 0;
  std::string in_;
  Head head_;
  std::string expected_;
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  const std::string to = arguments.text("--to", "8426");
  const auto count = static_cast<std::size_t>(arguments.number("--connections", 1));
  const Options options{arguments.number("--payload", -1),
                        static_cast<std::uint64_t>(arguments.number("--calls", 0)),
                        arguments.text("--query", ""),
                        static_cast<int>(arguments.number("--netids", 0)),
                        arguments.text("--path", "/transform/uppercase"),
                        !arguments.text("--json", "").empty()};
  const Duration patience = arguments.duration("--timeout", 10);
  const Duration length = arguments.duration("--seconds", 1);
  const Duration slice = arguments.duration("--slice", seconds(length));

  const int poll = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections;
  connections.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    connections.emplace_back(connect_to(to), i, options);
    epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].socket(), &event);
  }

  const auto watch = [&](std::size_t index, unsigned events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = index;
    epoll_ctl(poll, EPOLL_CTL_MOD, connections[index].socket(), &event);
  };
  const auto call = [&](std::size_t index) {
    connections[index].call();
    if (connections[index].write()) {
      watch(index, EPOLLIN | EPOLLOUT);
    }
  };

  const Instant from = Clock::now() + arguments.duration("--warm-up", 0);
  const Instant until = from + length;
  Instant slice_end = from + slice;
  Instant slice_start = from;
  Figures figures;
  double cpu = cpu_seconds();
  const auto print = [&](Instant end) {
    const double now_used = cpu_seconds();
    std::puts(figures.json(end - slice_start, now_used - cpu).c_str());
    std::fflush(stdout);
    figures.clear();
    cpu = now_used;
    slice_start = end;
  };

  bool has_begun = false;
  std::size_t waiting = count;
  for (std::size_t i = 0; i < count; ++i) {
    call(i);
  }
  Instant last_answer = Clock::now();
  epoll_event events[256];
  while (waiting > 0) {
    const int ready = epoll_wait(poll, events, 256, 1000);
    Instant now = Clock::now();
    if (!has_begun && now >= from) {
      has_begun = true;
      std::puts("begin");
      std::fflush(stdout);
      cpu = cpu_seconds();
    }
    while (slice_end < until && now >= slice_end) {
      print(slice_end);
      slice_end += slice;
    }
    for (int i = 0; i < ready; ++i) {
      const std::size_t index = events[i].data.u64;
      Connection& connection = connections[index];
      if ((events[i].events & EPOLLOUT) != 0 && !connection.write()) {
        watch(index, EPOLLIN);
      }
      if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0 || !connection.read()) {
        continue;
      }
      now = Clock::now();
      last_answer = now;
      if (connection.sent() >= from) {
        if (connection.is_right()) {
          figures.add(now - connection.sent());
        } else {
          figures.add_failure(connection.failure());
        }
      }
      if ((options.calls > 0 || now < until) && !connection.is_done()) {
        call(index);
      } else {
        --waiting;
      }
    }
    if (now - last_answer > patience) {
      break;
    }
  }
  for (; waiting > 0; --waiting) {
    figures.add_failure("no answer");
  }
  print(options.calls > 0 ? last_answer : std::max(last_answer, until));
}
