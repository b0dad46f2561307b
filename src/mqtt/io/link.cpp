#include "mqtt/io/link.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <mutex>
#include <utility>

#include <asio/post.hpp>
#include <spdlog/spdlog.h>

#include "base/limits.hpp"
#include "mqtt/io/broker_offer.hpp"
#include "mqtt/io/paho/quirks.hpp"
#include "os/io/log.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A publish whose PUBACK takes longer than this may lie in the library, see paho_quirks.
constexpr auto kick_after = 5ms;
// How long events may keep the loop from everything else.
constexpr auto batch_time = 10ms;
// How many UNSUBSCRIBE packets go at once: for each the library looks through all that are.
constexpr std::size_t left_at_once = 64;
// While answers are expected: after so much silence the broker is asked for a sign of life. The
// PUBACK timeout and this together must stay below 5 s.
constexpr auto probe_after = 500ms;
// Reason codes (MQTT 5.0 2.4).
constexpr int retain_not_supported = 0x9A;
constexpr int qos_not_supported = 0x9B;
constexpr int wildcards_not_supported = 0xA2;

std::string uri_of(const std::string& scheme, const std::string& host, std::uint16_t port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return scheme + (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

sockaddr_storage address_of(const asio::ip::tcp::endpoint& endpoint) {
  sockaddr_storage address{};
  std::memcpy(&address, endpoint.data(), endpoint.size());
  return address;
}

}  // namespace

/// Where the library's threads leave what they heard from one connection. The only lock there is.
struct MqttLink::Inbox : std::enable_shared_from_this<Inbox> {
  Inbox(asio::io_context& the_loop, MqttLink* link) : loop(the_loop), owner(link) {}

  void put(MqttEvent event) {
    bool was_empty;
    {
      const std::lock_guard lock(mutex);
      const std::size_t size = bytes_of(event);
      // Messages come faster than the loop can handle them; a lost answer is a call that times out.
      if (std::holds_alternative<mqtt_event::Arrived>(event) &&
          (count >= limits::inbox_events || bytes + size > limits::inbox_bytes)) {
        ++lost;
        return;
      }
      was_empty = events.empty();
      ++count;
      bytes += size;
      events.push_back(std::move(event));
    }
    if (!was_empty)
      return;
    asio::post(loop, [self = shared_from_this()] {
      if (self->owner != nullptr)
        self->owner->take_events();
    });
  }

  /// The loop's.
  void take() {
    const std::lock_guard lock(mutex);
    std::move(events.begin(), events.end(), std::back_inserter(taken));
    events.clear();
  }
  /// The loop's: one of `taken` has been handled.
  void handled(const MqttEvent& event) {
    const std::lock_guard lock(mutex);
    --count;
    bytes -= bytes_of(event);
  }
  std::uint64_t times_full() const {
    const std::lock_guard lock(mutex);
    return lost;
  }

  static std::size_t bytes_of(const MqttEvent& event) {
    const auto* const arrived = std::get_if<mqtt_event::Arrived>(&event);
    return arrived != nullptr ? arrived->message.topic.size() + arrived->message.payload.size() : 0;
  }

  asio::io_context& loop;
  MqttLink* owner;                // the loop's; null once the connection is of no interest
  std::deque<MqttEvent> taken;    // the loop's
  mutable std::mutex mutex;       // guards what follows
  std::vector<MqttEvent> events;  // not taken yet
  std::size_t count = 0;          // of events, those taken and not handled included
  std::size_t bytes = 0;          // the same
  std::uint64_t lost = 0;         // messages for which there was no room
};

/// What is in it, and what still comes, is of no interest any more.
void MqttLink::close_inbox() {
  if (!inbox_)
    return;
  lost_.inbox_full += inbox_->times_full();
  inbox_->owner = nullptr;
  inbox_.reset();
}

MqttLink::MqttLink(asio::io_context& loop, MqttLinkOptions options, User& user)
    : loop_(loop),
      options_(std::move(options)),
      user_(user),
      policy_(options_.protocol, Clock::now(), options_.whose_client_id),
      attempt_timer_(loop),
      limit_timer_(loop),
      quiet_timer_(loop),
      watch_timer_(loop),
      subscribe_timer_(loop),
      resolver_(loop),
      subscriptions_(options_.filters, options_.optional_filters),
      will_(options_.will) {}

MqttLink::~MqttLink() {
  stop();
}

void MqttLink::start() {
  schedule_attempt();
}

void MqttLink::stop() {
  is_stopped_ = true;
  is_up_ = false;
  attempt_timer_.cancel();
  limit_timer_.cancel();
  quiet_timer_.cancel();
  watch_timer_.cancel();
  subscribe_timer_.cancel();
  resolver_.cancel();
  dialing_.reset();
  diagnosis_.reset();
  close_inbox();
  connection_.reset();
}

void MqttLink::reconfigure(MqttLinkOptions options) {
  if (is_stopped_)
    return;
  options.broker = options_.broker;
  options.protocol = options_.protocol;
  options.client_id = options_.client_id;
  options.whose_client_id = options_.whose_client_id;
  const bool has_new_credentials = options.username != options_.username ||
                                   options.password != options_.password ||
                                   options.tls != options_.tls;
  options_ = std::move(options);
  const auto now = Clock::now();
  subscriptions_.set(options_.filters, options_.optional_filters, now + options_.session_expiry);
  if (has_new_credentials && is_up_ && connection_->descriptor() >= 0) {
    // What the library has acknowledged and we have not looked at yet comes before Lost.
    is_renewing_ = true;
    return connection_->cut();
  }
  if (has_new_credentials && (connection_ || policy_.next_attempt())) {
    last_loss_ = LinkLoss::renewed;
    policy_.link_lost(last_loss_, now, jitter());
    drop_connection("connecting anew, with other credentials");
    return schedule_attempt();
  }
  if (connected_)
    subscribe();
  tell_refused();
  watch();
}

/// Unsubscribes from what is no longer wanted, once nobody waits for an answer there; from some at
/// a time, as ask() subscribes, and watch() goes on.
void MqttLink::leave_filters() {
  if (!is_up_ || is_renewing_ || !subscriptions_.is_settled())
    return;
  const auto now = Clock::now();
  for (std::size_t left = 0; left < left_at_once; ++left) {
    const auto filter = subscriptions_.next_unsubscribe(expects_answers_, now);
    if (!filter)
      return;
    connection_->unsubscribe(*filter);
  }
}

void MqttLink::publish(const MqttPublish& publish) {
  unacknowledged_.emplace(publish.id, Clock::now());
  connection_->publish(publish);
  watch();
}

void MqttLink::hurry() {
  const auto planned = policy_.next_attempt();
  policy_.hurry(Clock::now());
  if (policy_.next_attempt() != planned)
    schedule_attempt();
}

// Connecting ----------------------------------------------------------------------------------

void MqttLink::schedule_attempt() {
  if (is_stopped_ || !policy_.next_attempt())
    return;
  attempt_timer_.set(*policy_.next_attempt(), [this] { begin_attempt(); });
}

void MqttLink::begin_attempt() {
  policy_.attempt_begins(Clock::now());
  if (policy_.tries_newest_again())
    spdlog::info("trying MQTT 5 again");
  limit_attempt();
  std::error_code not_numeric;
  const auto address = asio::ip::make_address(options_.broker.host, not_numeric);
  if (not_numeric)
    return resolve();
  dial({{address, options_.broker.port}});
}

/// The time for the next answer of the broker: many filters have as many.
void MqttLink::limit_attempt() {
  limit_timer_.set(Clock::now() + limits::connect_timeout, [this] {
    fail_attempt(ConnectFailure::unreachable, why_no_answer());
    user_.on_batch_end();
  });
}

std::string MqttLink::why_no_answer() const {
  if (is_resolving_)
    return "the look-up of the address of host '" + options_.broker.host + "' takes too long";
  return dialing_ ? dialing_->why_none() : "the broker does not answer";
}

/// What the present attempt is about, as long as there is no failure to tell of.
void MqttLink::now_doing(std::string what) {
  if (why_down_ == doing_)
    why_down_ = what;
  doing_ = std::move(what);
}

/// One look-up at a time: it cannot be cancelled, and may outlive the attempt that it was begun
/// for.
void MqttLink::resolve() {
  now_doing("looking up the address of host '" + options_.broker.host + "'");
  if (std::exchange(is_resolving_, true))
    return;
  resolver_.async_resolve(
      options_.broker.host, std::to_string(options_.broker.port),
      [this](const std::error_code& error, const asio::ip::tcp::resolver::results_type& results) {
        is_resolving_ = false;
        const bool is_wanted = !is_up_ && !dialing_ && !connection_ && !policy_.next_attempt();
        if (error == asio::error::operation_aborted || is_stopped_ || !is_wanted)
          return;
        if (error) {
          fail_attempt(
              ConnectFailure::unreachable,
              "cannot find the address of host '" + options_.broker.host + "': " + error.message());
          return user_.on_batch_end();
        }
        dial({results.begin(), results.end()});
      });
}

void MqttLink::dial(const Endpoints& endpoints) {
  dialing_ =
      std::make_unique<Dialing>(loop_, endpoints, [this](std::optional<asio::ip::tcp::socket> one) {
        const std::string why = dialing_->why_none();
        dialing_.reset();
        if (one)
          return connect(std::move(*one));
        fail_attempt(ConnectFailure::unreachable, why);
        user_.on_batch_end();
      });
  now_doing("no answer yet from " + dialing_->targets());
}

void MqttLink::connect(asio::ip::tcp::socket socket) {
  close_inbox();
  connection_.reset();
  inbox_ = std::make_shared<Inbox>(loop_, this);
  std::error_code gone;
  peer_ = socket.remote_endpoint(gone);
  // What waits at the broker from before the first link, or for another client, is no answer now.
  was_session_asked_for_ =
      is_session_ours_ && options_.whose_client_id == LinkPolicy::ClientId::own;
  const MqttConnectOptions connect{
      .uri = options_.tls ? uri_of("ssl://", options_.broker.host, options_.broker.port)
                          : uri_of("tcp://", peer_.address().to_string(), peer_.port()),
      .socket = socket.release(),
      .peer = address_of(peer_),
      .tls = options_.tls,
      .version = policy_.version(),
      .client_id = options_.client_id,
      .clean_start = !was_session_asked_for_,
      .session_expiry = options_.session_expiry,
      .keep_alive = keep_alive_,
      .username = options_.username,
      .password = options_.password,
      .will = will_,
  };
  connection_ = std::make_unique<MqttConnection>(
      connect, [inbox = inbox_](MqttEvent event) { inbox->put(std::move(event)); });
  watch();
}

void MqttLink::fail_attempt(ConnectFailure failure, std::string why) {
  const auto verdict = policy_.attempt_failed(failure, Clock::now(), jitter());
  drop_connection(explain(std::move(why), LinkLoss::broken, verdict));
  user_.on_attempt_failed(failure, why_down_);
  schedule_attempt();
}

void MqttLink::drop_connection(std::string why) {
  if (why != why_down_)
    log_rarely(LogLevel::warn, "no link to " + to_string(options_.broker) + ": " + why);
  why_down_ = std::move(why);
  const bool was_up = std::exchange(is_up_, false);
  will_ = options_.will;
  attempt_timer_.cancel();
  limit_timer_.cancel();
  quiet_timer_.cancel();
  subscribe_timer_.cancel();
  close_inbox();
  connection_.reset();
  dialing_.reset();
  diagnosis_.reset();
  connected_.reset();
  subscriptions_.disconnected();
  unacknowledged_.clear();
  if (was_up)
    user_.on_link_down();
}

/// `why` in view of what is known of other clients with our client id.
std::string MqttLink::explain(std::string why, LinkLoss loss, LinkPolicy::Verdict verdict) {
  if (verdict == LinkPolicy::Verdict::none)
    return why;
  const std::string& assigned = connected_ ? connected_->client_id : "";
  std::string whom = "our client id '" + (assigned.empty() ? options_.client_id : assigned) + "'";
  if (options_.username)
    whom += " (or our user name, where the broker takes that for it)";
  if (verdict == LinkPolicy::Verdict::hint) {
    clash_ = "does another client use " + whom + "?";
    return why + "; " + clash_;
  }
  const bool is_certain = loss == LinkLoss::taken_over;
  is_session_ours_ = false;  // the other one may have taken what was ours
  clash_ = std::string("another client ") + (is_certain ? "uses " : "seems to use ") + whom;
  if (options_.whose_client_id == LinkPolicy::ClientId::shared)
    return clash_;
  log_rarely(LogLevel::error, clash_ +
                                  "; we stay away for a while; give each client an id of its own "
                                  "(--client-id)");
  return clash_;
}

// Events --------------------------------------------------------------------------------------

void MqttLink::take_events() {
  const auto inbox = inbox_;  // an event may end the connection, and what it had to say after
  inbox->take();
  last_heard_ = Clock::now();
  while (!inbox->taken.empty() && inbox->owner != nullptr &&
         Clock::now() - last_heard_ < batch_time) {
    const MqttEvent event = std::move(inbox->taken.front());
    inbox->taken.pop_front();
    std::visit([this](const auto& concrete) { on(concrete); }, event);
    inbox->handled(event);
  }
  if (!inbox->taken.empty() && inbox->owner != nullptr) {
    asio::post(loop_, [inbox] {
      if (inbox->owner != nullptr)
        inbox->owner->take_events();
    });
  }
  end_batch();
}

void MqttLink::end_batch() {
  while (const auto filter = subscriptions_.next_refusal())
    log_rarely(LogLevel::warn, "the broker refused the subscription to " + *filter);
  tell_refused();
  user_.on_batch_end();
}

/// Once all is answered: there may be tens of thousands of them, and the user copies them.
void MqttLink::tell_refused() {
  if (is_up_ && subscriptions_.is_settled() && subscriptions_.refused_have_changed())
    user_.on_subscriptions_refused(subscriptions_.refused());
}

/// Once, and again when they are others.
void MqttLink::warn_of_missing(const std::vector<std::string>& workarounds) {
  if (workarounds == missing_workarounds_)
    return;
  missing_workarounds_ = workarounds;
  for (const std::string& each : workarounds)
    log_rarely(LogLevel::warn, each);
}

void MqttLink::on(const mqtt_event::Connected& event) {
  warn_of_missing(event.missing_workarounds);
  const auto wanted = event.server_keep_alive.value_or(0s);
  if (wanted > 0s && wanted < keep_alive_) {
    // Its word counts (MQTT 5.0 3.2.2.3.14), and the library can only be told when it connects.
    keep_alive_ = wanted;
    return connect_anew();
  }
  if (event.receive_maximum == 0) {  // a Protocol Error (MQTT 5.0 3.2.2.3.3)
    return fail_attempt(ConnectFailure::refused, "the broker takes no messages: Receive Maximum 0");
  }
  // To subscribe nevertheless would be a Protocol Error (MQTT 5.0 3.2.2.3.13).
  if (!event.has_shared_subscriptions && options_.filters.has_shared()) {
    return fail_attempt(ConnectFailure::refused, "the broker has no shared subscriptions");
  }
  connected_ = event;
  if (version() == MqttVersion::v3_1_1 && will_) {  // CONNACK does not tell; what it took does
    connected_->maximum_qos = will_->qos;
    connected_->has_retained = will_->retained;
  }
  connection_->heed(*connected_);
  grants_less_ = false;
  if (policy_.quiet_time() == Duration(0))
    return begin_subscribing();
  quiet_timer_.set(Clock::now() + policy_.quiet_time(), [this] {
    begin_subscribing();
    end_batch();
  });
}

void MqttLink::begin_subscribing() {
  subscriptions_.connected();
  limit_attempt();
  subscribe();
  if (subscriptions_.is_settled())
    come_up();
}

/// Asks for something else in CONNECT.
void MqttLink::connect_anew() {
  diagnosis_.reset();
  close_inbox();
  connection_.reset();
  begin_attempt();
}

/// Whether the broker may take our will if less is asked for (MQTT 5.0 3.2.2.3.4, 3.2.2.3.5). In
/// version 3.1.1 a broker closes the connection instead of saying so.
bool MqttLink::reduce_will(const mqtt_event::ConnectFailed& event) {
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

void MqttLink::on(const mqtt_event::ConnectFailed& event) {
  if (event.failure != ConnectFailure::unreachable || !options_.tls)
    return refused_to_connect(event);
  // The library does not say why there is no TLS connection, so we look for ourselves.
  diagnosis_ = std::make_unique<TlsDiagnosis>(loop_, options_.broker.host, peer_, *options_.tls,
                                              [this](ConnectFailure failure, std::string why) {
                                                refused_to_connect({failure, std::move(why)});
                                                user_.on_batch_end();
                                              });
}

void MqttLink::refused_to_connect(const mqtt_event::ConnectFailed& event) {
  if (reduce_will(event))
    return connect_anew();
  fail_attempt(event.failure, event.why);
}

void MqttLink::subscribe() {
  while (const auto next = subscriptions_.next_subscribe(Clock::now())) {
    // To subscribe nevertheless would be a Protocol Error (MQTT 5.0 3.2.2.3.11).
    if (!connected_->has_wildcards && has_wildcard(next->filter)) {
      subscriptions_.answered(next->id, wildcards_not_supported);
      continue;
    }
    connection_->subscribe(
        next->id, next->filter,
        next->is_probe ? MqttConnection::Retained::left : MqttConnection::Retained::sent);
  }
}

void MqttLink::on(const mqtt_event::Subscribed& event) {
  if (!subscriptions_.answered(event.id, event.reason_code))
    return;
  grants_less_ |= event.reason_code == 0;
  if (event.reason_code == 0 && version() == MqttVersion::v3_1_1) {  // nothing else tells it
    connected_->maximum_qos = 0;
    connection_->heed(*connected_);
  }
  subscribe();
  if (!subscriptions_.is_settled()) {
    if (!is_up_)
      limit_attempt();
    return;
  }
  leave_filters();
  if (!is_up_)
    come_up();
  subscribe_refused_again();
}

/// Once, until it is something else.
void MqttLink::say_what_is_missing() {
  const bool wants_wildcards =
      options_.filters.has_wildcard() || options_.optional_filters.has_wildcard();
  auto missing =
      what_is_missing(*connected_, grants_less_,
                      {.session_expiry = options_.session_expiry, .wildcards = wants_wildcards});
  if (missing != missing_ && !missing.empty())
    spdlog::warn("the broker offers less than we ask for: {}", missing);
  missing_ = std::move(missing);
}

void MqttLink::note_version(MqttVersion version) {
  const auto before = std::exchange(last_version_, version);
  if (options_.protocol != Protocol::automatic || before == version)
    return;
  if (version == MqttVersion::v3_1_1)
    spdlog::warn("the broker does not take MQTT 5; going on with 3.1.1, and trying 5 again later");
  else if (before)
    spdlog::info("the broker takes MQTT 5 now");
}

/// The broker may learn to grant it.
void MqttLink::subscribe_refused_again() {
  if (subscriptions_.refused().empty() || subscribe_timer_.is_set())
    return;
  subscribe_timer_.set(Clock::now() + limits::reconnect_cap, [this] {
    if (!is_up_ || !subscriptions_.is_settled())
      return;
    subscriptions_.ask_refused_again();
    subscribe();
  });
}

std::optional<std::string> MqttLink::why_incomplete() const {
  const auto& refused = subscriptions_.refused();
  if (refused.empty())
    return std::nullopt;
  const std::string others =
      refused.size() > 1 ? " and " + std::to_string(refused.size() - 1) + " others" : "";
  return "the broker refused the subscription to " + *refused.begin() + others;
}

/// All that was to be subscribed to is answered.
void MqttLink::come_up() {
  limit_timer_.cancel();
  const bool is_forgotten = was_session_asked_for_ && !connected_->session_present;
  policy_.link_is_up(is_forgotten, Clock::now());
  is_session_ours_ = version() == MqttVersion::v5 &&
                     connected_->session_expiry.value_or(options_.session_expiry) > 0s;
  note_version(version());
  is_up_ = true;
  why_down_.clear();
  static_cast<void>(subscriptions_.refused_have_changed());
  user_.on_subscriptions_refused(subscriptions_.refused());
  log_anew();
  say_what_is_missing();
  spdlog::info("linked to {} with MQTT {}", to_string(options_.broker), to_string(version()));
  user_.on_link_up({.session_present = connected_->session_present,
                    .window = connected_->receive_maximum,
                    .packet_bytes = connected_->maximum_packet_size,
                    .may_tell_subscribers = version() == MqttVersion::v5});
}

void MqttLink::on(const mqtt_event::Lost& event) {
  const bool is_renewed = std::exchange(is_renewing_, false);
  last_loss_ = is_renewed ? LinkLoss::renewed : event.loss;
  if (!is_up_ && last_loss_ == LinkLoss::told)
    return fail_attempt(ConnectFailure::refused, event.why);
  if (!is_up_ && last_loss_ == LinkLoss::broken) {
    return quiet_timer_.is_set() ? fail_attempt(ConnectFailure::ended_idle, event.why)
                                 : fail_attempt(ConnectFailure::ended, why_ended(event.why));
  }
  // What was published last may be what ended it, see User::risks_link().
  const bool is_no_news = last_loss_ == LinkLoss::broken && user_.risks_link();
  const auto verdict =
      policy_.link_lost(is_no_news ? LinkLoss::renewed : last_loss_, Clock::now(), jitter());
  std::string why = explain(is_renewed ? "connecting anew, with other credentials" : event.why,
                            last_loss_, verdict);
  if (verdict == LinkPolicy::Verdict::taken_over)
    last_loss_ = LinkLoss::taken_over;
  const bool was_up = is_up_;
  drop_connection(std::move(why));
  if (!was_up)
    user_.on_attempt_failed(ConnectFailure::ended, why_down_);
  schedule_attempt();
}

/// A broker that cannot say why, in version 3.1.1, ends the connection.
std::string MqttLink::why_ended(const std::string& why) const {
  const auto& asked = subscriptions_.asked();
  const bool may_be_shared = std::any_of(asked.begin(), asked.end(),
                                         [](const auto& each) { return is_shared(each.second); });
  return may_be_shared ? why + "; perhaps the broker has no shared subscriptions" : why;
}

void MqttLink::on(const mqtt_event::Acknowledged& event) {
  unacknowledged_.erase(event.id);
  user_.on_acknowledged(event.id, event.subscribers);
}

void MqttLink::on(const mqtt_event::Refused& event) {
  unacknowledged_.erase(event.id);
  user_.on_refused(event.id, event.refusal, event.why);
}

void MqttLink::on(const mqtt_event::Arrived& event) {
  user_.on_message(event.message);
}

void MqttLink::on(const mqtt_event::TooLarge&) {
  ++lost_.too_large;
}

LostMessages MqttLink::lost() const {
  LostMessages all = lost_;
  if (inbox_)
    all.inbox_full += inbox_->times_full();
  return all;
}

// Watching ------------------------------------------------------------------------------------

void MqttLink::expect_answers(bool expected) {
  expects_answers_ = expected;
  leave_filters();
  if ((expected || subscriptions_.has_leaving()) && is_up_)
    watch();
}

/// While anything waits for the library or for the broker, sees to it that it does not for ever.
void MqttLink::watch() {
  const bool is_urgent = !is_up_ || !unacknowledged_.empty() || !subscriptions_.is_settled() ||
                         (subscriptions_.has_leaving() && !expects_answers_);
  const auto due = Clock::now() + (is_urgent ? Duration(kick_after) : Duration(probe_after));
  if (watch_timer_.is_set() && watch_timer_.due() <= due)
    return;
  watch_timer_.set(due, [this] {
    if (!connection_)
      return;
    const auto now = Clock::now();
    if (!is_up_ || !subscriptions_.is_settled() ||
        (!unacknowledged_.empty() && now - unacknowledged_.begin()->second >= kick_after)) {
      paho_quirks::kick_send_thread();
    }
    if (is_up_ && is_silent(now)) {
      on(mqtt_event::Lost{"the broker does not answer", LinkLoss::silent});
      return user_.on_batch_end();
    }
    leave_filters();
    if (!is_up_ || expects_answers_ || !unacknowledged_.empty() || !subscriptions_.is_settled() ||
        subscriptions_.has_leaving())
      watch();
  });
}

/// Whether the broker owes us an acknowledgement for too long. Where it owes none, but answers are
/// expected and nothing comes, it is asked for one: a subscription that we have, once more.
bool MqttLink::is_silent(Instant now) {
  const auto is_overdue = [now](Instant since) { return now - since >= limits::puback_timeout; };
  if (!unacknowledged_.empty())
    return is_overdue(unacknowledged_.begin()->second);
  if (!subscriptions_.is_settled())
    return is_overdue(subscriptions_.asked_at());
  if (expects_answers_ && now - last_heard_ >= probe_after) {
    subscriptions_.probe();
    subscribe();
  }
  return false;
}

}  // namespace mqtt_bridge
