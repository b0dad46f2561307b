// Serialises an HTTP response (RFC 9112 4 and 6) on its way out. A large text is neither copied nor
// escaped all at once: it goes out in pieces, so that no turn of the loop takes long. The length is
// the writer's to say. Value.
#pragma once

#include <cstddef>
#include <string>

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

/// All that is sent of it.
std::string whole(HttpResponse response);

}  // namespace mqtt_bridge
