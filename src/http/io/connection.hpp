// One connection of the server: reads requests, frames them and hands them to the service one at a
// time, and sends their answers. It is in one of the server's lists, and has one deadline, always.
// connection.cpp has its life and its output, connection_input.cpp its input, connection_stream.cpp
// what comes or goes in pieces.
//
// Threads: everything on the loop's thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <asio/generic/stream_protocol.hpp>

#include "base/limits/call.hpp"
#include "base/limits/http.hpp"
#include "http/chunked.hpp"
#include "http/head.hpp"
#include "http/io/server.hpp"
#include "http/pace.hpp"
#include "http/response_writer.hpp"

namespace mqtt_bridge {

class HttpServer::Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = asio::generic::stream_protocol::socket;

  Connection(HttpServer& server, Socket socket, Caller::Via via);

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
  // What most requests fit into, kept for each connection; the rest comes into one buffer for all.
  static constexpr std::size_t first_read_size = 2 * 1024;
  // A stream on which nothing moves for this long is closed: longer than any call that it waits
  // for.
  static constexpr auto stream_patience = limits::max_timeout + 2 * limits::write_timeout;
  // How long one within a request has, once the server drains.
  static constexpr auto drain_patience = std::chrono::seconds(2);

  enum class Phase { idle, head, body, answering, streaming, writing, lingering, closed };

  class Request : public HttpRequest, public HttpStream {
   public:
    explicit Request(std::weak_ptr<Connection> connection) : connection_(std::move(connection)) {}
    void answer(HttpResponse response) override {
      if (const auto connection = std::exchange(connection_, {}).lock()) {
        connection->says_close_ = !keep_alive;
        connection->write(std::move(response));
      }
    }
    void when_gone(std::function<void()> action) override {
      if (const auto connection = connection_.lock()) {
        on_gone_ = std::move(action);
        connection->watch_for_end();
      }
    }
    void gone() {
      if (on_gone_)
        std::exchange(on_gone_, {})();
    }

    void read(Take take) override {
      if (const auto connection = connection_.lock())
        connection->read_piece(std::move(take));
    }
    void start(HttpResponse response) override {
      if (const auto connection = connection_.lock())
        connection->start_stream(std::move(response), *this);
    }
    void write(std::string_view piece) override {
      if (const auto connection = connection_.lock())
        connection->write_stream(piece);
    }
    void end() override {
      if (const auto connection = std::exchange(connection_, {}).lock())
        connection->end_stream();
    }
    std::size_t unsent() const override {
      const auto connection = connection_.lock();
      return connection ? connection->held_output_ : 0;
    }
    void when_sent(std::function<void()> action) override {
      if (const auto connection = connection_.lock())
        connection->when_sent(std::move(action));
    }

   private:
    std::weak_ptr<Connection> connection_;
    std::function<void()> on_gone_;
  };

  void enter(Phase phase, Duration patience);
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
  void watch_for_end();
  bool is_at_end();
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
  bool send_at_once();
  void send_piece();
  void on_written();
  void release_output();
  void linger();
  int unsent_bytes();

  void begin_stream();
  void read_piece(HttpStream::Take take);
  void give_piece();
  std::pair<std::string, HttpStream::Body> next_piece();
  void start_stream(HttpResponse head, const HttpRequest& request);
  void write_stream(std::string_view piece);
  void end_stream();
  void when_sent(std::function<void()> action) {
    if (stream_)
      stream_->on_sent = std::move(action);
  }
  void hold_output(std::string_view bytes);
  void send_held();
  void on_held_sent();

  HttpServer& server_;
  Socket socket_;
  const Caller::Via via_;
  const std::optional<std::uint32_t> user_;
  const std::string from_;
  const std::string own_address_;

  Phase phase_ = Phase::idle;
  Connections* list_ = nullptr;  // of HttpServer
  Connections::iterator place_;  // in it
  Deadlines<Connection>::Entry deadline_{*this};
  Instant idle_until_{};
  Pace pace_;                                     // of the large request or the answer in hand
  std::array<char, first_read_size> first_read_;  // not to be touched while is_reading_
  std::string input_;                             // received, not consumed
  bool is_reading_ = false;
  bool is_watching_ = false;  // for the end of what the peer sends
  bool input_ended_ = false;
  bool is_last_ = false;     // close after the answer in hand
  bool says_close_ = false;  // that answer does
  bool is_used_ = false;     // there has been a request
  bool is_asking_ = false;   // "100 Continue" is on its way
  bool takes_pieces_ = false;

  std::shared_ptr<Request> request_;  // on its way in
  std::weak_ptr<Request> pending_;    // with the service
  HttpHead::Framing framing_ = HttpHead::Framing::none;
  std::size_t content_length_ = 0;
  std::size_t reserved_ = 0;  // of HttpServer::input_bytes_
  std::optional<ChunkedBody> chunked_;

  std::optional<ResponseWriter> output_;
  std::string piece_;             // of it, which is being written
  std::size_t held_output_ = 0;   // of HttpServer::output_bytes_
  Instant written_{};             // when the last answer was begun
  bool is_sent_ = true;           // the peer's kernel has taken all of it
  std::int64_t transferred_ = 0;  // to our kernel, of all answers

  struct Stream {
    std::size_t body_left = 0;  // where its length was said
    bool body_ended = false;
    HttpStream::Take take;  // who asked for the next piece
    bool answer_began = false;
    bool is_chunked = false;
    bool has_content = true;  // it does not answer a HEAD
    bool answer_ended = false;
    std::string held;  // of the answer, behind piece_
    std::function<void()> on_sent;
  };
  std::optional<Stream> stream_;  // while a request comes, or is answered, in pieces

  std::size_t lingered_ = 0;
};

}  // namespace mqtt_bridge
