// Decides what a request means: answers it at once, or makes a call of it; and makes a response of
// a call that has ended. Says nothing of how a head is parsed, nor of how a response is sent. Pure
// functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/problem.hpp"
#include "exchange/call.hpp"
#include "http/api_options.hpp"
#include "http/endpoints.hpp"
#include "http/request.hpp"
#include "http/response.hpp"
#include "route/route_request.hpp"

namespace mqtt_bridge {

/// A response, and what there is to say about it: what is logged and counted is what is sent.
struct HttpReply {
  HttpResponse response;
  std::optional<Problem> problem = {};
  // Of a request for an action, as far as they could be read; empty where not.
  bool was_to_call = false;
  std::string netid = {};
  std::string action = {};
  std::string route = {};  // its path, as it is configured
  std::string traceparent = {};
};

/// A question for what became of a call that is answered later; or, by DELETE, to give it up.
struct CallQuestion {
  std::string id;  // as it was sent
};

/// A reply, the call to make (see call_of() and route_call_of()), a question, or the endpoint for
/// which the bridge is to tell what it knows: `ready`, `metrics` or `status`.
using Decision = std::variant<HttpReply, Call, RouteCall, CallQuestion, Endpoint::Kind>;

Decision decide(const HttpRequest& request, const HttpApiOptions& options);

/// The reply once the call has ended. Takes the answer's text.
HttpReply respond(const HttpRequest& request, const HttpApiOptions& options, Ended& ended);

/// What a call was to, as far as its answer depends on it.
struct AnswerKind {
  bool is_route = false;
  bool is_json = false;  // as Route has it
};
AnswerKind answer_kind_of(const HttpRequest& request);

/// The same to a request that asks for what became of a call. `request_id`: of that call.
HttpReply respond_about(const HttpRequest& request, const HttpApiOptions& options, Ended& ended,
                        AnswerKind kind, std::string_view request_id);

/// The bearer token by which it may call; empty where it needs none.
std::string_view token_of(const HttpRequest& request, const HttpApiOptions& options);

/// The reply to a request that cannot be served.
HttpReply refuse(const HttpRequest& request, const HttpApiOptions& options, const Failure& failure);

/// `response` with the fields that every response has, but for Date.
HttpReply reply_with(const HttpRequest& request, const HttpApiOptions& options,
                     HttpResponse response);

}  // namespace mqtt_bridge
