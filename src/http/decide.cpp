#include "http/decide.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "exchange/topic.hpp"
#include "http/access.hpp"
#include "http/bearer.hpp"
#include "http/call_request.hpp"
#include "http/front_page.hpp"
#include "http/hints.hpp"
#include "http/later_wish.hpp"
#include "http/media_type.hpp"
#include "http/response_bodies.hpp"
#include "http/route_call.hpp"
#include "http/runbook.hpp"
#include "http/trace_context.hpp"

namespace mqtt_bridge {
namespace {

/// What could not be read asked for nothing.
const Asked& asked_of(const HttpRequest& request) {
  static const Asked nothing;
  return request.asked ? *request.asked : nothing;
}

/// Whether it asks about the server as a whole (RFC 9110 9.3.7), as HAProxy's check does by
/// default.
bool is_ping(const HttpRequest& request) {
  const std::string_view path = asked_of(request).path;
  return request.method == "OPTIONS" && (path == "*" || path == "/");
}

/// A browser asks whether a page of a guest's may send what it wants to (Fetch 3.2.2).
bool is_preflight(const HttpRequest& request, const AllowList& allow_list) {
  const Asked& asked = asked_of(request);
  return request.method == "OPTIONS" && !asked.field("Access-Control-Request-Method").empty() &&
         is_allowed_origin(asked.field("Origin"), allow_list);
}

/// Calls of such a route are asked for with its token.
bool is_token_of_a_route(std::string_view token, const HttpApiOptions& options) {
  const auto& routes = options.routes->all();
  return std::any_of(routes.begin(), routes.end(), [token](const auto& route) {
    return route->token && constant_time_equal(token, *route->token);
  });
}

bool is_authorized(const HttpRequest& request, const HttpApiOptions& options) {
  const Endpoint* const endpoint = asked_of(request).endpoint;
  if (endpoint != nullptr && endpoint->kind == Endpoint::Kind::call &&
      !token_of(request, options).empty())
    return true;
  const bool is_health =
      is_ping(request) || (endpoint != nullptr && endpoint->token == Endpoint::Token::unless_open);
  const auto route = asked_of(request).route_for(request.method);
  const auto& wanted = route && route->token ? route->token : options.token;
  const bool is_public = endpoint != nullptr && endpoint->token == Endpoint::Token::never &&
                         (request.method == "GET" || request.method == "HEAD");
  if (!wanted || is_public || (options.open_health && is_health))
    return true;
  const auto token = parse_bearer(asked_of(request).field("Authorization"));
  return token && constant_time_equal(*token, *wanted);
}

HttpResponse admission_of_guest() {
  HttpResponse response;
  response.add("Access-Control-Allow-Methods", methods_of_pages());
  response.add("Access-Control-Allow-Headers", fields_of_pages());
  response.add("Access-Control-Max-Age", "600");
  return response;
}

/// The methods of a path, as an Allow field lists them (RFC 9110 10.2.1); empty where there is
/// nothing.
std::string allow_at(const Asked& asked) {
  if (asked.endpoint != nullptr)
    return std::string(asked.endpoint->allow);
  std::string list;
  for (const auto& route : asked.routes) {
    for (const auto& method : route->methods) {
      if (asked.route_for(method) == route)
        list.append(list.empty() ? "" : ", ").append(method);
    }
  }
  return list;
}

/// What is wrong with an authorized request, whatever its endpoint makes of it.
std::optional<Failure> why_not_served(const HttpRequest& request, const HttpApiOptions& options) {
  const Asked& asked = asked_of(request);
  if (!is_known_method(request.method))  // RFC 9110 9.1
    return Failure{Problem::not_implemented, "this method is not implemented", {}};
  if (asked.has_encoded_slash)
    return Failure{Problem::not_found, why_not_found(request, options), {}};
  const bool is_allowed = asked.endpoint != nullptr ? asked.endpoint->allows(request.method)
                                                    : asked.route_for(request.method) != nullptr;
  if (const std::string allow = allow_at(asked); !allow.empty() && !is_allowed)
    return Failure{Problem::method_not_allowed, why_not_allowed(request, allow), {}};
  if (is_multipart(request.content_type))
    return Failure{Problem::unsupported_media_type, "send the text itself as the body", {}};
  if (!asked.field("Content-Encoding").empty()) {
    return Failure{Problem::unsupported_media_type, "send the text without a Content-Encoding", {}};
  }
  if (asked.endpoint == nullptr && asked.routes.empty())
    return Failure{Problem::not_found, why_not_found(request, options), {}};
  return std::nullopt;
}

bool was_to_call(const Asked& asked) {
  return (asked.path.starts_with(endpoint::transform_path) || !asked.routes.empty()) &&
         !asked.has_encoded_slash;
}

/// What a refused request was about, for the log.
void tell_call(const HttpRequest& request, const HttpApiOptions& options, HttpReply& reply) {
  const Asked& asked = asked_of(request);
  const std::string_view traceparent = asked.field("traceparent");
  if (is_traceparent(traceparent))
    reply.traceparent = traceparent;
  if (!asked.routes.empty()) {
    const auto route = asked.route_for(request.method);
    reply.route = (route ? route : asked.routes.front())->path;
    return;
  }
  std::string action(endpoint::action_in(asked.path));
  if (is_action_name(action))
    reply.action = std::move(action);
  std::string netid = netid_of(request, options);
  if (!why_not_netid(netid))
    reply.netid = std::move(netid);
}

HttpReply refuse(const HttpRequest& request, const HttpApiOptions& options, const Failure& failure,
                 Retryable retryable, std::string_view request_id) {
  HttpReply reply = reply_with(request, options, problem_response(failure, retryable, request_id));
  reply.problem = failure.problem;
  if (reply.was_to_call)
    tell_call(request, options, reply);
  return reply;
}

// The fields of every response -------------------------------------------------------------------

void add_connection(const HttpRequest& request, HttpResponse& response) {
  if (!request.keep_alive)
    response.add("Connection", "close");
  else if (request.minor_version == 0)  // which goes unless told so (RFC 9112 C.2.2)
    response.add("Connection", "keep-alive");
}

/// RFC 9110 15.5.6 and 9.3.7; a 405 may be a responder's.
void add_allow(const HttpRequest& request, HttpResponse& response) {
  if (response.status != 405 && request.method != "OPTIONS")
    return;
  if (is_ping(request))
    response.add("Allow", all_methods());
  else if (std::string allow = allow_at(asked_of(request)); !allow.empty())
    response.add("Allow", std::move(allow));
}

void add_cross_origin(const HttpRequest& request, const AllowList& allow_list,
                      HttpResponse& response) {
  if (allow_list.origins.empty())
    return;
  response.add("Vary", "Origin");
  const std::string_view origin = asked_of(request).field("Origin");
  if (!is_allowed_origin(origin, allow_list))
    return;
  response.add("Access-Control-Allow-Origin", std::string(origin));
  response.add("Access-Control-Expose-Headers", std::string(fields_for_pages));
}

HttpReply runbook_reply(const HttpRequest& request, const HttpApiOptions& options) {
  const auto slug = std::string_view(asked_of(request).path).substr(endpoint::runbook_path.size());
  const std::string_view entry = runbook_entry(slug);
  if (entry.empty())
    return refuse(request, options, {Problem::not_found, "there is no problem of this name", {}});
  return reply_with(request, options, text_response(std::string(entry)));
}

}  // namespace

Decision decide(const HttpRequest& request, const HttpApiOptions& options) {
  if (is_preflight(request, options.allow_list))
    return reply_with(request, options, admission_of_guest());
  if (!is_authorized(request, options)) {
    const auto route = asked_of(request).route_for(request.method);
    const std::string whose = route && route->token ? "route" : "bridge";
    return refuse(request, options,
                  {Problem::unauthorized,
                   "send the token of this " + whose + ": Authorization: Bearer TOKEN",
                   {}});
  }
  if (is_ping(request))
    return reply_with(request, options, {});
  if (const auto failure = why_not_served(request, options))
    return refuse(request, options, *failure);
  if (const auto failure = why_not_key(request))
    return refuse(request, options, *failure);
  if (const auto failure = why_not_callback(request, options.callbacks))
    return refuse(request, options, *failure);
  if (!asked_of(request).routes.empty()) {
    auto call = route_call_of(request, options);
    if (const auto* failure = std::get_if<Failure>(&call))
      return refuse(request, options, *failure);
    return std::get<RouteCall>(std::move(call));
  }
  const Endpoint::Kind kind = asked_of(request).endpoint->kind;
  if (kind == Endpoint::Kind::call)
    return CallQuestion{asked_of(request).path.substr(endpoint::calls_path.size())};
  if (kind == Endpoint::Kind::alive)
    return reply_with(request, options, text_response("ok\n"));
  if (kind == Endpoint::Kind::runbook)
    return runbook_reply(request, options);
  if (kind == Endpoint::Kind::page)
    return reply_with(request, options, front_page(*request.asked, options));
  if (kind != Endpoint::Kind::transform)
    return kind;
  auto call = call_of(request, options);
  if (const auto* failure = std::get_if<Failure>(&call))
    return refuse(request, options, *failure);
  return std::get<Call>(std::move(call));
}

HttpReply respond(const HttpRequest& request, const HttpApiOptions& options, Ended& ended) {
  return respond_about(request, options, ended, answer_kind_of(request), request.request_id);
}

AnswerKind answer_kind_of(const HttpRequest& request) {
  const auto route = asked_of(request).route_for(request.method);
  return route ? AnswerKind{.is_route = true, .is_json = route->is_json()} : AnswerKind{};
}

std::string_view token_of(const HttpRequest& request, const HttpApiOptions& options) {
  const auto token = parse_bearer(asked_of(request).field("Authorization"));
  if (!token)
    return {};
  const bool is_ours = options.token && constant_time_equal(*token, *options.token);
  return is_ours || is_token_of_a_route(*token, options) ? *token : std::string_view();
}

HttpReply respond_about(const HttpRequest& request, const HttpApiOptions& options, Ended& ended,
                        AnswerKind kind, std::string_view request_id) {
  std::string timing = server_timing(ended);
  HttpReply reply;
  if (const auto* failure = std::get_if<Failure>(&ended.outcome)) {
    reply = refuse(request, options, *failure,
                   ended.may_be_carried_out ? Retryable::no : Retryable::yes, request_id);
  } else {
    const bool wants_json =  // head_for_httplib() judged it
        asked_of(request).field("Accept") == "application/json";
    reply = reply_with(
        request, options,
        kind.is_route
            ? route_answer_response(ended, kind.is_json)
            : answer_response(ended, wants_json ? AnswerAs::json : AnswerAs::text, request_id));
  }
  reply.response.add("Server-Timing", std::move(timing));
  return reply;
}

HttpReply refuse(const HttpRequest& request, const HttpApiOptions& options,
                 const Failure& failure) {
  return refuse(request, options, failure, Retryable::yes, request.request_id);
}

HttpReply reply_with(const HttpRequest& request, const HttpApiOptions& options,
                     HttpResponse response) {
  add_connection(request, response);
  if (response.status == 401)  // also one that a responder named (RFC 9110 15.5.2)
    response.add("WWW-Authenticate", "Bearer");
  add_allow(request, response);
  response.add("Request-Id", request.request_id);
  response.add("X-Content-Type-Options", "nosniff");
  response.add("Cache-Control", "no-store");
  add_cross_origin(request, options.allow_list, response);
  response.is_to_head = request.method == "HEAD";
  return {.response = std::move(response), .was_to_call = was_to_call(asked_of(request))};
}

}  // namespace mqtt_bridge
