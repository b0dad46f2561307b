// The HTTP server: accepts connections on the event loop, and gives each whole request to a
// Service, one at a time per connection. It refuses what is not HTTP, what comes from a foreign
// page, and what takes too long. What a request means is decided in http/decide.
//
// Threads: everything, the service included, on the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "base/instant.hpp"
#include "base/problem.hpp"
#include "http/access.hpp"
#include "http/deadlines.hpp"
#include "http/io/listener.hpp"
#include "http/request.hpp"
#include "http/response.hpp"
#include "http/stream.hpp"

namespace mqtt_bridge {

class HttpServer {
 public:
  class Service {
   public:
    virtual std::optional<Forbidden> why_forbidden(const Caller& caller) = 0;
    /// The response to a request that is refused before its body has come.
    virtual std::optional<HttpResponse> refuse_early(HttpRequest& request) = 0;
    virtual void on_request(std::shared_ptr<HttpRequest> request) = 0;
    /// Whether a request, of which the head has come, is to come and be answered in pieces: then
    /// on_stream() has it next, instead of on_request(), or answers it whole by `request`.
    virtual bool takes_pieces(HttpRequest&) { return false; }
    virtual void on_stream(std::shared_ptr<HttpRequest>, std::shared_ptr<HttpStream>) {}
    /// The response to a request that is refused before it has come whole, or that could not be
    /// read; the connection closes after it. Its head is empty where it could not be read.
    virtual HttpResponse refuse(HttpRequest& request, const Failure& failure) = 0;

   protected:
    ~Service() = default;
  };

  /// `most_connections`: with more, the one that has been idle for the longest makes room. Large
  /// requests and answers have a budget in bytes for all (limits::input_bytes, output_bytes): what
  /// does not move makes room for what does.
  HttpServer(asio::io_context& loop, Service& service, std::size_t most_connections);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  void listen(std::unique_ptr<Listener> listener);

  /// Accepts what waits in the backlogs, closes the listening sockets and what is idle, and lets
  /// the rest finish the request in hand. What has been sent by now is answered.
  void drain();
  /// Calls `action`, once, when the last connection is gone; at once when there is none.
  void when_empty(std::function<void()> action);
  /// Closes everything now.
  void stop();

  std::size_t connections() const;
  std::size_t most_connections() const { return most_connections_; }

  /// Connections that were cut because their callers did not read an answer: in time, or while
  /// others wanted the room.
  struct Unread {
    std::uint64_t timed_out = 0;
    std::uint64_t made_room = 0;
  };
  Unread unread() const { return unread_; }
  /// Of answers that the kernel has not taken yet.
  std::size_t output_bytes() const { return output_bytes_; }

 private:
  class Connection;
  struct ListeningSocket;
  using Connections = std::list<std::shared_ptr<Connection>>;

  void wait_at(ListeningSocket& listening);
  void accept_from(ListeningSocket& listening);
  bool take_in(ListeningSocket& listening, int accepted);
  void empty_backlogs();
  void pause(ListeningSocket& listening);
  bool make_input_room(std::size_t bytes, const Connection& newcomer);
  void bound_output();
  void set_output_timer(Instant at);
  std::vector<std::shared_ptr<Connection>> all() const;
  void set_timer();
  void sweep();

  asio::io_context& loop_;
  Service& service_;
  const std::size_t most_connections_;
  std::vector<std::unique_ptr<ListeningSocket>> sockets_;

  // Each connection is in one of these, at the end when it begins with what it is there for.
  Connections dispensable_;  // idle, or within a small head
  Connections arriving_;     // with a part of a large request, which is counted in input_bytes_
  Connections writing_;      // with an answer that is not sent
  Connections others_;

  Deadlines<Connection> deadlines_;
  asio::steady_timer timer_;
  std::optional<Instant> timer_set_for_;
  Instant swept_{};
  bool is_draining_ = false;
  std::vector<char> read_buffer_;  // of whichever connection is reading
  std::size_t input_bytes_ = 0;    // of the large requests that have not come whole
  std::size_t output_bytes_ = 0;
  asio::steady_timer output_timer_;
  std::optional<Instant> output_timer_set_for_;
  Unread unread_;
  std::function<void()> on_empty_;
};

}  // namespace mqtt_bridge
