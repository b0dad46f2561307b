#include "client/io/daemon_call.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/io/folder.hpp"
#include "os/io/ordinary_user.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

Instant now() {
  return std::chrono::steady_clock::now();
}

constexpr auto patience = 10s;

/// The server's end of one connection, which a script speaks through.
class Peer {
 public:
  explicit Peer(int descriptor) : descriptor_(descriptor) {}
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { ::close(descriptor_); }

  /// Fewer when the client sends no more.
  std::string read(std::size_t bytes) {
    std::string text(bytes, '\0');
    std::size_t count = 0;
    while (count < bytes && comes(POLLIN, patience)) {
      const auto got = ::recv(descriptor_, text.data() + count, bytes - count, 0);
      if (got <= 0) {
        break;
      }
      count += static_cast<std::size_t>(got);
    }
    text.resize(count);
    return text;
  }

  std::string read_head() {
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
      const std::string byte = read(1);
      if (byte.empty()) {
        break;
      }
      head += byte;
    }
    return head;
  }

  /// The head with its body; the body ends where the head says.
  std::string read_request() {
    std::string request = read_head();
    const auto length = request.find("Content-Length: ");
    return length == std::string::npos
               ? request
               : request + read(std::strtoul(request.c_str() + length + 16, nullptr, 10));
  }

  /// False when the client went away.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        return false;
      }
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Whether the client went away within that time.
  bool left_within(std::chrono::milliseconds time) { return comes(POLLRDHUP, time); }

 private:
  bool comes(short event, std::chrono::milliseconds time) {
    pollfd waiting{descriptor_, event, 0};
    return ::poll(&waiting, 1, static_cast<int>(time.count())) > 0;
  }

  int descriptor_;
};

using Script = std::function<void(Peer&)>;

/// A socket that listens: on a free port of 127.0.0.1, or on a path in a folder of its own. With a
/// script, a thread serves one connection by it.
class Server {
 public:
  explicit Server(DaemonPlace::Kind kind, int backlog = 8) {
    place_.kind = kind;
    kind == DaemonPlace::Kind::unix_socket ? use_path() : use_loopback();
    auto* const address = reinterpret_cast<sockaddr*>(&address_);
    descriptor_ = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(descriptor_, address, address_size_), 0);
    EXPECT_EQ(::listen(descriptor_, backlog), 0);
    EXPECT_EQ(::getsockname(descriptor_, address, &address_size_), 0);
    if (kind == DaemonPlace::Kind::tcp) {
      place_.port = ntohs(reinterpret_cast<sockaddr_in*>(&address_)->sin_port);
    }
  }
  Server(DaemonPlace::Kind kind, Script script) : Server(kind) {
    thread_ = std::thread([this, script = std::move(script)] {
      Peer peer(::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC));
      script(peer);
    });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    finish();
    if (descriptor_ >= 0) {
      stop_listening();
    }
  }

  /// Leaves what it was bound to behind.
  void stop_listening() { ::close(std::exchange(descriptor_, -1)); }

  void finish() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  const DaemonPlace& place() const { return place_; }

  bool was_asked() const {
    pollfd waiting{descriptor_, POLLIN, 0};
    return ::poll(&waiting, 1, 0) > 0;
  }

  /// A client of the test's own.
  int connect() const {
    const int client = ::socket(address_.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto* const address = reinterpret_cast<const sockaddr*>(&address_);
    EXPECT_EQ(::connect(client, address, address_size_), 0);
    return client;
  }

 private:
  void use_path() {
    place_.path_or_host = folder_.path() / "socket";
    auto* const address = reinterpret_cast<sockaddr_un*>(&address_);
    address->sun_family = AF_UNIX;
    address_size_ = sizeof *address;
    ASSERT_LT(place_.path_or_host.size(), sizeof address->sun_path);
    std::strcpy(address->sun_path, place_.path_or_host.c_str());
  }

  void use_loopback() {
    place_.path_or_host = "127.0.0.1";
    auto* const address = reinterpret_cast<sockaddr_in*>(&address_);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address_size_ = sizeof *address;
  }

  DaemonPlace place_;
  sockaddr_storage address_{};
  socklen_t address_size_ = 0;
  const Folder folder_;
  int descriptor_ = -1;
  std::thread thread_;
};

/// A port at which something listened once.
DaemonPlace abandoned_port() {
  return Server(DaemonPlace::Kind::tcp).place();
}

constexpr auto unix_socket = DaemonPlace::Kind::unix_socket;
constexpr auto tcp = DaemonPlace::Kind::tcp;

ClientCall call_with(std::string message, std::chrono::milliseconds timeout = 10s) {
  return {"uppercase", "alice", "localhost", 1883, std::move(message), timeout};
}

std::string answer_with(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

Script answering(std::string answer) {
  return [answer = std::move(answer)](Peer& peer) {
    peer.read_request();
    peer.send(answer);
  };
}

/// What the request says is left of its timeout, which is less than all of it by the time it took
/// to connect; 0 if it says nothing.
std::chrono::milliseconds timeout_in(const std::string& request) {
  const auto at = request.find("&timeout=");
  return std::chrono::milliseconds(
      at == std::string::npos ? 0 : std::strtol(request.c_str() + at + 9, nullptr, 10));
}

/// The start of a call whose answer is awaited for no longer than `left` from now on, the margin
/// for the daemon's own verdict included.
Instant started_so_that(std::chrono::milliseconds left, const ClientCall& call) {
  return now() + left - call.timeout - 1s;
}

TEST(DaemonUrl, NamesATcpPortOrAUnixSocket) {
  const auto at = [](DaemonPlace::Kind kind, std::string where, std::uint16_t port) {
    return DaemonPlace{kind, std::move(where), port, DaemonPlace::Chosen::by_user};
  };
  const std::vector<std::pair<std::string, DaemonPlace>> table{
      {"http://127.0.0.1:8426", at(tcp, "127.0.0.1", 8426)},
      {"http://localhost:1/", at(tcp, "localhost", 1)},
      {"http://[::1]:65535", at(tcp, "::1", 65535)},
      {"unix:/run/x.sock", at(unix_socket, "/run/x.sock", 0)},
      {"unix:x y", at(unix_socket, "x y", 0)},
      {"unix:" + std::string(107, 'x'), at(unix_socket, std::string(107, 'x'), 0)},
  };
  for (const auto& [url, place] : table) {
    EXPECT_EQ(parse_daemon_url(url), place) << url;
  }
  EXPECT_EQ(to_string(*parse_daemon_url("http://[::1]:8426/")), "http://[::1]:8426");
  EXPECT_EQ(to_string(*parse_daemon_url("unix:/run/x.sock")), "unix:/run/x.sock");
}

TEST(DaemonUrl, IsNothingElse) {
  const std::vector<std::string> table{
      "",
      "unix:",
      "unix:" + std::string(108, 'x'),
      std::string("unix:a\0b", 8),
      "http://",
      "http://:8426",
      "http://host",
      "http://host:",
      "http://host:0",
      "http://host:65536",
      "http://host:+1",
      "http://host:8426/transform",
      "http://host:8426//",
      "http://user@host:8426",
      "http://host\r\nX:1",
      "http://::1:8426",
      "http://[::1:8426",
      "https://host:8426",
      "HTTP://host:8426",
      "host:8426",
      "/run/x.sock",
  };
  for (const auto& url : table) {
    EXPECT_FALSE(parse_daemon_url(url)) << url;
  }
}

TEST(DefaultPlaces, AreTheSystemsSocketAndThenThePort) {
  std::string places;
  for (const DaemonPlace& place : default_daemon_places()) {
    EXPECT_EQ(place.chosen, DaemonPlace::Chosen::by_default);
    places += to_string(place) + "\n";
  }
  EXPECT_EQ(places, "unix:/run/mqtt-bridge/bridge.sock\nhttp://127.0.0.1:8426\n");
}

TEST(DaemonCall, BringsTheRequestThereAndTheAnswerBack) {
  for (const auto kind : {unix_socket, tcp}) {
    std::string request;
    Server server(kind, [&request](Peer& peer) {
      request = peer.read_request();
      peer.send(answer_with("HELLO"));
      peer.left_within(patience);  // an answer ends with its last byte, not with the connection
    });
    const auto call = call_with("hello");
    const auto outcome = call_daemon({server.place()}, call, now());
    server.finish();
    const auto* const answered = std::get_if<Answered>(&outcome);
    ASSERT_TRUE(answered);
    EXPECT_EQ(answered->reply.status, 200);
    EXPECT_EQ(answered->reply.media, Media::text);
    EXPECT_EQ(answered->reply.body, "HELLO");
    EXPECT_EQ(answered->place, server.place());
    const std::string host =
        kind == unix_socket ? "localhost" : "127.0.0.1:" + std::to_string(server.place().port);
    EXPECT_EQ(request, request_head(call, host, timeout_in(request)) + "hello");
  }
}

TEST(DaemonCall, HandsOnAProblemAsItIs) {
  Server server(unix_socket, answering("HTTP/1.1 421 Misdirected Request\r\n"
                                       "Content-Type: application/problem+json\r\n"
                                       "Content-Length: 2\r\n\r\n{}"));
  const auto outcome = call_daemon({server.place()}, call_with("hello"), now());
  const auto* const answered = std::get_if<Answered>(&outcome);
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->reply.status, 421);
  EXPECT_EQ(answered->reply.media, Media::problem);
}

TEST(DaemonCall, CarriesLargeTextsBothWays) {
  const std::string large(3 << 20, 'x');
  for (const auto kind : {unix_socket, tcp}) {
    std::string request;
    Server server(kind, [&](Peer& peer) {
      request = peer.read_request();
      peer.send(answer_with(large));
    });
    const auto outcome = call_daemon({server.place()}, call_with(large), now());
    server.finish();
    EXPECT_TRUE(request.ends_with("\r\n\r\n" + large));
    ASSERT_TRUE(std::holds_alternative<Answered>(outcome));
    EXPECT_TRUE(std::get<Answered>(outcome).reply.body == large);
  }
}

TEST(DaemonCall, PutsAnAnswerTogetherFromSingleBytes) {
  Server server(tcp, [](Peer& peer) {
    peer.read_request();
    for (const char& byte : answer_with("HELLO")) {
      peer.send({&byte, 1});
    }
  });
  const auto outcome = call_daemon({server.place()}, call_with("hello"), now());
  ASSERT_TRUE(std::holds_alternative<Answered>(outcome));
  EXPECT_EQ(std::get<Answered>(outcome).reply.body, "HELLO");
}

TEST(DaemonCall, TellsTheDaemonWhatIsLeftOfTheTimeout) {
  std::string head;
  Server server(unix_socket, [&head](Peer& peer) {
    head = peer.read_request();
    peer.send(answer_with(""));
  });
  call_daemon({server.place()}, call_with("hello", 60s), now() - 20s);
  server.finish();
  EXPECT_GT(timeout_in(head), 20s);
  EXPECT_LE(timeout_in(head), 40s);
}

TEST(DaemonCall, TakesARefusalThatComesBeforeTheWholeRequestWasSent) {
  for (const auto kind : {unix_socket, tcp}) {
    Server server(kind, [](Peer& peer) {
      peer.read_head();
      peer.send(
          "HTTP/1.1 413 Content Too Large\r\nContent-Type: application/problem+json\r\n"
          "Content-Length: 2\r\n\r\n{}");
    });
    const auto outcome =
        call_daemon({server.place()}, call_with(std::string(32 << 20, 'x')), now());
    ASSERT_TRUE(std::holds_alternative<Answered>(outcome));
    EXPECT_EQ(std::get<Answered>(outcome).reply.status, 413);
  }
}

TEST(DaemonCall, GoesOnFromAStaleSocketToTheNextPlace) {
  const auto no_file = DaemonPlace{unix_socket, "/nonexistent/socket"};
  Server stale(unix_socket);
  stale.stop_listening();
  const auto gone = abandoned_port();
  Server server(tcp, answering(answer_with("HELLO")));
  const auto outcome =
      call_daemon({no_file, stale.place(), gone, server.place()}, call_with("hello"), now());
  ASSERT_TRUE(std::holds_alternative<Answered>(outcome));
  EXPECT_EQ(std::get<Answered>(outcome).place, server.place());
}

TEST(DaemonCall, AsksNoSecondPlaceAfterOneAccepted) {
  const std::vector<Script> scripts{
      answering("HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n"),
      answering("SSH-2.0-x\r\n"),
      answering(""),
  };
  for (const Script& script : scripts) {
    Server first(unix_socket, script);
    const Server second(tcp);
    const auto outcome = call_daemon({first.place(), second.place()}, call_with("hello"), now());
    EXPECT_FALSE(std::holds_alternative<NothingListens>(outcome));
    EXPECT_FALSE(second.was_asked());
  }
}

TEST(DaemonCall, SaysOfEveryPlaceWhyNothingListensThere) {
  const auto gone = abandoned_port();
  const auto too_long = DaemonPlace{unix_socket, std::string(200, 'x')};
  const auto no_file = DaemonPlace{unix_socket, "/nonexistent/socket"};
  const auto outcome = call_daemon({no_file, too_long, gone}, call_with("hello"), now());
  ASSERT_TRUE(std::holds_alternative<NothingListens>(outcome));
  EXPECT_EQ(std::get<NothingListens>(outcome).text,
            "unix:/nonexistent/socket: No such file or directory; unix:" + std::string(200, 'x') +
                ": File name too long; " + to_string(gone) + ": Connection refused");
}

TEST(DaemonCall, FindsNothingBehindASocketThatItMayNotOpen) {
  const Server server(unix_socket);
  const std::filesystem::path path = server.place().path_or_host;
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  ASSERT_EQ(::chmod(path.parent_path().c_str(), 0755), 0);
  const OrdinaryUser user;
  const auto outcome = call_daemon({server.place()}, call_with("hello"), now());
  ASSERT_TRUE(std::holds_alternative<NothingListens>(outcome));
  EXPECT_TRUE(std::get<NothingListens>(outcome).text.ends_with("Permission denied"));
}

TEST(DaemonCall, WaitsForAFullBacklogNoLongerThanHalfTheTimeout) {
  for (const auto kind : {unix_socket, tcp}) {
    Server server(kind, 0);  // holds one connection; the next is kept waiting
    const Peer first(server.connect());
    const auto started = now();
    const auto outcome = call_daemon({server.place()}, call_with("hello", 100ms), started);
    const auto waited = now() - started;
    ASSERT_TRUE(std::holds_alternative<NothingListens>(outcome));
    EXPECT_TRUE(std::get<NothingListens>(outcome).text.ends_with("Connection timed out"));
    EXPECT_GE(waited, 49ms);
    EXPECT_LT(waited, 1s);
  }
}

TEST(DaemonCall, NeverSaysThatARequestCanBeRepeatedOnceItWasSent) {
  const std::vector<std::string> half_answers{
      "",
      "HTTP/1.1 2",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
      "HTTP/1.1 421 Misdirected Request\r\nContent-Length: 5\r\n\r\nabcd",
  };
  for (const auto kind : {unix_socket, tcp}) {
    for (const auto& half_answer : half_answers) {
      Server server(kind, answering(half_answer));
      const auto outcome = call_daemon({server.place()}, call_with("hello"), now());
      ASSERT_TRUE(std::holds_alternative<Broken>(outcome)) << half_answer;
      const Broken& broken = std::get<Broken>(outcome);
      EXPECT_EQ(broken.published, Broken::Published::maybe);
      EXPECT_EQ(broken.exit_code, ExitCode::failed);
      EXPECT_EQ(broken.text, "mqtt_bridged at " + to_string(server.place()) +
                                 " closed the connection without an answer; the request may have "
                                 "been carried out, so it is not sent again");
    }
  }
}

TEST(DaemonCall, KnowsThatHalfARequestIsNeverCarriedOut) {
  Server server(unix_socket, [](Peer& peer) { peer.read_head(); });
  const auto outcome = call_daemon({server.place()}, call_with(std::string(4 << 20, 'x')), now());
  ASSERT_TRUE(std::holds_alternative<Broken>(outcome));
  EXPECT_EQ(std::get<Broken>(outcome).published, Broken::Published::no);
}

TEST(DaemonCall, NamesThePlaceWhereSomethingElseAnswers) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"SSH-2.0-OpenSSH_9.2p1\r\n", "it does not speak HTTP/1.1"},
      {std::string(1 << 20, '\0'), "it does not speak HTTP/1.1"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'x'), "its head is too large"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n", "its answer is too large"},
      {"HTTP/1.1 200 OK\r\n\r\n", "its answer has no Content-Length"},
  };
  for (const auto& [garbage, fault] : table) {
    Server server(tcp, answering(garbage));
    const auto outcome = call_daemon({server.place()}, call_with("hello"), now());
    ASSERT_TRUE(std::holds_alternative<Broken>(outcome)) << fault;
    const Broken& broken = std::get<Broken>(outcome);
    EXPECT_EQ(broken.published, Broken::Published::maybe);
    EXPECT_EQ(broken.exit_code, ExitCode::failed);
    EXPECT_EQ(broken.text, "something other than mqtt_bridged answers at " +
                               to_string(server.place()) + " (" + fault +
                               "); name the daemon with --daemon, or use --direct");
  }
}

TEST(DaemonCall, EndsAtItsDeadlineWhateverThePeerDoes) {
  const Script silent = [](Peer& peer) {
    peer.read_request();
    peer.left_within(patience);
  };
  const Script half = [](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHELL");
    peer.left_within(patience);
  };
  const Script trickling = [](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n");
    while (!peer.left_within(1ms) && peer.send("x")) {
    }
  };
  for (const Script& script : {silent, half, trickling}) {
    Server server(unix_socket, script);
    const auto call = call_with("hello", 5s);
    const auto began = now();
    const auto outcome = call_daemon({server.place()}, call, started_so_that(60ms, call));
    EXPECT_GE(now() - began, 60ms);
    EXPECT_LT(now() - began, 5s);
    ASSERT_TRUE(std::holds_alternative<Broken>(outcome));
    EXPECT_EQ(std::get<Broken>(outcome).published, Broken::Published::maybe);
    EXPECT_EQ(std::get<Broken>(outcome).exit_code, ExitCode::no_answer);
  }
}

TEST(DaemonCall, EndsAtItsDeadlineWhenNobodyReadsTheRequest) {
  Server server(unix_socket, [](Peer& peer) {
    peer.read(1);
    peer.left_within(patience);
  });
  const auto call = call_with(std::string(32 << 20, 'x'), 5s);
  const auto outcome = call_daemon({server.place()}, call, started_so_that(60ms, call));
  ASSERT_TRUE(std::holds_alternative<Broken>(outcome));
  EXPECT_EQ(std::get<Broken>(outcome).exit_code, ExitCode::no_answer);
}

TEST(DaemonCall, FindsTheDaemonByNameToo) {
  // The second is an address to the resolver only, so that no name server is needed.
  for (const char* const host : {"localhost", "127.1"}) {
    Server server(tcp, answering(answer_with("HELLO")));
    const DaemonPlace place{tcp, host, server.place().port, DaemonPlace::Chosen::by_user};
    const auto outcome = call_daemon({place}, call_with("hello"), now());
    ASSERT_TRUE(std::holds_alternative<Answered>(outcome)) << host;
    EXPECT_EQ(std::get<Answered>(outcome).reply.body, "HELLO");
  }
}

}  // namespace
}  // namespace mqtt_bridge
