// What the bridge makes of calls: their requests over MQTT, and what LaterCalls asks of it.
#include <utility>

#include "daemon/io/bridge.hpp"
#include "exchange/transform_request.hpp"
#include "os/io/random.hpp"

namespace mqtt_bridge {
namespace {

// Printable: some services cut Correlation Data at a NUL, and others want 16 bytes.
constexpr std::size_t correlation_bytes = 16;

}  // namespace

void Bridge::identify(BatchCall& call) {
  std::visit([](auto& each) { each.correlation = random_text(correlation_bytes); }, call);
  auto* const of_route = std::get_if<RouteCall>(&call);
  if (of_route == nullptr)
    return;
  of_route->id = call_ids_.next();
}

std::variant<MqttRequest, Failure> Bridge::request_of(BatchCall call) {
  if (auto* const of_action = std::get_if<Call>(&call))
    return transform_request(std::move(*of_action));
  auto& of_route = std::get<RouteCall>(call);
  of_route.client = client_id_;
  return mqtt_request(std::move(of_route));
}

Bridge::Caller Bridge::caller_of(const CallId& id, LaterSubject subject) {
  return {.request = nullptr,
          .netid = std::move(subject.netid),
          .action = std::move(subject.action),
          .route = std::move(subject.route),
          .trace_id = std::move(subject.trace_id),
          .bytes = subject.bytes,
          .later = id,
          .later_request_id = std::move(subject.request_id),
          .later_from = std::move(subject.from)};
}

std::variant<ExchangeId, Failure> Bridge::begin_later(const CallId& id, LaterSubject subject,
                                                      MqttRequest request) {
  if (!link_.is_up())
    link_.hurry();
  const auto admitted = exchanges_.begin(std::move(request));
  if (const auto* const exchange = std::get_if<ExchangeId>(&admitted))
    callers_.emplace(*exchange, caller_of(id, std::move(subject)));
  return admitted;
}

void Bridge::record_later(const LaterSubject& subject, const Ended& ended) {
  record(caller_of({}, subject), ended, sent_in_line(ended));
}

void Bridge::refuse_call(HttpRequest& request, const Failure& failure) {
  auto reply = api_.finish(request, failure);
  record(request, reply, Was::call);
  request.answer(std::move(reply.response));
}

void Bridge::keep_acknowledged(ExchangeId exchange, Subscribers subscribers) {
  const auto caller = callers_.find(exchange);
  if (caller != callers_.end() && caller->second.later)
    later_.acknowledged(*caller->second.later, subscribers);
}

}  // namespace mqtt_bridge
