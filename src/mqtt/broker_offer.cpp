#include "mqtt/broker_offer.hpp"

namespace mqtt_bridge {

std::string what_is_missing(const mqtt_event::Connected& offer, bool grants_less,
                            const AskedOfBroker& asked) {
  std::string missing;
  const auto add = [&missing](const std::string& what) {
    missing += (missing.empty() ? "" : "; ") + what;
  };
  if (offer.maximum_qos == 0 || grants_less)
    add("QoS 0 only, so what is lost on the way is not sent again");
  if (!offer.has_retained)
    add("no retained messages, so responders are not known that came before");
  if (!offer.has_wildcards && asked.wildcards)
    add("no subscriptions with wildcards (+)");
  const auto kept = offer.session_expiry.value_or(asked.session_expiry);
  if (kept < asked.session_expiry) {
    add("it keeps our session for " + std::to_string(kept.count()) + " s instead of " +
        std::to_string(asked.session_expiry.count()) + " s");
  }
  return missing;
}

std::optional<MqttWill> lesser_will(const MqttWill& will, const MqttWill& wanted) {
  MqttWill lesser = will;
  if (will.qos > 0) {
    lesser.qos = 0;
  } else if (will.retained) {
    lesser.retained = false;
    lesser.qos = wanted.qos;
  } else {
    return std::nullopt;
  }
  return lesser;
}

}  // namespace mqtt_bridge
