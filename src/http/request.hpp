// One request, between the server that received it and what answers it.
#pragma once

#include <string>

#include "base/instant.hpp"
#include "http/response.hpp"

namespace mqtt_bridge {

/// One request, whole and framed, on its way to its one answer.
class HttpRequest {
 public:
  virtual ~HttpRequest() = default;

  std::string head;   // as canonical_head() makes it
  std::string query;  // apart from the head, as it was sent
  std::string body;
  // Apart from the head, which cannot hold every value of them.
  std::string tracestate;
  std::string content_type;
  Instant arrived;         // its first byte
  std::string from;        // who sent it, for the log: "tcp", or "uid:1000" over the unix socket
  bool keep_alive = true;  // the connection is to serve another request after the answer
  int minor_version = 1;   // HTTP/1.1 or HTTP/1.0
  std::string request_id;  // the service's, which needs it in both passes

  /// Sends a response. Later calls, and calls after the connection broke, do
  /// nothing. Without any the connection waits until its end.
  virtual void answer(HttpResponse response) = 0;
};

}  // namespace mqtt_bridge
