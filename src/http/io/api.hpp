// Parses the head of a request with cpp-httplib, once, and adds what http/decide must not know: the
// clock, random ids, and what the bridge tells of itself.
//
// Threads: the owner serialises.
#pragma once

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/limits/http.hpp"
#include "base/problem.hpp"
#include "exchange/call.hpp"
#include "http/api_options.hpp"
#include "http/decide.hpp"
#include "http/request.hpp"
#include "http/response_bodies.hpp"

namespace mqtt_bridge {

class HttpApi {
 public:
  using Reply = HttpReply;

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

  const HttpApiOptions& options() const { return options_; }
  /// For requests yet to come.
  void set_options(HttpApiOptions options) { options_ = std::move(options); }

  /// A response, or a question for a call, or the call to make (without its correlation data),
  /// which takes the request's body with it.
  using Decided = std::variant<Reply, Call, RouteCall, CallQuestion>;
  Decided begin(HttpRequest& request);
  /// The call that a request of an earlier run asked for, of which the path, the fields that a call
  /// has, and the rest as it came are known; it is not asked again whether it may be made.
  std::variant<Call, RouteCall, Failure> call_again(HttpRequest& request) const;
  /// Whether it asks for events: begin() answers with the head only, which they follow.
  bool is_for_events(HttpRequest& request);
  /// What /status says, in one line.
  std::string status() const;
  /// The same before the body has come: a response only where no body could make it another one.
  std::optional<Reply> refuse_early(HttpRequest& request);
  /// The head of the answer to a batch.
  Reply batch_head(const HttpRequest& request);
  /// The response to the request that begin() got, whose call has ended. Takes the answer's text.
  Reply finish(const HttpRequest& request, Ended& ended);
  /// The same to a request that asks for what became of another's call.
  Reply finish_about(const HttpRequest& request, Ended& ended, AnswerKind kind,
                     std::string_view request_id);
  /// `response`, with the fields that every response has.
  Reply finish(const HttpRequest& request, HttpResponse response);
  /// The same for a call that was not admitted.
  Reply finish(const HttpRequest& request, const Failure& failure);
  /// The same for a request that the server refuses, whose head may be empty. Closes the
  /// connection.
  Reply refuse(HttpRequest& request, const Failure& failure);

 private:
  class Parser;

  std::optional<Asked> asked_by(const std::string& head);
  bool read(HttpRequest& request);
  Decided act(HttpRequest& request);
  Reply tell(const HttpRequest& request, Endpoint::Kind kind);
  Reply dated(Reply reply);

  HttpApiOptions options_;
  Subject* subject_;
  std::unique_ptr<Parser> parser_;
  struct ParsedHead {
    std::string head;
    Asked asked;  // without routes
  };
  std::vector<ParsedHead> parsed_heads_{limits::remembered_heads};  // by hash
  std::time_t date_of_ = 0;
  std::string date_;
};

}  // namespace mqtt_bridge
