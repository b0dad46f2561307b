// What requests mean: the HTTP contract, on cpp-httplib's routing and serialisation, without its
// sockets and threads. A request passes through the library's handlers twice: begin() validates it
// and either answers at once or says which call to make; when that call has ended, finish() passes
// the same bytes again and writes the answer. A handler is a plain function of a request and
// perhaps an outcome.
//
// Threads: the owner serialises.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/problem.hpp"
#include "exchange/exchanges.hpp"
#include "http/access.hpp"
#include "http/request.hpp"
#include "mqtt/broker_url.hpp"
#include "mqtt/message.hpp"

namespace mqtt_bridge {

struct HttpApiOptions {
  BrokerUrl broker;
  std::string netid;                 // empty: every call must name one
  std::set<std::string> netids;      // served besides; "*" serves any
  std::vector<std::string> actions;  // served besides the five
  std::chrono::milliseconds timeout{};
  std::chrono::milliseconds max_timeout{};
  std::optional<std::string> token;
  bool open_health = false;  // /healthz, /readyz and /metrics need no token
  Guests guests = {};
};

/// What GET /status tells.
struct BridgeStatus {
  std::optional<std::string> why_not_ready;
  std::string mqtt_version;  // of the link; empty without one
  std::uint64_t times_linked;
  Duration uptime;
  std::size_t in_flight;
  std::size_t queued;
  std::size_t connections;
  std::array<std::uint64_t, dropped_reasons> dropped;
  LostMessages lost;
};

class HttpApi {
 public:
  /// What the API tells about; must outlive it.
  class Subject {
   public:
    virtual BridgeStatus status() const = 0;
    /// In Prometheus's text format.
    virtual std::string metrics() = 0;

   protected:
    ~Subject() = default;
  };

  HttpApi(HttpApiOptions options, Subject& subject);
  HttpApi(HttpApi&&) noexcept;
  ~HttpApi();

  const HttpApiOptions& options() const;
  /// For requests yet to come.
  void set_options(HttpApiOptions options);

  /// A serialised response, and what there is to say about it: what is logged and counted is what
  /// is sent.
  struct Reply {
    HttpResponse response;
    std::optional<Problem> problem = {};
    // Of a request for an action, as far as they could be read; empty where not.
    bool was_to_call = false;
    std::string netid = {};
    std::string action = {};
    std::string traceparent = {};
  };
  /// The first pass: a response, or the call to make (without its correlation data), which takes
  /// the request's body with it.
  std::variant<Reply, Call> begin(HttpRequest& request);
  /// The same before the body has come: a response only where no body could make it another one.
  std::optional<Reply> refuse_early(HttpRequest& request);
  /// The second pass, over the request that begin() got. Takes the answer's text.
  Reply finish(const HttpRequest& request, Ended& ended);
  /// The same for a call that was not admitted.
  Reply finish(const HttpRequest& request, const Failure& failure);
  /// The same for a request that the front refuses; a head of its own where none could be read.
  /// Closes the connection.
  Reply refuse(HttpRequest& request, const Failure& failure);

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace mqtt_bridge
