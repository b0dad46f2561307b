// A request whose body comes, and whose answer goes, in pieces, both at the same time where the
// service wants it: neither is ever held whole.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "http/response.hpp"

namespace mqtt_bridge {

class HttpStream {
 public:
  virtual ~HttpStream() = default;

  // more: there is more to read. end: that was all. broken: the caller sent no more of it, or
  // something that is no body; there is no piece, and the connection closes after the answer.
  enum class Body { more, end, broken };
  using Take = std::function<void(std::string piece, Body body)>;

  /// Calls `take`, once, with what comes next of the body, later. What is not asked for stays with
  /// the caller. REQUIRES: it has not been told `end` or `broken`.
  virtual void read(Take take) = 0;

  /// Begins the answer; `head` says all but its length, and its body is left out. It goes out in
  /// chunks (RFC 9112 7.1); to HTTP/1.0, until the connection closes (RFC 9112 6.3). One that
  /// cannot go on is cut by HttpRequest::answer(). REQUIRES: a status that may have content.
  virtual void start(HttpResponse head) = 0;
  /// The next piece of it. REQUIRES: start() was called, and end() was not.
  virtual void write(std::string_view piece) = 0;
  virtual void end() = 0;

  /// Bytes of the answer that wait for the caller to read what came before. Who writes on
  /// regardless is cut, as callers are who do not read (limits::output_bytes).
  virtual std::size_t unsent() const = 0;
  /// Calls `action`, once, when nothing of the answer waits any more.
  virtual void when_sent(std::function<void()> action) = 0;
};

}  // namespace mqtt_bridge
