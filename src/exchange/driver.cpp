#include "exchange/driver.hpp"

#include <string>
#include <string_view>

namespace mqtt_bridge {
namespace {

std::optional<std::string_view> view(const std::optional<std::string>& text) {
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

}  // namespace

Response response_of(const MqttMessage& message, std::string_view topic) {
  return {.topic = topic,
          .payload = message.payload,
          .correlation = view(message.correlation),
          .retained = message.retained,
          .duplicate = message.duplicate,
          .status = view(message.status),
          .error = view(message.error),
          .responder = view(message.responder),
          .content_type = message.content_type,
          .user_properties = &message.user_properties,
          .is_foreign = !parse_response_topic(topic)};
}

MqttPublish publish_of(const Publish& request) {
  MqttPublish message{.id = request.exchange,
                      .topic = std::string(request.request_topic),
                      .payload = request.payload,
                      .response_topic = std::string(request.response_topic),
                      .correlation = request.correlation,
                      .expiry = request.retained ? std::nullopt : std::optional(request.remaining),
                      .user_properties = *request.user_properties,
                      .retained = request.retained,
                      .qos = request.qos,
                      .content_type = request.content_type};
  if (!request.traceparent.empty())
    message.user_properties.emplace_back("traceparent", request.traceparent);
  if (!request.tracestate.empty())
    message.user_properties.emplace_back("tracestate", request.tracestate);
  return message;
}

}  // namespace mqtt_bridge
