// The server and its connections over unix sockets, on a loop that the test turns, with a service
// that answers when the test says so.
#include "http/io/server.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/io/folder.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::StartsWith;

class FakeService : public HttpServer::Service {
 public:
  std::optional<Forbidden> why_forbidden(const Caller&) override { return std::nullopt; }
  std::optional<HttpResponse> refuse_early(HttpRequest&) override { return std::nullopt; }
  void on_request(std::shared_ptr<HttpRequest> request) override {
    requests.push_back(std::move(request));
  }
  HttpResponse refuse(HttpRequest&, const Failure& failure) override {
    return {.status = describe(failure.problem).status, .body = {.text = failure.detail}};
  }

  std::shared_ptr<HttpRequest> next() {
    auto request = std::move(requests.front());
    requests.pop_front();
    return request;
  }

  std::deque<std::shared_ptr<HttpRequest>> requests;
};

/// A client that never blocks.
class Client {
 public:
  explicit Client(const std::string& path)
      : descriptor_(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { hang_up(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(std::string_view bytes) const {
    EXPECT_EQ(write(descriptor_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  void send_no_more() const { shutdown(descriptor_, SHUT_WR); }
  void hang_up() {
    if (descriptor_ >= 0)
      close(std::exchange(descriptor_, -1));
  }
  /// What has come, at most `most` bytes of it.
  std::string take(std::size_t most = 64 * 1024) {
    std::string bytes(most, '\0');
    const ssize_t size = read(descriptor_, bytes.data(), bytes.size());
    is_closed = size == 0;
    bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return bytes;
  }

  bool is_closed = false;  // by the server

 private:
  int descriptor_;
};

class Server : public testing::Test {
 protected:
  Server() { server_.listen(std::make_unique<Listener>(UnixListen{path_})); }

  /// Turns the loop until that is so.
  void until(const std::function<bool()>& is_so) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!is_so()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it never came";
      loop_.restart();
      loop_.run_one_for(5ms);
    }
  }
  void until_asked() {
    until([this] { return !service_.requests.empty(); });
  }
  /// What comes until it ends so, or the server closes.
  std::string read_until(Client& client, std::string_view end) {
    std::string all;
    until([&] {
      all += client.take();
      return client.is_closed || all.ends_with(end);
    });
    return all;
  }

  static std::string request(std::string_view body, std::string_view fields = "") {
    return "POST /transform/uppercase HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  }

  asio::io_context loop_{1};
  FakeService service_;
  HttpServer server_{loop_, service_, 8};
  Folder folder_;
  const std::string path_ = folder_.path() / "socket";
};

TEST_F(Server, GivesARequestToTheServiceAndItsAnswerToTheCaller) {
  Client client(path_);
  client.send(request("hello"));
  until_asked();
  const auto asked = service_.next();
  EXPECT_EQ(asked->body, "hello");
  EXPECT_EQ(asked->method, "POST");
  EXPECT_THAT(asked->from, StartsWith("uid:"));
  asked->answer({.body = {.text = "HELLO"}});
  asked->answer({.body = {.text = "twice"}});
  EXPECT_THAT(read_until(client, "HELLO"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(Server, TakesARequestByteByByte) {
  Client client(path_);
  for (const char byte : request("hi")) {
    client.send({&byte, 1});
    loop_.restart();
    loop_.poll();
  }
  until_asked();
  EXPECT_EQ(service_.next()->body, "hi");
}

TEST_F(Server, GivesPipelinedRequestsOneAfterTheOther) {
  Client client(path_);
  client.send(request("a") + request("b"));
  until_asked();
  loop_.poll();
  ASSERT_EQ(service_.requests.size(), 1u) << "the first is not answered yet";
  service_.next()->answer({.body = {.text = "A"}});
  until_asked();
  service_.next()->answer({.body = {.text = "B"}});
  const std::string both = read_until(client, "B");
  EXPECT_LT(both.find("\r\n\r\nA"), both.find("\r\n\r\nB"));
}

TEST_F(Server, HoldsWhatTheCallerDoesNotReadAndSendsOnWhenItDoes) {
  Client client(path_);
  client.send(request("hello"));
  until_asked();
  const std::string text(3 * 1024 * 1024, 'x');
  service_.next()->answer({.body = {.text = text}});
  EXPECT_GT(server_.output_bytes(), text.size() / 2);
  std::string all;
  until([&] {
    all += client.take();
    const auto head_end = all.find("\r\n\r\n");
    return head_end != std::string::npos && all.size() >= head_end + 4 + text.size();
  });
  EXPECT_TRUE(all.ends_with(text));
  until([this] { return server_.output_bytes() == 0; });
}

TEST_F(Server, TellsOnceThatACallerHasGone) {
  for (const bool reads_on : {false, true}) {
    Client client(path_);
    client.send(request("hello"));
    until_asked();
    const auto asked = service_.next();
    int times = 0;
    asked->when_gone([&] { ++times; });
    loop_.poll();
    EXPECT_EQ(times, 0);
    reads_on ? client.send_no_more() : client.hang_up();
    until([&] { return times > 0; });
    asked->answer({.body = {.text = "HELLO"}});
    if (reads_on) {
      EXPECT_THAT(read_until(client, "HELLO"), EndsWith("HELLO"));
    }
    until([&] { return server_.connections() == 0; });
    EXPECT_EQ(times, 1);
  }
}

TEST_F(Server, SaysNothingOfACallerThatSendsItsNextRequest) {
  Client client(path_);
  client.send(request("a"));
  until_asked();
  const auto asked = service_.next();
  int times = 0;
  asked->when_gone([&] { ++times; });
  client.send(request("b"));
  loop_.restart();
  loop_.poll();
  EXPECT_EQ(times, 0);
  asked->answer({.body = {.text = "A"}});
  until_asked();
}

TEST_F(Server, RefusesWhatIsNotHttpAndCloses) {
  Client client(path_);
  client.send("nonsense\r\n\r\n");
  const std::string all = read_until(client, "never");
  EXPECT_THAT(all, StartsWith("HTTP/1.1 400 "));
  EXPECT_TRUE(client.is_closed);
  EXPECT_TRUE(service_.requests.empty());
}

TEST_F(Server, AnswersWhatItHasTakenBeforeItEnds) {
  Client idle(path_);
  Client busy(path_);
  busy.send(request("hello"));
  until_asked();
  bool is_empty = false;
  server_.drain();
  server_.when_empty([&] { is_empty = true; });
  loop_.restart();
  loop_.poll();
  EXPECT_FALSE(is_empty);
  const auto asked = service_.next();
  EXPECT_FALSE(asked->keep_alive);
  asked->answer({.body = {.text = "HELLO"}});
  EXPECT_THAT(read_until(busy, "never"), EndsWith("HELLO"));
  busy.hang_up();
  until([&] { return is_empty; });
}

TEST_F(Server, MakesRoomByClosingTheLongestIdle) {
  std::deque<Client> clients;
  for (int i = 0; i < 9; ++i)
    clients.emplace_back(path_);
  until([this, &clients] {
    clients.front().take();
    return clients.front().is_closed;
  });
  EXPECT_EQ(server_.connections(), 8u);
}

}  // namespace
}  // namespace mqtt_bridge
