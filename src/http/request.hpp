// One request, between the server that received it and what answers it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.hpp"
#include "http/endpoints.hpp"
#include "http/head.hpp"
#include "http/response.hpp"
#include "route/route_table.hpp"

namespace mqtt_bridge {

/// What a request's head asks for, as the library parsed it. Value.
struct Asked {
  struct Field {
    std::string_view name;  // of read_fields
    std::string value;
  };

  std::string path = "/";              // percent-decoded
  bool has_encoded_slash = false;      // "%2F" is not the slash that separates (RFC 3986 2.2)
  const Endpoint* endpoint = nullptr;  // that of the path; nothing where there is none
  RouteTable::Routes routes = {};      // those of the path, each of other methods
  std::vector<Field> fields = {};

  /// Nothing where there is none.
  std::shared_ptr<const Route> route_for(std::string_view method) const {
    for (const auto& route : routes) {
      if (route->allows(method))
        return route;
    }
    return nullptr;
  }

  /// Empty also where it was not sent.
  std::string_view field(std::string_view name) const {
    for (const Field& each : fields) {
      if (each.name == name)
        return each.value;
    }
    return {};
  }
};

/// One request, whole and framed, on its way to its one answer.
class HttpRequest {
 public:
  virtual ~HttpRequest() = default;

  std::string method;  // as it was sent; empty where it could not be read
  std::string head;    // as head_for_httplib() makes it; empty where it could not be read
  std::string query;   // apart from the head, as it was sent
  std::string body;
  // Apart from the head, which cannot hold every value of them.
  std::string tracestate;
  std::string content_type;
  std::string prefer;                          // all of them, joined
  std::optional<std::string> idempotency_key;  // likewise, as it was sent
  Instant arrived;                             // its first byte
  std::optional<std::uint32_t> user;           // over the unix socket: whose process sent it
  std::string from;        // who sent it, for the log: "tcp", or "uid:1000" over the unix socket
  bool keep_alive = true;  // the connection is to serve another request after the answer
  int minor_version = 1;   // HTTP/1.1 or HTTP/1.0
  // The service's:
  std::optional<Asked> asked;  // once its head has been parsed
  std::string request_id;

  void set_head(const HttpHead& parsed) {
    method = parsed.method;
    head = head_for_httplib(parsed);
    query = parsed.query();
    tracestate = parsed.joined("tracestate");
    content_type = parsed.field("Content-Type").value_or("");
    prefer = parsed.joined("Prefer");
    if (parsed.field("Idempotency-Key"))
      idempotency_key = parsed.joined("Idempotency-Key");
    minor_version = parsed.minor_version;
  }

  /// Sends a response. Later calls, and calls after the connection broke, do
  /// nothing. Without any the connection waits until its end.
  virtual void answer(HttpResponse response) = 0;

  /// Calls `action`, once, if the caller closes its side of the connection before the answer. Then
  /// it has mostly gone; but it may only have nothing more to send, and still read the answer.
  virtual void when_gone(std::function<void()> action) = 0;
};

}  // namespace mqtt_bridge
