#include "shell/exchange_messages.hpp"

#include "core/topic.hpp"

namespace mqtt_bridge {
namespace {

std::optional<std::string_view> view(const std::optional<std::string>& text) {
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

}  // namespace

void publish_request(MqttLink& link, const Publish& publish) {
  const std::string response = response_topic(publish.netid, publish.action);
  link.publish({.id = publish.exchange,
                .topic = request_topic(publish.netid, publish.action),
                .payload = publish.payload,
                .response_topic = response,
                .correlation = publish.correlation,
                .expiry = publish.remaining,
                .user_properties = {},
                .retained = false});
}

Response response_of(const MqttMessage& message) {
  return {.topic = message.topic,
          .payload = message.payload,
          .correlation = view(message.correlation),
          .retained = message.retained,
          .status = view(message.status),
          .error = view(message.error),
          .responder = view(message.responder)};
}

}  // namespace mqtt_bridge
