// The floor: the least that a bridge can cost. It parses HTTP and writes MQTT in one epoll loop,
// with no library and no safety: one method, no deadlines, no limits, no reconnecting, no second
// way to find an answer, and what it does not expect ends it. Nobody should use it; every bridge is
// measured against it.
//
//   bench_floor --port PORT --listen PORT [--netid NAME]
//
// POST /transform/<action> over connections that are kept alive, each with one request at a time;
// MQTT 5 at QoS 1 with Correlation Data, TCP_NODELAY on both sides, and quick acknowledgements.
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.hpp"
#include "raw_mqtt.hpp"

namespace {

using namespace bench;

int listen_on(std::uint16_t port) {
  const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listening, 1024) != 0) {
    give_up("listen");
  }
  return listening;
}

/// One HTTP connection, by the number of its descriptor.
struct Caller {
  std::string in;
  std::string out;  // what the kernel has not taken
  bool is_blocked = false;
};

struct Request {
  std::string_view action;
  std::string_view text;
  std::size_t bytes = 0;  // of all of it; 0: it is not whole
};

Request parse(std::string_view in) {
  const std::size_t end = in.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return {};
  }
  constexpr std::string_view path = "POST /transform/";
  constexpr std::string_view field = "\r\nContent-Length: ";
  const std::size_t at = in.find(field);
  std::size_t length = 0;
  if (!in.starts_with(path) || at > end ||
      std::from_chars(in.data() + at + field.size(), in.data() + end, length).ec != std::errc{}) {
    errno = EPROTO;
    give_up("not a request for a floor");
  }
  if (in.size() < end + 4 + length) {
    return {};
  }
  const std::string_view target = in.substr(path.size());
  return {target.substr(0, target.find_first_of(" ?")), in.substr(end + 4, length),
          end + 4 + length};
}

class Floor {
 public:
  Floor(RawMqtt& mqtt, std::string netid, std::uint16_t port)
      : mqtt_(mqtt),
        netid_(std::move(netid)),
        poll_(epoll_create1(EPOLL_CLOEXEC)),
        listening_(listen_on(port)) {
    watch(EPOLL_CTL_ADD, listening_, EPOLLIN);
    watch(EPOLL_CTL_ADD, mqtt_.descriptor(), EPOLLIN);
  }

  [[noreturn]] void run() {
    epoll_event events[256];
    while (true) {
      const int ready = epoll_wait(poll_, events, 256, -1);
      for (int i = 0; i < ready; ++i) {
        const int descriptor = events[i].data.fd;
        if (descriptor == listening_) {
          accept_all();
        } else if (descriptor == mqtt_.descriptor()) {
          take_answers();
        } else if ((events[i].events & EPOLLOUT) != 0) {
          send_rest(descriptor);
        } else {
          take_request(descriptor);
        }
      }
      publish_waiting();
      mqtt_.flush();
    }
  }

 private:
  void watch(int operation, int descriptor, unsigned events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    epoll_ctl(poll_, operation, descriptor, &event);
  }

  void accept_all() {
    while (true) {
      const int accepted = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (accepted < 0) {
        return;
      }
      const int on = 1;
      setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const auto index = static_cast<std::size_t>(accepted);
      if (callers_.size() <= index) {
        callers_.resize(index + 1);
      }
      callers_[index] = std::make_unique<Caller>();
      watch(EPOLL_CTL_ADD, accepted, EPOLLIN);
    }
  }

  void take_request(int descriptor) {
    static char buffer[1 << 18];
    Caller& caller = *callers_[static_cast<std::size_t>(descriptor)];
    const ssize_t got = recv(descriptor, buffer, sizeof buffer, 0);
    if (got <= 0) {
      close(descriptor);
      return;
    }
    caller.in.append(buffer, static_cast<std::size_t>(got));
    if (parse(caller.in).bytes > 0) {
      waiting_.push_back(descriptor);
    }
  }

  /// As many as the broker takes at once.
  void publish_waiting() {
    while (!waiting_.empty() && mqtt_.unacknowledged() < mqtt_.receive_maximum()) {
      const int descriptor = waiting_.front();
      waiting_.pop_front();
      Caller& caller = *callers_[static_cast<std::size_t>(descriptor)];
      const Request request = parse(caller.in);
      topic_.assign(netid_).append("/").append(request.action).append("/request");
      response_topic_.assign(netid_).append("/").append(request.action).append("/response");
      const std::string_view correlation(reinterpret_cast<const char*>(&descriptor),
                                         sizeof descriptor);
      mqtt_.publish(topic_, request.text, response_topic_, correlation);
      caller.in.erase(0, request.bytes);
    }
  }

  void take_answers() {
    mqtt_.read(-1);
    while (const auto answer = mqtt_.next()) {
      mqtt_.acknowledge(answer->packet_id);
      int descriptor = -1;
      if (answer->correlation.size() != sizeof descriptor) {
        continue;
      }
      std::memcpy(&descriptor, answer->correlation.data(), sizeof descriptor);
      std::string& out = callers_.at(static_cast<std::size_t>(descriptor))->out;
      out.append("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ");
      out.append(std::to_string(answer->payload.size())).append("\r\n\r\n").append(answer->payload);
      send_rest(descriptor);
    }
  }

  void send_rest(int descriptor) {
    Caller& caller = *callers_[static_cast<std::size_t>(descriptor)];
    const ssize_t sent = send(descriptor, caller.out.data(), caller.out.size(), MSG_NOSIGNAL);
    caller.out.erase(0, sent > 0 ? static_cast<std::size_t>(sent) : 0);
    const bool is_blocked = !caller.out.empty();
    if (is_blocked != caller.is_blocked) {
      caller.is_blocked = is_blocked;
      watch(EPOLL_CTL_MOD, descriptor, is_blocked ? EPOLLOUT : EPOLLIN);
    }
  }

  RawMqtt& mqtt_;
  const std::string netid_;
  const int poll_;
  const int listening_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::deque<int> waiting_;  // whole requests, in their order
  std::string topic_;
  std::string response_topic_;
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  const std::string netid = arguments.text("--netid", "floor");
  RawMqtt mqtt(static_cast<std::uint16_t>(arguments.number("--port", 1883)), netid);
  mqtt.subscribe(netid + "/+/response");
  Floor(mqtt, netid, static_cast<std::uint16_t>(arguments.number("--listen", 8426))).run();
}
