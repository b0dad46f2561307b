// What a connection does for a request that comes, or is answered, in pieces (http/stream.hpp).
#include <chrono>
#include <cstdint>
#include <utility>

#include <asio/post.hpp>

#include "base/limits/http.hpp"
#include "http/io/connection.hpp"

namespace mqtt_bridge {

/// The head has come.
void HttpServer::Connection::begin_stream() {
  release_input();
  stream_ = Stream{};
  stream_->body_left = content_length_;
  stream_->body_ended = framing_ == HttpHead::Framing::none ||
                        (framing_ == HttpHead::Framing::length && content_length_ == 0);
  if (framing_ == HttpHead::Framing::chunked)
    chunked_.emplace(SIZE_MAX);
  enter(Phase::streaming, stream_patience);
  pending_ = request_;
  const auto request = std::exchange(request_, {});
  server_.service_.on_stream(request, request);
}

// The body -------------------------------------------------------------------------------------

/// Calls `take` from the loop: a service that asks again within it does not recurse.
void HttpServer::Connection::read_piece(HttpStream::Take take) {
  if (!stream_)
    return;
  stream_->take = std::move(take);
  if (phase_ == Phase::streaming)
    set_deadline(Clock::now() + stream_patience);
  asio::post(server_.loop_, [self = shared_from_this()] { self->give_piece(); });
}

void HttpServer::Connection::give_piece() {
  if (!stream_ || !stream_->take)
    return;
  auto [piece, body] = next_piece();
  if (piece.empty() && body == HttpStream::Body::more) {
    if (!input_ended_)
      return read_more();
    body = HttpStream::Body::broken;
  }
  stream_->body_ended = body == HttpStream::Body::end;
  std::exchange(stream_->take, {})(std::move(piece), body);
}

std::pair<std::string, HttpStream::Body> HttpServer::Connection::next_piece() {
  std::string piece;
  if (stream_->body_ended)
    return {piece, HttpStream::Body::end};
  if (framing_ == HttpHead::Framing::chunked) {
    const auto [consumed, outcome] = chunked_->decode(input_, piece);
    input_.erase(0, consumed);
    if (std::holds_alternative<BadBody>(outcome))
      return {"", HttpStream::Body::broken};
    const bool is_end = std::holds_alternative<BodyComplete>(outcome);
    return {std::move(piece), is_end ? HttpStream::Body::end : HttpStream::Body::more};
  }
  piece = input_.substr(0, stream_->body_left);
  input_.erase(0, piece.size());
  stream_->body_left -= piece.size();
  return {std::move(piece),
          stream_->body_left == 0 ? HttpStream::Body::end : HttpStream::Body::more};
}

// The answer -----------------------------------------------------------------------------------

void HttpServer::Connection::start_stream(HttpResponse head, const HttpRequest& request) {
  if (!stream_ || std::exchange(stream_->answer_began, true))
    return;
  stream_->is_chunked = request.minor_version > 0;
  stream_->has_content = !head.is_to_head;
  says_close_ = !request.keep_alive || !stream_->is_chunked;
  if (!stream_->is_chunked) {
    is_last_ = true;
    std::erase_if(head.fields, [](const auto& field) { return field.name == "Connection"; });
    head.add("Connection", "close");
  }
  written_ = Clock::now();
  is_sent_ = false;
  pace_.begin(written_);
  hold_output(head_of_stream(head, stream_->is_chunked));
}

void HttpServer::Connection::write_stream(std::string_view piece) {
  if (!stream_ || !stream_->answer_began || !stream_->has_content || piece.empty())
    return;
  if (stream_->is_chunked)
    hold_output(chunk(piece));
  else
    hold_output(piece);
}

void HttpServer::Connection::end_stream() {
  if (!stream_ || !stream_->answer_began)
    return;
  stream_->answer_ended = true;
  if (stream_->is_chunked && stream_->has_content)
    hold_output(last_chunk);
  else if (phase_ == Phase::streaming)
    on_held_sent();
}

void HttpServer::Connection::hold_output(std::string_view bytes) {
  stream_->held.append(bytes);
  held_output_ += bytes.size();
  server_.output_bytes_ += bytes.size();
  if (phase_ == Phase::streaming)
    send_held();
  server_.bound_output();
}

void HttpServer::Connection::send_held() {
  piece_ = std::exchange(stream_->held, {});
  enter(Phase::writing, limits::write_timeout);
  send_piece();
}

void HttpServer::Connection::on_held_sent() {
  held_output_ -= piece_.size();
  server_.output_bytes_ -= piece_.size();
  piece_.clear();
  if (!stream_->held.empty())
    return send_held();
  if (stream_->answer_ended) {
    says_close_ = says_close_ || !stream_->body_ended;
    stream_.reset();
    return on_written();
  }
  enter(Phase::streaming, stream_patience);
  if (stream_->on_sent)
    std::exchange(stream_->on_sent, {})();
}

}  // namespace mqtt_bridge
