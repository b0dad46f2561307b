#include "http/io/api.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <functional>
#include <string_view>
#include <utility>

#include "base/ascii.hpp"
#include "base/limits/http.hpp"
#include "http/call_request.hpp"
#include "http/io/httplib_in_memory.hpp"
#include "http/route_call.hpp"
#include "os/io/random.hpp"

namespace mqtt_bridge {
namespace {

/// RFC 9110 5.6.2 leaves more room; this is what identifiers are made of, and is safe in logs.
bool is_request_id(std::string_view id) {
  constexpr std::string_view others = "-._~:+/=@";
  return !id.empty() && id.size() <= limits::request_id_bytes &&
         std::all_of(id.begin(), id.end(), [&](char c) {
           return ascii::is_digit(c) || ascii::is_alpha(c) ||
                  others.find(c) != std::string_view::npos;
         });
}

/// The caller's, or a random one where it sent no usable one.
std::string request_id_of(const Asked& asked) {
  for (const std::string_view name : {"Request-Id", "X-Request-Id"}) {
    const std::string_view id = asked.field(name);
    if (is_request_id(id))
      return std::string(id);
  }
  return random_hex(8);
}

/// RFC 9110 5.6.7.
std::string http_date(std::time_t now) {
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return text.data();
}

bool has_encoded_slash(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  return path.find("%2F") != std::string_view::npos || path.find("%2f") != std::string_view::npos;
}

Asked asked_of(const httplib::Request& request) {
  Asked asked{.path = request.path, .has_encoded_slash = has_encoded_slash(request.target)};
  asked.endpoint = endpoint::of(asked.path);
  for (const auto& [name, value] : request.headers) {
    if (const ReadField* const field = read_field(name))
      asked.fields.push_back({field->name, value});
  }
  return asked;
}

}  // namespace

/// What the daemon uses cpp-httplib for: parsing a request's head, and decoding its path, in one
/// pass. The request is taken before the library routes it, since its routes are regular
/// expressions (0.11), which take as long as all the rest; endpoints.hpp has ours. So the library's
/// own response says nothing, and goes nowhere.
class HttpApi::Parser : public InMemoryServer {
 public:
  Parser() {
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      asked_ = asked_of(request);
      response.status = 200;
      return HandlerResponse::Handled;
    });
  }

  /// Nothing when the library refuses `head`.
  std::optional<Asked> parse(std::string_view head) {
    asked_.reset();
    process(head);
    return std::exchange(asked_, std::nullopt);
  }

 private:
  std::optional<Asked> asked_;
};

HttpApi::HttpApi(HttpApiOptions options, Subject& subject)
    : options_(std::move(options)), subject_(&subject), parser_(std::make_unique<Parser>()) {}
HttpApi::HttpApi(HttpApi&&) noexcept = default;
HttpApi::~HttpApi() = default;

/// The same head comes again and again, and the library takes long to parse one: those that hold
/// nothing of their callers' own are remembered.
std::optional<Asked> HttpApi::asked_by(const std::string& head) {
  const auto is_callers_own = [](const Asked::Field& field) {
    constexpr std::array<std::string_view, 4> own{"Authorization", "Request-Id", "X-Request-Id",
                                                  "traceparent"};
    return std::find(own.begin(), own.end(), field.name) != own.end();
  };
  const std::size_t place = std::hash<std::string>{}(head) % parsed_heads_.size();
  auto& [parsed_head, parsed] = parsed_heads_[place];
  if (parsed_head == head)
    return parsed;
  auto asked = parser_->parse(head);
  if (asked && head.size() <= limits::remembered_head_bytes &&
      std::none_of(asked->fields.begin(), asked->fields.end(), is_callers_own)) {
    parsed_head = head;
    parsed = *asked;
  }
  return asked;
}

/// Once: a request may be looked at before its body has come, and again. False when the library
/// refuses its head.
bool HttpApi::read(HttpRequest& request) {
  if (!request.asked && !request.head.empty()) {
    request.asked = asked_by(request.head);
    if (request.asked && request.asked->endpoint == nullptr)
      request.asked->routes = options_.routes->find(request.asked->path);
  }
  if (request.request_id.empty())
    request.request_id = request_id_of(request.asked.value_or(Asked()));
  return request.asked.has_value();
}

HttpApi::Decided HttpApi::begin(HttpRequest& request) {
  try {
    return act(request);
  } catch (const std::exception&) {  // its text is none of the caller's business
    return finish(request, {Problem::internal_error, "this is a fault of the bridge", {}});
  }
}

HttpApi::Decided HttpApi::act(HttpRequest& request) {
  if (!read(request))
    return finish(request, {Problem::malformed_request, "the request could not be read", {}});
  auto decision = decide(request, options_);
  if (auto* const reply = std::get_if<Reply>(&decision))
    return dated(std::move(*reply));
  if (const auto* const kind = std::get_if<Endpoint::Kind>(&decision))
    return tell(request, *kind);
  if (auto* const question = std::get_if<CallQuestion>(&decision))
    return std::move(*question);
  if (auto* const call = std::get_if<RouteCall>(&decision)) {
    call->payload = std::move(request.body);
    return std::move(*call);
  }
  Call call = std::get<Call>(std::move(decision));
  call.payload = std::move(request.body);
  return call;
}

std::variant<Call, RouteCall, Failure> HttpApi::call_again(HttpRequest& request) const {
  Asked& asked = *request.asked;
  asked.endpoint = endpoint::of(asked.path);
  if (asked.endpoint == nullptr)
    asked.routes = options_.routes->find(asked.path);
  const auto call_in = [&request](auto made) -> std::variant<Call, RouteCall, Failure> {
    if (auto* const failure = std::get_if<Failure>(&made))
      return std::move(*failure);
    auto& call = std::get<0>(made);
    call.payload = std::move(request.body);
    return std::move(call);
  };
  if (asked.endpoint != nullptr && asked.endpoint->kind == Endpoint::Kind::transform)
    return call_in(call_of(request, options_));
  if (asked.route_for(request.method))
    return call_in(route_call_of(request, options_));
  return Failure{Problem::not_found, "the route of this call is no more", {}};
}

HttpApi::Reply HttpApi::tell(const HttpRequest& request, Endpoint::Kind kind) {
  if (kind == Endpoint::Kind::metrics)
    return dated(reply_with(request, options_, metrics_response(subject_->metrics())));
  if (kind == Endpoint::Kind::events)
    return dated(reply_with(request, options_, events_response()));
  if (kind == Endpoint::Kind::openapi)
    return dated(reply_with(request, options_, json_response(options_.openapi)));
  const BridgeStatus status = subject_->status();
  if (kind == Endpoint::Kind::status) {
    return dated(
        reply_with(request, options_, status_response(status, options_, MQTT_BRIDGE_VERSION)));
  }
  if (status.why_not_ready)
    return finish(request, {Problem::broker_unavailable, *status.why_not_ready, {}});
  const std::string warning = status.warning ? "warning: " + *status.warning + "\n" : "";
  return dated(reply_with(request, options_, text_response("ready\n" + warning)));
}

HttpApi::Reply HttpApi::batch_head(const HttpRequest& request) {
  return dated(reply_with(request, options_, batch_response()));
}

bool HttpApi::is_for_events(HttpRequest& request) {
  return read(request) && request.asked->endpoint != nullptr &&
         request.asked->endpoint->kind == Endpoint::Kind::events;
}

std::string HttpApi::status() const {
  return status_response(subject_->status(), options_, MQTT_BRIDGE_VERSION).body.text;
}

std::optional<HttpApi::Reply> HttpApi::refuse_early(HttpRequest& request) {
  auto decision = begin(request);
  auto* const reply = std::get_if<Reply>(&decision);
  if (reply == nullptr || !reply->problem)
    return std::nullopt;
  return std::move(*reply);
}

HttpApi::Reply HttpApi::finish(const HttpRequest& request, Ended& ended) {
  return dated(respond(request, options_, ended));
}

HttpApi::Reply HttpApi::finish_about(const HttpRequest& request, Ended& ended, AnswerKind kind,
                                     std::string_view request_id) {
  return dated(respond_about(request, options_, ended, kind, request_id));
}

HttpApi::Reply HttpApi::finish(const HttpRequest& request, HttpResponse response) {
  return dated(reply_with(request, options_, std::move(response)));
}

HttpApi::Reply HttpApi::finish(const HttpRequest& request, const Failure& failure) {
  return dated(mqtt_bridge::refuse(request, options_, failure));
}

HttpApi::Reply HttpApi::refuse(HttpRequest& request, const Failure& failure) {
  request.keep_alive = false;
  read(request);
  return finish(request, failure);
}

/// RFC 9110 6.6.1.
HttpApi::Reply HttpApi::dated(Reply reply) {
  const std::time_t now = std::time(nullptr);
  if (std::exchange(date_of_, now) != now)
    date_ = http_date(now);
  reply.response.add("Date", date_);
  return reply;
}

}  // namespace mqtt_bridge
