// Drives the table of exchanges: gives it what came from the broker, and has its decisions carried
// out. The daemon, a direct call and the simulation do it by this and in no other way. Stateless.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/instant.hpp"
#include "exchange/call.hpp"
#include "exchange/call_filters.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/presence.hpp"
#include "exchange/response_inbox.hpp"
#include "exchange/topic.hpp"
#include "mqtt/message.hpp"

namespace mqtt_bridge {

/// What carries out the table's decisions.
class ExchangeHost {
 public:
  virtual bool is_linked() const = 0;
  /// REQUIRES: is_linked().
  virtual void publish(const MqttPublish& request) = 0;
  /// A filter to subscribe to, Exchanges::subscribed() follows, or to leave.
  virtual void change(const CallFilters::Change& /*change*/) {}
  /// For the next run of the program; comes before the request that it is about.
  virtual void keep(const TurnNote& /*note*/) {}
  virtual void answer(Ended ended) = 0;
  /// While answers are expected, a link on which nothing comes is to be probed.
  virtual void expect_answers(bool /*expected*/) {}

 protected:
  ~ExchangeHost() = default;
};

/// A request, and a response, as MQTT messages (MQTT 5.0 4.10). Views into what they are made from.
/// `topic`: that of the message, or the common topic that it stands for, see response_inbox.hpp.
MqttPublish publish_of(const Publish& request);
Response response_of(const MqttMessage& message, std::string_view topic);

/// Carries out all that the table has decided by `now`, but of answers `most_answers` only. When to
/// call it again although nothing happened; nothing: never. `Table`: Exchanges, or a variant of it.
template <typename Table>
std::optional<Instant> pump(Table& table, ExchangeHost& host, Instant now,
                            std::size_t most_answers = SIZE_MAX) {
  table.expire(now);
  while (const auto note = table.next_turn_note())
    host.keep(*note);
  while (const auto change = table.next_filter_change())
    host.change(*change);
  while (host.is_linked()) {
    const auto next = table.next_publish(now);
    if (!next)
      break;
    host.publish(publish_of(*next));
  }
  for (std::size_t answers = 0; answers < most_answers; ++answers) {
    auto ended = table.next_ended();
    if (!ended)
      break;
    host.answer(*std::move(ended));
  }
  host.expect_answers(table.waiting() > 0);
  return table.has_ended() ? now : table.next_deadline();
}

/// Tells the table of a message: a response, or what a responder says of itself.
template <typename Table>
void deliver(Table& table, const MqttMessage& message, Instant now,
             const ResponseInbox& inbox = {}) {
  const auto responder = parse_status_topic(message.topic);
  if (!responder)
    return table.response(response_of(message, inbox.common(message.topic)), now);
  if (message.payload.empty())
    return table.gone(*responder, now);
  if (const auto actions = parse_birth_message(message.payload))
    table.announced(*responder, *actions, message.retained ? Heard::retained : Heard::live, now,
                    correlates(message.payload));
}

}  // namespace mqtt_bridge
