// What requests mean: the HTTP contract, on cpp-httplib's routing and serialisation, without its
// sockets and threads. A request passes through the library's handlers twice: begin() validates it
// and either answers at once or says which call to make; when that call has ended, finish() passes
// the same bytes again and writes the answer. A handler is a plain function of a request and
// perhaps an outcome.
//
// Threads: the owner serialises.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/broker_url.hpp"
#include "core/exchanges.hpp"
#include "core/problem.hpp"
#include "shell/http_front.hpp"

namespace mqtt_bridge {

/// Constant after construction.
struct HttpApiOptions {
  BrokerUrl broker;
  std::string netid;                 // empty: every call must name one
  std::vector<std::string> netids;   // served besides; "*" serves any
  std::vector<std::string> actions;  // served besides the five
  std::chrono::milliseconds timeout{};
  std::chrono::milliseconds max_timeout{};
  std::optional<std::string> token;
};

class HttpApi {
 public:
  /// Says why the bridge cannot serve now; nothing when it can.
  using WhyNotReady = std::function<std::optional<std::string>()>;

  HttpApi(HttpApiOptions options, WhyNotReady why_not_ready);
  HttpApi(HttpApi&&) noexcept;
  ~HttpApi();

  /// The first pass: a serialised response, or the call to make (without its correlation data).
  std::variant<std::string, Call> begin(HttpRequest& request);
  /// The second pass, over the request that begin() got: the serialised response.
  std::string finish(const HttpRequest& request, const Ended& ended);
  /// The same for a call that was not admitted.
  std::string finish(const HttpRequest& request, const Failure& failure);
  /// A response to what never became a request. Closes the connection.
  std::string refusal(Problem problem, std::string_view detail);

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace mqtt_bridge
