#include "mqtt/link_state.hpp"

#include <algorithm>
#include <utility>

#include "mqtt/broker_offer.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using Often = link_command::Log::Often;

constexpr auto with_other_credentials = "connecting anew, with other credentials";
// Reason codes (MQTT 5.0 2.4).
constexpr int retain_not_supported = 0x9A;
constexpr int qos_not_supported = 0x9B;

bool is_due(std::optional<Instant>& what, Instant now) {
  if (!what || *what > now)
    return false;
  what.reset();
  return true;
}

}  // namespace

LinkState::LinkState(MqttLinkOptions options, Instant now, Jitter jitter)
    : options_(std::move(options)),
      jitter_(std::move(jitter)),
      policy_(options_.protocol, now, options_.whose_client_id, options_.brokers.size()),
      subscriptions_(options_.filters, options_.optional_filters),
      will_(options_.will) {}

// What its user wants -------------------------------------------------------------------------

void LinkState::stop() {
  is_running_ = false;
  stage_ = Stage::idle;
  commands_.clear();
  command(link_command::Drop{});
}

void LinkState::reconfigure(MqttLinkOptions options, Instant now) {
  options.brokers = options_.brokers;
  options.protocol = options_.protocol;
  options.client_id = options_.client_id;
  options.whose_client_id = options_.whose_client_id;
  const bool has_new_credentials =
      is_running_ && (options.username != options_.username ||
                      options.password != options_.password || options.tls != options_.tls);
  options_ = std::move(options);
  subscriptions_.set(options_.filters, options_.optional_filters, now + options_.session_expiry);
  if (has_new_credentials && is_up()) {
    // What the library has acknowledged and we have not looked at yet comes before Lost.
    is_renewing_ = true;
    return command(link_command::Cut{});
  }
  if (has_new_credentials && (has_connection() || policy_.next_attempt())) {
    last_loss_ = LinkLoss::renewed;
    policy_.link_lost(last_loss_, now, jitter_());
    return drop_connection(with_other_credentials);
  }
  if (may_subscribe())
    subscribe(now);
  tell_refused();
  watch(now);
}

void LinkState::publish(const MqttPublish& publish, Instant now) {
  watch_.published(publish.id, now);
  command(link_command::Publish{publish});
  watch(now);
}

void LinkState::expect_answers(bool expected, Instant now) {
  watch_.expect_answers(expected);
  leave_filters(now);
  if ((expected || subscriptions_.has_leaving()) && is_up())
    watch(now);
}

// What is due ---------------------------------------------------------------------------------

std::optional<LinkCommand> LinkState::next_command() {
  if (commands_.empty())
    return std::nullopt;
  std::optional<LinkCommand> next = std::move(commands_.front());
  commands_.pop_front();
  return next;
}

std::optional<Instant> LinkState::next_deadline() const {
  std::optional<Instant> next;
  if (!is_running_)
    return next;
  for (const auto& each : {policy_.next_attempt(), limit_, quiet_end_, look_, ask_again_}) {
    if (each && (!next || *each < *next))
      next = each;
  }
  return next;
}

void LinkState::expire(Instant now) {
  if (!is_running_)
    return;
  if (is_due(limit_, now))
    attempt_takes_too_long(now);
  if (is_due(quiet_end_, now))
    begin_subscribing(now);
  if (is_due(look_, now))
    look(now);
  if (is_due(ask_again_, now) && is_up() && subscriptions_.is_settled()) {
    subscriptions_.ask_refused_again();
    subscribe(now);
  }
  if (policy_.next_attempt() && *policy_.next_attempt() <= now)
    begin_attempt(now);
}

// Connecting ----------------------------------------------------------------------------------

void LinkState::begin_attempt(Instant now) {
  policy_.attempt_begins(now);
  broker_ = policy_.broker();
  if (policy_.tries_newest_again())
    log(LogLevel::info, "trying MQTT 5 again");
  limit_attempt(now);
  stage_ = Stage::looking_up;
  now_doing("looking up the address of host '" + broker().host + "'");
  if (looking_up_.insert(broker_).second)
    command(link_command::LookUp{broker_});
}

/// Where there are other brokers, they are not kept waiting for long.
void LinkState::limit_attempt(Instant now) {
  limit_ = now + (options_.brokers.size() == 1 ? limits::connect_timeout : limits::broker_timeout);
}

/// The time for the next answer: many filters have as many.
void LinkState::attempt_takes_too_long(Instant now) {
  if (stage_ == Stage::dialling)
    return command(link_command::StopDialling{});
  fail_attempt(ConnectFailure::unreachable,
               stage_ == Stage::looking_up
                   ? "the look-up of the address of host '" + broker().host + "' takes too long"
                   : "the broker does not answer",
               now);
}

/// What the present attempt is about, as long as there is no failure to tell of.
void LinkState::now_doing(std::string what) {
  if (why_down_ == doing_)
    why_down_ = what;
  doing_ = std::move(what);
}

void LinkState::host_found(std::size_t broker) {
  looking_up_.erase(broker);
  if (stage_ != Stage::looking_up || broker != broker_)
    return;
  stage_ = Stage::dialling;
  command(link_command::Dial{broker_});
}

void LinkState::host_not_found(std::size_t broker, const std::string& why, Instant now) {
  looking_up_.erase(broker);
  if (stage_ != Stage::looking_up || broker != broker_)
    return;
  fail_attempt(ConnectFailure::unreachable,
               "cannot find the address of host '" + this->broker().host + "': " + why, now);
}

void LinkState::dialling(const std::string& targets) {
  now_doing("no answer yet from " + targets);
}

void LinkState::not_reached(const std::string& why, Instant now) {
  if (stage_ == Stage::dialling)
    fail_attempt(ConnectFailure::unreachable, why, now);
}

void LinkState::reached(Instant now) {
  if (stage_ != Stage::dialling)
    return;
  stage_ = Stage::connecting;
  // What waits at the broker from before the first link, from an earlier visit or for another
  // client is no answer now.
  was_session_asked_for_ = is_session_ours_ &&
                           options_.whose_client_id == LinkPolicy::ClientId::own &&
                           (do_sessions_follow_ || !is_another_broker());
  command(link_command::Connect{.broker = broker(),
                                .version = version(),
                                .clean_start = !was_session_asked_for_,
                                .keep_alive = keep_alive_,
                                .will = will_});
  watch(now);
}

void LinkState::fail_attempt(ConnectFailure failure, std::string why, Instant now) {
  const Verdict verdict = policy_.attempt_failed(failure, now, jitter_());
  drop_connection(explain(std::move(why), LinkLoss::broken, verdict));
  command(link_command::TellAttemptFailed{failure, why_down_});
}

void LinkState::on(const mqtt_event::Connected& event, Instant now) {
  if (stage_ != Stage::connecting)
    return;
  warn_of_missing(event.missing_workarounds);
  const auto wanted = event.server_keep_alive.value_or(0s);
  if (wanted > 0s && wanted < keep_alive_) {
    // Its word counts (MQTT 5.0 3.2.2.3.14), and the library can only be told when it connects.
    keep_alive_ = wanted;
    return connect_anew(now);
  }
  if (event.receive_maximum == 0) {  // a Protocol Error (MQTT 5.0 3.2.2.3.3)
    return fail_attempt(ConnectFailure::refused, "the broker takes no messages: Receive Maximum 0",
                        now);
  }
  // To subscribe nevertheless would be a Protocol Error (MQTT 5.0 3.2.2.3.13).
  if (!event.has_shared_subscriptions && options_.filters.has_shared())
    return fail_attempt(ConnectFailure::refused, "the broker has no shared subscriptions", now);
  connected_ = event;
  if (version() == MqttVersion::v3_1_1 && will_) {  // CONNACK does not tell; what it took does
    connected_->maximum_qos = will_->qos;
    connected_->has_retained = will_->retained;
  }
  command(link_command::Heed{connected_->maximum_qos, connected_->has_retained});
  grants_less_ = false;
  if (policy_.quiet_time() == Duration(0))
    return begin_subscribing(now);
  stage_ = Stage::quiet;
  quiet_end_ = now + policy_.quiet_time();
}

/// Asks for something else in CONNECT.
void LinkState::connect_anew(Instant now) {
  command(link_command::Drop{});
  begin_attempt(now);
}

void LinkState::on(const mqtt_event::ConnectFailed& event, Instant now) {
  if (stage_ != Stage::connecting)
    return;
  if (event.failure != ConnectFailure::unreachable || !options_.tls)
    return refused_to_connect(event, now);
  // The library does not say why there is no TLS connection, so we look for ourselves.
  command(link_command::Diagnose{});
}

void LinkState::diagnosed(ConnectFailure failure, const std::string& why, Instant now) {
  if (stage_ == Stage::connecting)
    refused_to_connect({failure, why}, now);
}

void LinkState::refused_to_connect(const mqtt_event::ConnectFailed& event, Instant now) {
  if (reduce_will(event))
    return connect_anew(now);
  fail_attempt(event.failure, event.why, now);
}

/// Whether the broker may take our will if less is asked for (MQTT 5.0 3.2.2.3.4, 3.2.2.3.5). In
/// version 3.1.1 a broker closes the connection instead of saying so.
bool LinkState::reduce_will(const mqtt_event::ConnectFailed& event) {
  if (!will_)
    return false;
  if (event.reason_code == retain_not_supported)
    return std::exchange(will_->retained, false);
  if (event.reason_code == qos_not_supported)
    return std::exchange(will_->qos, 0) > 0;
  if (event.failure != ConnectFailure::closed || version() != MqttVersion::v3_1_1)
    return false;
  const auto lesser = lesser_will(*will_, *options_.will);
  if (lesser)
    will_ = lesser;
  return lesser.has_value();
}

// How it ends ---------------------------------------------------------------------------------

void LinkState::lost(const mqtt_event::Lost& event, Blame blame, Instant now) {
  if (!has_connection())
    return;
  const bool is_renewed = std::exchange(is_renewing_, false);
  last_loss_ = is_renewed ? LinkLoss::renewed : event.loss;
  const bool was_up = is_up();
  if (!was_up && last_loss_ == LinkLoss::told)
    return fail_attempt(ConnectFailure::refused, event.why, now);
  if (!was_up && last_loss_ == LinkLoss::broken) {
    return stage_ == Stage::quiet ? fail_attempt(ConnectFailure::ended_idle, event.why, now)
                                  : fail_attempt(ConnectFailure::ended, why_ended(event.why), now);
  }
  const bool is_no_news = last_loss_ == LinkLoss::broken && blame == Blame::publish;
  const Verdict verdict =
      policy_.link_lost(is_no_news ? LinkLoss::renewed : last_loss_, now, jitter_());
  std::string why = explain(is_renewed ? with_other_credentials : event.why, last_loss_, verdict);
  if (verdict == Verdict::taken_over)
    last_loss_ = LinkLoss::taken_over;
  drop_connection(std::move(why));
  if (!was_up)
    command(link_command::TellAttemptFailed{ConnectFailure::ended, why_down_});
}

/// A broker that cannot say why, in version 3.1.1, ends the connection.
std::string LinkState::why_ended(const std::string& why) const {
  const auto& asked = subscriptions_.asked();
  const bool may_be_shared = std::any_of(asked.begin(), asked.end(),
                                         [](const auto& each) { return is_shared(each.second); });
  return may_be_shared ? why + "; perhaps the broker has no shared subscriptions" : why;
}

/// `why` in view of what is known of other clients with our client id.
std::string LinkState::explain(std::string why, LinkLoss loss, Verdict verdict) {
  if (verdict == Verdict::none)
    return why;
  const std::string& assigned = connected_ ? connected_->client_id : "";
  const ClashCertainty certainty = verdict == Verdict::hint       ? ClashCertainty::maybe
                                   : loss == LinkLoss::taken_over ? ClashCertainty::told
                                                                  : ClashCertainty::seems;
  clash_ = clash_in_words(certainty, assigned.empty() ? options_.client_id : assigned,
                          options_.username.has_value());
  const bool is_hint = verdict == Verdict::hint;
  if (options_.whose_client_id == LinkPolicy::ClientId::own) {
    log_rarely(LogLevel::error,
               (is_hint ? "the connection breaks again and again; " + clash_ + " If so,"
                        : clash_ + "; we reconnect after a pause;") +
                   " give each client an id of its own (--client-id)");
  }
  if (is_hint)
    return why + "; " + clash_;
  is_session_ours_ = false;  // the other one may have taken what was ours
  return clash_;
}

std::optional<std::string> LinkState::clash_suspected(Instant now) const {
  return is_up() && policy_.is_clash_suspected(now) ? std::optional(clash_) : std::nullopt;
}

void LinkState::drop_connection(std::string why) {
  if (why != why_down_)
    log_rarely(LogLevel::warn, "no link to " + to_string(broker()) + ": " + why);
  why_down_ = std::move(why);
  const bool was_up = is_up();
  stage_ = Stage::idle;
  will_ = options_.will;
  limit_.reset();
  quiet_end_.reset();
  look_.reset();
  ask_again_.reset();
  connected_.reset();
  subscriptions_.disconnected();
  watch_.disconnected();
  command(link_command::Drop{});
  if (was_up)
    command(link_command::TellDown{});
}

// What is said --------------------------------------------------------------------------------

void LinkState::log(LogLevel level, std::string text) {
  command(link_command::Log{level, Often::always, std::move(text)});
}

void LinkState::log_rarely(LogLevel level, std::string text) {
  command(link_command::Log{level, Often::rarely, std::move(text)});
}

/// Once, and again when they are others.
void LinkState::warn_of_missing(const std::vector<std::string>& workarounds) {
  if (workarounds == missing_workarounds_)
    return;
  missing_workarounds_ = workarounds;
  for (const std::string& each : workarounds)
    log_rarely(LogLevel::warn, each);
}

}  // namespace mqtt_bridge
