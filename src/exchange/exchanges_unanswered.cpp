// Of the table of exchanges: what a call is told that got no answer in its time.
#include <utility>
#include <variant>

#include "exchange/exchanges.hpp"
#include "exchange/failures.hpp"

namespace mqtt_bridge {

Failure Exchanges::why_unanswered(const Waiting& waiting) const {
  const MqttRequest& request = waiting.request;
  if (!waiting.published) {
    if (!link_)
      return {Problem::broker_unavailable, why_down_, {}};
    if (waiting.missing_filters > 0)
      return {Problem::broker_unavailable,
              "the MQTT broker did not answer the subscription to " + request.response_topic +
                  " in time",
              {}};
    if (takes_turns(waiting.request))
      return {Problem::overloaded,
              "other calls had their turn on " + waiting.request.response_topic,
              {}};
    return {Problem::overloaded, "the MQTT broker did not take the request in time", {}};
  }
  const std::string waited = "within " + in_words(request.deadline - request.arrived);
  std::string detail = "published to " + request.request_topic;
  if (const std::string came = what_came(waiting); !came.empty()) {
    return {Problem::unmatched_response,
            detail + "; on " + waiting.request.response_topic + " came " + came +
                ", but no answer to this request " + waited,
            {}};
  }
  if (std::holds_alternative<MatchNothing>(request.matching)) {
    return {
        Problem::response_timeout, detail + "; the broker did not acknowledge it " + waited, {}};
  }
  detail += waiting.acknowledged ? ", which the broker acknowledged"
                                 : ", which the broker did not acknowledge";
  detail += "; no response came on " + waiting.request.response_topic + " " + waited;
  if (!request.presence_key.empty() && presence_.is_unheard_of(request.presence_key))
    detail += "; no responder has announced or answered " + request.presence_key + " so far";
  return {Problem::response_timeout, std::move(detail), {}};
}

/// The responses on its topic that answered no call, since it was published.
std::string Exchanges::what_came(const Waiting& waiting) const {
  const Unmatched* const unmatched = unmatched_on(waiting);
  return unmatched != nullptr ? unmatched->since(waiting.unmatched_before) : "";
}

}  // namespace mqtt_bridge
