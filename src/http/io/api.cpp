#include "http/io/api.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/ascii.hpp"
#include "base/duration.hpp"
#include "base/json_string.hpp"
#include "base/limits.hpp"
#include "base/nearest.hpp"
#include "base/utf8.hpp"
#include "exchange/topic.hpp"
#include "http/bearer.hpp"
#include "http/io/httplib_in_memory.hpp"
#include "http/media_type.hpp"
#include "http/query.hpp"
#include "http/trace_context.hpp"
#include "os/io/random.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {
namespace {

using Json = nlohmann::ordered_json;
using httplib::Request;

constexpr const char* text_type = "text/plain; charset=utf-8";
constexpr const char* json_type = "application/json";
constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* problem_type = "application/problem+json";  // RFC 9457 3
constexpr const char* problem_base = "urn:mqtt-bridge:problem:";

/// A body that the library does not see.
struct Body {
  std::string begin = {};
  std::string text = {};
  HttpResponse::Text kind = HttpResponse::Text::plain;
  std::string end = {};

  std::size_t size() const {
    const bool is_json = kind == HttpResponse::Text::inside_json_string;
    return begin.size() + (is_json ? json_size(text) : text.size()) + end.size();
  }
  HttpResponse behind(std::string head) {
    return {std::move(head) + begin, std::move(text), kind, std::move(end)};
  }
};

/// What a handler knows beside the request's head, and where it leaves what it decides.
struct Pass {
  const HttpRequest* request = nullptr;
  Ended* ended = nullptr;            // the second pass
  const Failure* failure = nullptr;  // likewise, or a refusal
  std::optional<Call> call = {};     // decided by the first pass
  std::optional<Body> body = {};
  HttpApi::Reply reply = {};  // what there is to say of it
};

/// RFC 9110 5.6.2 leaves more room; this is what identifiers are made of, and is safe in logs.
bool is_request_id(std::string_view id) {
  constexpr std::string_view others = "-._~:+/=@";
  return !id.empty() && id.size() <= limits::request_id_bytes &&
         std::all_of(id.begin(), id.end(), [&](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  others.find(c) != std::string_view::npos;
         });
}

double milliseconds(Duration duration) {
  return std::round(std::chrono::duration<double, std::milli>(duration).count() * 1000) / 1000;
}

/// How long each part of a call took, in milliseconds, for those parts that it came to.
Json timing_of(const Ended& ended) {
  Json timing;
  if (ended.published) {
    timing["queue"] = milliseconds(*ended.published - ended.arrived);
    if (ended.acknowledged)
      timing["puback"] = milliseconds(*ended.acknowledged - *ended.published_last);
    timing["response"] = milliseconds(ended.ended - *ended.published);
  }
  timing["total"] = milliseconds(ended.ended - ended.arrived);
  return timing;
}

std::string server_timing(const Ended& ended) {
  const Json timing = timing_of(ended);
  std::string field;
  for (const auto& [name, duration] : timing.items()) {
    field += (field.empty() ? "" : ", ") + name + ";dur=" + duration.dump();
  }
  return field;
}

/// RFC 9110 5.6.7.
std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return text.data();
}

/// "%2F" is not the slash that separates (RFC 3986 2.2), but the library decodes it into one.
bool has_encoded_slash(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  return path.find("%2F") != std::string_view::npos || path.find("%2f") != std::string_view::npos;
}

// Parameters of a call --------------------------------------------------------------------------

constexpr std::array<std::string_view, 3> parameter_names{"netid", "timeout", "broker"};

using Parameters = std::vector<QueryParameter>;

std::optional<std::string> value_of(const Parameters& parameters, std::string_view name) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [name](const auto& each) { return each.name == name; });
  if (found == parameters.end())
    return std::nullopt;
  return found->value;
}

/// A misspelt parameter would otherwise be a call to another NetID, or one that waits for long.
std::string unknown_parameter(std::string_view name) {
  constexpr std::size_t longest_shown = 64;
  const bool is_shown = is_utf8(name) && name.size() <= longest_shown;
  const std::string_view meant = nearest(name, parameter_names);
  std::string detail = is_shown ? "there is no parameter '" + std::string(name) + "'; "
                                : "there is no such parameter; ";
  if (!meant.empty())
    return detail.append("did you mean ").append(meant).append("?");
  return detail + "the parameters are netid, timeout and broker";
}

/// What is wrong with them whatever their values are.
std::optional<Failure> why_not(const Parameters& parameters) {
  for (auto each = parameters.begin(); each != parameters.end(); ++each) {
    const auto& name = each->name;
    const auto is_namesake = [&name](const auto& other) { return other.name == name; };
    if (std::find(parameter_names.begin(), parameter_names.end(), name) == parameter_names.end())
      return Failure{Problem::invalid_parameter, unknown_parameter(name), {}};
    if (std::any_of(parameters.begin(), each, is_namesake))
      return Failure{Problem::invalid_parameter, name + " is given twice", {}};
  }
  return std::nullopt;
}

/// A text read in the wrong charset would be answered by a wrong one.
Failure foreign(const std::string& charset) {
  constexpr std::size_t longest_shown = 32;
  const bool is_shown = ascii::is_token(charset) && charset.size() <= longest_shown;
  return {Problem::unsupported_media_type,
          "send the text as UTF-8 (Content-Type: text/plain; charset=utf-8), not as " +
              (is_shown ? charset : "what its charset says"),
          {}};
}

}  // namespace

class HttpApi::Server : public InMemoryServer {
 public:
  Server(HttpApiOptions options, Subject& subject)
      : options_(std::move(options)), subject_(subject) {
    set_pre_routing_handler([this](const Request& request, httplib::Response& response) {
      return check(request, response) ? HandlerResponse::Handled : HandlerResponse::Unhandled;
    });
    Post("/transform/([^/]*)", [this](const Request& request, httplib::Response& response) {
      transform(request, response);
    });
    const Handler alive = [](const Request&, httplib::Response& response) {
      response.set_content("ok\n", text_type);
    };
    const Handler readiness = [this](const Request&, httplib::Response& response) {
      ready(response);
    };
    Get("/healthz", alive).Options("/healthz", alive);
    Get("/readyz", readiness).Options("/readyz", readiness);
    Get("/metrics", [this](const Request&, httplib::Response& response) {
      response.set_content(subject_.metrics(), metrics_type);
    });
    Get("/status", [this](const Request&, httplib::Response& response) { tell(response); });
    set_error_handler([this](const Request&, httplib::Response& response) { explain(response); });
    set_exception_handler(
        [this](const Request&, httplib::Response& response, const std::exception_ptr&) {
          fail(response, Problem::internal_error, "this is a fault of the bridge");
        });
    set_post_routing_handler([this](const Request& request, httplib::Response& response) {
      complete_fields(request, response);
    });
  }

  void set_options(HttpApiOptions options) { options_ = std::move(options); }
  const HttpApiOptions& options() const { return options_; }

  void run(Pass& pass) {
    pass_ = &pass;
    std::string head = process(with_known_method(pass.request->head));
    pass_ = nullptr;
    pass.reply.response = pass.body ? pass.body->behind(std::move(head)) : HttpResponse(head);
  }

 private:
  std::string_view method() const {
    const std::string_view head = pass_->request->head;
    return head.substr(0, head.find(' '));
  }

  /// Those of RFC 9110 9.3 and RFC 5789; of others we cannot say that a resource does not allow
  /// them.
  static bool is_known(std::string_view method) {
    constexpr std::array known{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"};
    return std::find(known.begin(), known.end(), method) != known.end();
  }

  /// The library answers 400 to a method that it does not know, wherever it is sent; every release
  /// knows OPTIONS.
  std::string with_known_method(const std::string& head) const {
    const bool is_foreign = !is_known(method()) || method() == "TRACE";
    return is_foreign ? "OPTIONS" + head.substr(method().size()) : head;
  }

  struct Route {
    std::string_view path;
    std::string_view allow;
    bool is_health;  // needs no token where the operator says so
  };
  static constexpr std::string_view transform_path = "/transform/";
  /// HAProxy asks for health by OPTIONS, unless told otherwise.
  static constexpr std::array routes{
      Route{"/healthz", "GET, HEAD, OPTIONS", true}, Route{"/readyz", "GET, HEAD, OPTIONS", true},
      Route{"/metrics", "GET, HEAD", true}, Route{"/status", "GET, HEAD", false}};

  static const Route* route_of(std::string_view path) {
    const auto found = std::find_if(routes.begin(), routes.end(),
                                    [path](const Route& each) { return each.path == path; });
    return found != routes.end() ? &*found : nullptr;
  }

  /// Before any handler. True when the response is decided.
  bool check(const Request& request, httplib::Response& response) {
    const bool is_nowhere = has_encoded_slash(request.target);
    pass_->reply.was_to_call = request.path.starts_with(transform_path) && !is_nowhere;
    if (pass_->ended != nullptr)
      return false;  // it was let in, whatever has been reloaded since
    if (pass_->failure != nullptr) {
      respond(response, *pass_->failure);
    } else if (is_preflight(request)) {
      admit_guest(response);
    } else if (!is_authorized(request)) {
      fail(response, Problem::unauthorized, "send the bearer token of this bridge");
    } else if (is_ping(request)) {
      response.status = 200;
    } else if (!is_known(method())) {  // RFC 9110 9.1
      fail(response, Problem::not_implemented, "this method is not implemented");
    } else if (is_nowhere) {
      fail(response, Problem::not_found, "there is nothing here");
    } else if (const std::string_view allow = allowed_methods(request.path);
               !allow.empty() && allow.find(method()) == std::string_view::npos) {
      fail(response, Problem::method_not_allowed, "use " + std::string(allow) + " here");
    } else if (is_multipart(pass_->request->content_type)) {
      fail(response, Problem::unsupported_media_type, "send the text itself as the body");
    } else if (request.has_header("Content-Encoding")) {
      fail(response, Problem::unsupported_media_type, "send the text without a Content-Encoding");
    } else {
      return false;
    }
    return true;
  }

  /// A browser asks whether a page of a guest's may send what it wants to (Fetch 3.2.2).
  bool is_preflight(const Request& request) const {
    return method() == "OPTIONS" && request.has_header("Access-Control-Request-Method") &&
           is_guest(request.get_header_value("Origin"), options_.guests);
  }

  /// Whether it asks about the server as a whole (RFC 9110 9.3.7), as HAProxy's check does by
  /// default.
  bool is_ping(const Request& request) const {
    return method() == "OPTIONS" && (request.path == "*" || request.path == "/");
  }

  /// 200, since the library gives 204 a Content-Length, which it must not have (RFC 9110 8.6).
  static void admit_guest(httplib::Response& response) {
    response.status = 200;
    response.set_header("Access-Control-Allow-Methods", "GET, HEAD, POST");
    response.set_header("Access-Control-Allow-Headers",
                        "Accept, Authorization, Content-Type, Request-Id, traceparent, tracestate");
    response.set_header("Access-Control-Max-Age", "600");
  }

  bool is_authorized(const Request& request) const {
    const Route* const route = route_of(request.path);
    const bool is_health = is_ping(request) || (route != nullptr && route->is_health);
    if (!options_.token || (options_.open_health && is_health))
      return true;
    const std::string field = request.get_header_value("Authorization");
    const auto token = parse_bearer(field);
    return token && constant_time_equal(*token, *options_.token);
  }

  static std::string_view allowed_methods(std::string_view path) {
    const bool is_transform = path.substr(0, transform_path.size()) == transform_path;
    if (is_transform && path.find('/', transform_path.size()) == std::string_view::npos)
      return "POST";
    const Route* const route = route_of(path);
    return route != nullptr ? route->allow : std::string_view();
  }

  void transform(const Request& request, httplib::Response& response) {
    if (pass_->ended != nullptr)
      return finish(request, response, *pass_->ended);
    auto decision = call_of(request);
    if (const auto* failure = std::get_if<Failure>(&decision))
      return respond(response, *failure);
    pass_->call = std::get<Call>(std::move(decision));
  }

  /// The call that `request` asks for, or what is wrong with it.
  std::variant<Call, Failure> call_of(const Request& request) const {
    const std::string name = request.matches[1];
    if (!is_served_action(name))
      return unknown_action(name);
    if (const auto charset = foreign_charset(pass_->request->content_type))
      return foreign(*charset);
    if (!is_utf8(pass_->request->body)) {
      return Failure{Problem::invalid_payload, "the body is not UTF-8 text", {}};
    }
    const Parameters parameters = parse_query(pass_->request->query);
    if (auto failure = why_not(parameters))
      return *std::move(failure);
    const std::string netid = value_of(parameters, "netid").value_or(options_.netid);
    if (auto failure = why_not_netid_of_call(netid))
      return *std::move(failure);
    if (auto failure = why_not_broker(value_of(parameters, "broker")))
      return *std::move(failure);
    const auto timeout = timeout_of(value_of(parameters, "timeout"));
    if (!timeout)
      return bad_timeout();
    const std::string traceparent = request.get_header_value("traceparent");
    const std::string& tracestate = pass_->request->tracestate;
    const bool is_traced = is_traceparent(traceparent);
    return Call{.netid = netid,
                .action = name,
                .payload = {},  // begin() moves it
                .correlation = {},
                .traceparent = is_traced ? traceparent : "",
                .tracestate = is_traced && is_tracestate(tracestate) ? tracestate : "",
                .arrived = pass_->request->arrived,
                .deadline = pass_->request->arrived + *timeout};
  }

  /// Nothing when it is not one that a call may name.
  std::optional<std::chrono::milliseconds> timeout_of(
      const std::optional<std::string>& wanted) const {
    if (!wanted)
      return options_.timeout;
    const auto timeout = parse_duration(*wanted);
    const bool is_valid =
        timeout && *timeout >= limits::min_timeout && *timeout <= options_.max_timeout;
    return is_valid ? timeout : std::nullopt;
  }

  Failure bad_timeout() const {
    return {Problem::invalid_parameter,
            "timeout is a duration from 1ms to " + duration_text(options_.max_timeout) +
                ", such as 1500ms or 2s",
            {}};
  }

  bool is_served_action(const std::string& name) const {
    const auto& more = options_.actions;
    return parse_action(name) || std::find(more.begin(), more.end(), name) != more.end();
  }

  Failure unknown_action(std::string_view name) const {
    std::string known;
    for (const Action action : all_actions) {
      known.append(known.empty() ? "" : ", ").append(to_string(action));
    }
    for (const auto& action : options_.actions)
      known.append(", ").append(action);
    return {Problem::unknown_action,
            (is_utf8(name) && name.size() < 64 ? "there is no action '" + std::string(name) + "'; "
                                               : "there is no such action; ") +
                "the actions are " + known + "; --action adds others",
            {}};
  }

  std::optional<Failure> why_not_netid_of_call(const std::string& netid) const {
    if (auto why = why_not_netid(netid))
      return Failure{Problem::invalid_netid, *why, {}};
    const auto& served = options_.netids;
    if (netid == options_.netid || served.contains(netid) || served.contains("*"))
      return std::nullopt;
    return Failure{
        Problem::netid_not_served,
        "this bridge does not serve the NetID " + netid + "; its --netids has to name it",
        {}};
  }

  std::optional<Failure> why_not_broker(const std::optional<std::string>& wanted) const {
    if (!wanted)
      return std::nullopt;
    const auto broker = parse_host_port(*wanted, 1883);
    if (const auto* why = std::get_if<std::string>(&broker)) {
      return Failure{Problem::invalid_parameter, "broker: " + *why, {}};
    }
    const auto& [host, port] = std::get<HostPort>(broker);
    if (same_broker(options_.broker, host, port))
      return std::nullopt;
    return Failure{Problem::wrong_broker, "this bridge serves " + to_string(options_.broker), {}};
  }

  void finish(const Request& request, httplib::Response& response, Ended& ended) {
    response.set_header("Server-Timing", server_timing(ended));
    if (const auto* failure = std::get_if<Failure>(&ended.outcome)) {
      return respond(response, *failure);
    }
    Answer& answer = std::get<Answer>(ended.outcome);
    if (request.get_header_value("Accept") != json_type)  // canonical_head() has judged it
      return send(response, text_type, {.text = std::move(answer.payload)});
    Json more{{"matched_by", to_string(answer.matched_by)},
              {"request_id", pass_->request->request_id},
              {"milliseconds", timing_of(ended)}};
    if (!answer.responder.empty())
      more["responder"] = answer.responder;
    send(response, json_type,
         {.begin = "{\"response\":\"",
          .text = std::move(answer.payload),
          .kind = HttpResponse::Text::inside_json_string,
          .end = "\"," + dump(more).substr(1) + "\n"});
  }

  /// The library would copy it.
  void send(httplib::Response& response, const char* type, Body body) {
    response.set_header("Content-Type", type);
    response.set_header("Content-Length", std::to_string(body.size()));
    pass_->body = std::move(body);
  }

  void ready(httplib::Response& response) const {
    const auto why_not = subject_.status().why_not_ready;
    if (!why_not)
      return response.set_content("ready\n", text_type);
    fail(response, Problem::broker_unavailable, *why_not);
  }

  void tell(httplib::Response& response) const {
    const BridgeStatus status = subject_.status();
    Json dropped;
    for (std::size_t i = 0; i < status.dropped.size(); ++i)
      dropped[std::string(to_string(static_cast<Dropped>(i)))] = status.dropped[i];
    dropped["too-large"] = status.lost.too_large;
    dropped["inbox-full"] = status.lost.inbox_full;
    Json json{
        {"version", MQTT_BRIDGE_VERSION},
        {"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(status.uptime).count()},
        {"ready", !status.why_not_ready},
        {"broker", to_string(options_.broker)},
        {"mqtt_version", status.mqtt_version},
        {"times_linked", status.times_linked},
        {"netid", options_.netid},
        {"netids", options_.netids},
        {"actions", options_.actions},
        {"calls", {{"in_flight", status.in_flight}, {"queued", status.queued}}},
        {"http_connections", status.connections},
        {"dropped_responses", dropped}};
    if (status.why_not_ready)
      json["why_not_ready"] = *status.why_not_ready;
    response.set_content(dump(json) + "\n", json_type);
  }

  /// The library found no handler, or refused the request itself.
  void explain(httplib::Response& response) const {
    if (!response.body.empty())
      return;
    if (pass_->failure != nullptr)
      return respond(response, *pass_->failure);
    if (response.status == 404)
      return fail(response, Problem::not_found, "there is nothing here");
    fail(response, Problem::malformed_request, "the request could not be read");
  }

  void fail(httplib::Response& response, Problem problem, std::string detail) const {
    respond(response, Failure{problem, std::move(detail), {}});
  }

  void respond(httplib::Response& response, const Failure& failure) const {
    const ProblemKind& kind = describe(failure.problem);
    pass_->reply.problem = failure.problem;
    response.status = failure.status.value_or(kind.status);
    Json json{{"type", problem_base + std::string(kind.slug)},
              {"title", kind.title},
              {"status", response.status},
              {"detail", failure.detail},
              {"request_id", pass_->request->request_id},
              {"retryable", kind.retryable == Retryable::yes && !may_be_carried_out()}};
    if (failure.retry_after) {
      const auto seconds = std::chrono::ceil<std::chrono::seconds>(*failure.retry_after).count();
      response.set_header("Retry-After", std::to_string(seconds));
    } else if (kind.status == 503 && kind.retryable == Retryable::yes) {
      response.set_header("Retry-After", "1");
    }
    response.set_content(dump(json) + "\n", problem_type);
  }

  bool may_be_carried_out() const {
    return pass_->ended != nullptr && pass_->ended->may_be_carried_out;
  }

  /// A reason or a NetID may hold anything.
  static std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  /// Releases differ in what they say about the connection; it is the front's to say.
  void complete_fields(const Request& request, httplib::Response& response) const {
    if (pass_->call)
      return;  // nobody will see it
    response.headers.erase("Connection");
    response.headers.erase("Keep-Alive");
    response.headers.erase("Accept-Ranges");
    if (!pass_->request->keep_alive)
      response.set_header("Connection", "close");
    else if (pass_->request->minor_version == 0)  // which goes unless told so (RFC 9112 C.2.2)
      response.set_header("Connection", "keep-alive");
    if (response.status == 401)  // whoever named it (RFC 9110 15.5.2)
      response.set_header("WWW-Authenticate", "Bearer");
    const std::string_view allow =
        is_ping(request) ? "GET, HEAD, OPTIONS, POST" : allowed_methods(request.path);
    const bool says_methods = response.status == 405 || method() == "OPTIONS";
    if (says_methods && !allow.empty())  // RFC 9110 15.5.6 and 9.3.7
      response.set_header("Allow", std::string(allow));
    response.set_header("Request-Id", pass_->request->request_id);
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_header("Cache-Control", "no-store");
    response.set_header("Date", http_date());  // RFC 9110 6.6.1
    if (pass_->reply.problem && pass_->reply.was_to_call)
      tell_call(request, pass_->reply);
    if (options_.guests.origins.empty())
      return;
    response.set_header("Vary", "Origin");
    const std::string origin = request.get_header_value("Origin");
    if (!is_guest(origin, options_.guests))
      return;
    response.set_header("Access-Control-Allow-Origin", origin);
    response.set_header("Access-Control-Expose-Headers", "Request-Id, Retry-After, Server-Timing");
  }

  /// What a refused request was about, for the log.
  void tell_call(const Request& request, Reply& reply) const {
    const std::string action = request.path.substr(transform_path.size());
    if (is_action_name(action))
      reply.action = action;
    const std::string netid =
        value_of(parse_query(pass_->request->query), "netid").value_or(options_.netid);
    if (!why_not_netid(netid))
      reply.netid = netid;
    const std::string traceparent = request.get_header_value("traceparent");
    if (is_traceparent(traceparent))
      reply.traceparent = traceparent;
  }

  HttpApiOptions options_;
  Subject& subject_;
  Pass* pass_ = nullptr;
};

HttpApi::HttpApi(HttpApiOptions options, Subject& subject)
    : server_(std::make_unique<Server>(std::move(options), subject)) {}
HttpApi::HttpApi(HttpApi&&) noexcept = default;
HttpApi::~HttpApi() = default;

namespace {

/// The caller's Request-Id, out of the canonical head; a random one when it sent no usable one.
std::string request_id_of(std::string_view head) {
  for (const std::string_view name : {"\r\nRequest-Id: ", "\r\nX-Request-Id: "}) {
    const auto field = head.find(name);
    if (field == std::string_view::npos)
      continue;
    const auto begin = field + name.size();
    const auto id = head.substr(begin, head.find("\r\n", begin) - begin);
    if (is_request_id(id))
      return std::string(id);
  }
  return random_hex(8);
}

/// Once: a request may be looked at before its body has come, and again.
void name(HttpRequest& request) {
  if (request.request_id.empty())
    request.request_id = request_id_of(request.head);
}

}  // namespace

const HttpApiOptions& HttpApi::options() const {
  return server_->options();
}

void HttpApi::set_options(HttpApiOptions options) {
  server_->set_options(std::move(options));
}

std::variant<HttpApi::Reply, Call> HttpApi::begin(HttpRequest& request) {
  name(request);
  Pass pass{.request = &request};
  server_->run(pass);
  if (!pass.call)
    return std::move(pass.reply);
  pass.call->payload = std::move(request.body);
  return *std::move(pass.call);
}

std::optional<HttpApi::Reply> HttpApi::refuse_early(HttpRequest& request) {
  auto decision = begin(request);
  auto* const reply = std::get_if<Reply>(&decision);
  if (reply == nullptr || !reply->problem)
    return std::nullopt;
  return std::move(*reply);
}

HttpApi::Reply HttpApi::finish(const HttpRequest& request, Ended& ended) {
  Pass pass{.request = &request, .ended = &ended};
  server_->run(pass);
  return std::move(pass.reply);
}

HttpApi::Reply HttpApi::finish(const HttpRequest& request, const Failure& failure) {
  Pass pass{.request = &request, .failure = &failure};
  server_->run(pass);
  return std::move(pass.reply);
}

HttpApi::Reply HttpApi::refuse(HttpRequest& request, const Failure& failure) {
  if (request.head.empty())
    request.head = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  request.keep_alive = false;
  name(request);
  return finish(request, failure);
}

}  // namespace mqtt_bridge
