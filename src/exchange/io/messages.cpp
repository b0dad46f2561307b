#include "exchange/io/messages.hpp"

#include <utility>

#include "exchange/presence.hpp"
#include "exchange/topic.hpp"

namespace mqtt_bridge {
namespace {

std::optional<std::string_view> view(const std::optional<std::string>& text) {
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

Response response_of(const MqttMessage& message) {
  return {.topic = message.topic,
          .payload = message.payload,
          .correlation = view(message.correlation),
          .retained = message.retained,
          .duplicate = message.duplicate,
          .status = view(message.status),
          .error = view(message.error),
          .responder = view(message.responder)};
}

}  // namespace

void publish_request(MqttLink& link, const Publish& publish) {
  const std::string response = response_topic(publish.netid, publish.action);
  std::vector<std::pair<std::string, std::string>> properties;
  if (!publish.traceparent.empty())
    properties.emplace_back("traceparent", publish.traceparent);
  if (!publish.tracestate.empty())
    properties.emplace_back("tracestate", publish.tracestate);
  link.publish({.id = publish.exchange,
                .topic = request_topic(publish.netid, publish.action),
                .payload = publish.payload,
                .response_topic = response,
                .correlation = publish.correlation,
                .expiry = publish.remaining,
                .user_properties = std::move(properties),
                .retained = false});
}

void tell(Exchanges& exchanges, const MqttMessage& message, Instant now) {
  const auto responder = parse_status_topic(message.topic);
  if (!responder)
    return exchanges.response(response_of(message), now);
  if (message.payload.empty())
    return exchanges.gone(*responder, now);
  if (const auto actions = parse_birth_message(message.payload))
    exchanges.announced(*responder, *actions, message.retained ? Heard::retained : Heard::live);
}

}  // namespace mqtt_bridge
