// The server and its connections over unix sockets, on a loop that the test turns, with a service
// that answers when the test says so.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <asio/io_context.hpp>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/io/server.hpp"
#include "os/io/folder.hpp"

namespace mqtt_bridge {

class FakeService : public HttpServer::Service {
 public:
  std::optional<Forbidden> why_forbidden(const Caller&) override { return std::nullopt; }
  std::optional<HttpResponse> refuse_early(HttpRequest&) override { return std::nullopt; }
  void on_request(std::shared_ptr<HttpRequest> request) override {
    requests.push_back(std::move(request));
  }
  bool takes_pieces(HttpRequest&) override { return in_pieces; }
  void on_stream(std::shared_ptr<HttpRequest> request,
                 std::shared_ptr<HttpStream> stream) override {
    requests.push_back(std::move(request));
    streams.push_back(std::move(stream));
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
  std::deque<std::shared_ptr<HttpStream>> streams;
  bool in_pieces = false;
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
  /// As much of `bytes` as the kernel takes; how much.
  std::size_t send_some(std::string_view bytes) const {
    const ssize_t size = write(descriptor_, bytes.data(), bytes.size());
    return size > 0 ? static_cast<std::size_t>(size) : 0;
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
    const auto deadline = Clock::now() + std::chrono::seconds(10);
    while (!is_so()) {
      ASSERT_LT(Clock::now(), deadline) << "it never came";
      loop_.restart();
      loop_.run_one_for(std::chrono::milliseconds(5));
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

}  // namespace mqtt_bridge
