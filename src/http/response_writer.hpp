// Serialises an HTTP response (RFC 9112 4 and 6) on its way out. A large text is neither copied nor
// escaped all at once: it goes out in pieces, so that no turn of the loop takes long. The length is
// the writer's to say. Value.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "http/response.hpp"

namespace mqtt_bridge {

class ResponseWriter {
 public:
  explicit ResponseWriter(HttpResponse response);

  /// Makes of `piece`, whose memory is used again, what is to be sent next; empty at the end.
  void take(std::string& piece);
  bool is_taken() const { return is_taken_; }

  /// That it holds.
  std::size_t bytes() const { return begin_.size() + body_.text.size() + body_.end.size(); }

 private:
  std::string begin_;  // the head, and the beginning of the body
  HttpResponse::Body body_;
  std::size_t at_ = 0;  // in its text
  bool is_taken_ = false;
};

/// The head of a response whose body goes out in pieces: each one as chunk(), and last_chunk() at
/// the end, where it is_chunked (RFC 9112 7.1); else as it is, until the connection closes.
std::string head_of_stream(const HttpResponse& response, bool is_chunked);
std::string chunk(std::string_view piece);  // REQUIRES: it is not empty
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

/// All that is sent of it.
std::string whole(HttpResponse response);

}  // namespace mqtt_bridge
