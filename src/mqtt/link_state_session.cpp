// LinkState once there is a connection: what it subscribes to, what it leaves, and what it waits
// for.
#include <utility>

#include "base/limits/mqtt.hpp"
#include "mqtt/broker_offer.hpp"
#include "mqtt/link_state.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

// How many UNSUBSCRIBE packets go at once: for each the library looks through all that are.
constexpr std::size_t left_at_once = 64;
constexpr int wildcards_not_supported = 0xA2;  // (MQTT 5.0 2.4)

}  // namespace

// Subscribing ---------------------------------------------------------------------------------

void LinkState::begin_subscribing(Instant now) {
  stage_ = Stage::subscribing;
  subscriptions_.connected();
  limit_attempt(now);
  subscribe(now);
  if (subscriptions_.is_settled())
    mark_up(now);
}

void LinkState::subscribe(Instant now) {
  while (const auto next = subscriptions_.next_subscribe(now)) {
    // To subscribe nevertheless would be a Protocol Error (MQTT 5.0 3.2.2.3.11).
    if (!connected_->has_wildcards && has_wildcard(next->filter)) {
      subscriptions_.answered(next->id, wildcards_not_supported);
      continue;
    }
    command(link_command::Subscribe{
        next->id, next->filter, next->is_probe || next->is_added ? Retained::left : Retained::sent,
        next->echo});
  }
  while (auto answer = subscriptions_.next_answer_to_added())
    command(link_command::TellSubscribed{std::move(answer->filter), answer->is_granted});
}

void LinkState::subscribe(const std::string& filter, Echo echo, Instant now) {
  subscriptions_.add(filter, echo);
  if (!may_subscribe())
    return;
  subscribe(now);
  watch(now);
}

void LinkState::unsubscribe(const std::string& filter) {
  if (subscriptions_.remove(filter) && may_subscribe())
    command(link_command::Unsubscribe{filter});
}

void LinkState::on(const mqtt_event::Subscribed& event, Instant now) {
  if (!may_subscribe() || !subscriptions_.answered(event.id, event.reason_code))
    return;
  grants_less_ |= event.reason_code == 0;
  if (event.reason_code == 0 && version() == MqttVersion::v3_1_1) {  // nothing else tells it
    connected_->maximum_qos = 0;
    command(link_command::Heed{connected_->maximum_qos, connected_->has_retained});
  }
  subscribe(now);
  if (!subscriptions_.is_settled()) {
    if (!is_up())
      limit_attempt(now);
    return;
  }
  leave_filters(now);
  if (!is_up())
    mark_up(now);
  subscribe_refused_again(now);
}

/// The broker may learn to grant it.
void LinkState::subscribe_refused_again(Instant now) {
  if (!subscriptions_.refused().empty() && !ask_again_)
    ask_again_ = now + limits::reconnect_cap;
}

/// Unsubscribes from what is no longer wanted, once no call waits for an answer there; from some at
/// a time, as it subscribes, and look() goes on.
void LinkState::leave_filters(Instant now) {
  if (!is_up() || is_renewing_ || !subscriptions_.is_settled())
    return;
  for (std::size_t left = 0; left < left_at_once; ++left) {
    const auto filter = subscriptions_.next_unsubscribe(watch_.expects_answers(), now);
    if (!filter)
      return;
    command(link_command::Unsubscribe{*filter});
  }
}

/// All that was to be subscribed to is answered.
void LinkState::mark_up(Instant now) {
  limit_.reset();
  const bool is_forgotten =
      was_session_asked_for_ && !connected_->session_present && !is_another_broker();
  policy_.link_is_up(is_forgotten, now);
  is_session_ours_ = version() == MqttVersion::v5 &&
                     connected_->session_expiry.value_or(options_.session_expiry) > 0s;
  note_version();
  stage_ = Stage::up;
  why_down_.clear();
  static_cast<void>(subscriptions_.refused_have_changed());
  command(link_command::TellRefused{});
  command(link_command::LogAnew{});
  say_what_is_missing();
  log(LogLevel::info,
      "linked to " + to_string(broker()) + " with MQTT " + std::string(to_string(version())));
  // That of another broker may lack what came on the way to it.
  const bool is_whole = connected_->session_present && !is_another_broker();
  if (was_session_asked_for_ && is_another_broker())
    do_sessions_follow_ = connected_->session_present;
  linked_to_ = broker_;
  command(link_command::TellUp{{.session_present = is_whole,
                                .window = connected_->receive_maximum,
                                .packet_bytes = connected_->maximum_packet_size,
                                .may_tell_subscribers = version() == MqttVersion::v5,
                                .has_no_local = version() == MqttVersion::v5}});
}

// What it says of that -------------------------------------------------------------------------

void LinkState::batch_ended() {
  while (const auto filter = subscriptions_.next_refusal())
    log_rarely(LogLevel::warn, "the broker refused the subscription to " + *filter);
  tell_refused();
}

/// Once all is answered: there may be tens of thousands of them, and the user copies them.
void LinkState::tell_refused() {
  if (is_up() && subscriptions_.is_settled() && subscriptions_.refused_have_changed())
    command(link_command::TellRefused{});
}

/// Once, until it is something else.
void LinkState::say_what_is_missing() {
  const bool wants_wildcards =
      options_.filters.has_wildcard() || options_.optional_filters.has_wildcard();
  auto missing =
      what_is_missing(*connected_, grants_less_,
                      {.session_expiry = options_.session_expiry, .wildcards = wants_wildcards});
  if (missing != missing_ && !missing.empty())
    log(LogLevel::warn, "the broker offers less than we ask for: " + missing);
  missing_ = std::move(missing);
}

void LinkState::note_version() {
  const auto before = std::exchange(last_version_, version());
  if (options_.protocol != Protocol::automatic || before == version())
    return;
  if (version() == MqttVersion::v3_1_1) {
    log(LogLevel::warn,
        "the broker does not take MQTT 5; going on with 3.1.1, and trying 5 again later");
  } else if (before) {
    log(LogLevel::info, "the broker takes MQTT 5 now");
  }
}

std::optional<std::string> LinkState::why_incomplete() const {
  const auto& refused = subscriptions_.refused();
  if (refused.empty())
    return std::nullopt;
  const std::string others =
      refused.size() > 1 ? " and " + std::to_string(refused.size() - 1) + " others" : "";
  return "the broker refused the subscription to " + *refused.begin() + others;
}

// Watching ------------------------------------------------------------------------------------

/// While anything waits for the library or for the broker, sees to it that it does not for ever.
void LinkState::watch(Instant now) {
  const Instant due = now + watch_.pause(is_up(), subscriptions_);
  if (!look_ || due < *look_)
    look_ = due;
}

void LinkState::look(Instant now) {
  if (!has_connection())
    return;
  if (watch_.may_lie(is_up(), subscriptions_, now))
    command(link_command::Kick{});
  if (is_up()) {
    switch (watch_.look(subscriptions_, now)) {
      case LinkWatch::Finding::silent:
        return lost({"the broker does not answer", LinkLoss::silent}, Blame::anything, now);
      case LinkWatch::Finding::quiet:
        subscriptions_.probe();
        subscribe(now);
        break;
      case LinkWatch::Finding::well:
        break;
    }
  }
  leave_filters(now);
  if (watch_.is_needed(is_up(), subscriptions_))
    watch(now);
}

}  // namespace mqtt_bridge
