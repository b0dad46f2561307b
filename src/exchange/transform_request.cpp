#include "exchange/transform_request.hpp"

#include <utility>

#include "exchange/topic.hpp"

namespace mqtt_bridge {

MqttRequest transform_request(Call call) {
  MqttRequest request{.request_topic = request_topic(call.netid, call.action),
                      .response_topic = response_topic(call.netid, call.action),
                      .response_filter = response_topic("+", call.action),
                      .payload = std::move(call.payload),
                      .matching = MatchByTurn{},
                      .fairness_key = std::move(call.netid),
                      .is_patient = call.is_patient,
                      .presence_key = std::move(call.action),
                      .correlation = std::move(call.correlation),
                      .traceparent = std::move(call.traceparent),
                      .tracestate = std::move(call.tracestate),
                      .arrived = call.arrived,
                      .deadline = call.deadline};
  if (const auto action = parse_action(request.presence_key)) {
    request.matching = MatchByContent{*action};
    request.is_idempotent = true;
  }
  return request;
}

}  // namespace mqtt_bridge
