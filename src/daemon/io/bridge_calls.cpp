// What the bridge makes of calls: their requests over MQTT, and what LaterCalls asks of it.
#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/io/bridge.hpp"
#include "exchange/transform_request.hpp"
#include "os/io/random.hpp"

namespace mqtt_bridge {
namespace {

// Printable: some services cut Correlation Data at a NUL, and others want 16 bytes.
constexpr std::size_t correlation_bytes = 16;

// None of its texts has a line end.
std::string packed(const LaterSubject& subject) {
  std::string all;
  for (const std::string* const text : {&subject.request_id, &subject.from, &subject.netid,
                                        &subject.action, &subject.route, &subject.trace_id})
    all.append(*text).append("\n");
  all += std::to_string(subject.bytes);
  all.shrink_to_fit();
  return all;
}

LaterSubject unpacked(std::string_view all) {
  const auto take = [&all] {
    const std::string_view text = all.substr(0, all.find('\n'));
    all.remove_prefix(std::min(text.size() + 1, all.size()));
    return std::string(text);
  };
  LaterSubject subject{.request_id = take(), .from = {}};
  subject.from = take();
  subject.netid = take();
  subject.action = take();
  subject.route = take();
  subject.trace_id = take();
  std::from_chars(all.data(), all.data() + all.size(), subject.bytes);
  return subject;
}

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
    later_callers_.emplace(*exchange, LaterCaller{id, packed(subject)});
  return admitted;
}

void Bridge::answer_later(Ended ended) {
  const LaterCaller caller = std::move(later_callers_.extract(ended.exchange).mapped());
  record(caller_of(caller.id, unpacked(caller.subject)), ended, sent_in_line(ended));
  later_.ended(caller.id, std::move(ended));
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
  const auto caller = later_callers_.find(exchange);
  if (caller != later_callers_.end())
    later_.acknowledged(caller->second.id, subscribers);
}

}  // namespace mqtt_bridge
