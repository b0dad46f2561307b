#include "shell/mqtt_link.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include <asio/post.hpp>
#include <spdlog/spdlog.h>

#include "core/limits.hpp"
#include "shell/paho_quirks.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A publish whose PUBACK takes longer than this may lie in the library, see paho_quirks.
constexpr auto kick_after = 5ms;
// Filters in one SUBSCRIBE: some brokers limit them.
constexpr std::size_t filters_at_once = 100;

std::string uri_of(const std::string& scheme, const std::string& host, std::uint16_t port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return scheme + (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::vector<sockaddr_storage> addresses_of(const std::vector<asio::ip::tcp::endpoint>& endpoints) {
  std::vector<sockaddr_storage> addresses;
  for (const auto& endpoint : endpoints) {
    sockaddr_storage& address = addresses.emplace_back();
    std::memcpy(&address, endpoint.data(), endpoint.size());
  }
  return addresses;
}

}  // namespace

/// Where the library's threads leave what they heard from one connection. The only lock there is.
struct MqttLink::Inbox : std::enable_shared_from_this<Inbox> {
  Inbox(asio::io_context& the_loop, MqttLink* link) : loop(the_loop), owner(link) {}

  void put(MqttEvent event) {
    bool was_empty;
    {
      const std::lock_guard lock(mutex);
      was_empty = events.empty();
      events.push_back(std::move(event));
    }
    if (!was_empty)
      return;
    asio::post(loop, [self = shared_from_this()] {
      if (self->owner != nullptr)
        self->owner->take_events();
    });
  }

  std::vector<MqttEvent> take() {
    const std::lock_guard lock(mutex);
    return std::exchange(events, {});
  }

  asio::io_context& loop;
  MqttLink* owner;  // the loop's; null once the connection is of no interest
  std::mutex mutex;
  std::vector<MqttEvent> events;
};

MqttLink::MqttLink(asio::io_context& loop, MqttLinkOptions options, User& user)
    : loop_(loop),
      options_(std::move(options)),
      user_(user),
      policy_(options_.protocol, Clock::now()),
      attempt_timer_(loop),
      watch_timer_(loop),
      resolver_(loop) {}

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
  watch_timer_.cancel();
  resolver_.cancel();
  if (inbox_)
    inbox_->owner = nullptr;
  connection_.reset();
}

void MqttLink::publish(const MqttPublish& publish) {
  unacknowledged_.emplace(publish.id, Clock::now());
  connection_->publish(publish);
  watch();
}

// Connecting ----------------------------------------------------------------------------------

void MqttLink::schedule_attempt() {
  if (is_stopped_ || !policy_.next_attempt())
    return;
  attempt_timer_.expires_at(*policy_.next_attempt());
  attempt_timer_.async_wait([this](const std::error_code& error) {
    if (!error)
      begin_attempt();
  });
}

void MqttLink::begin_attempt() {
  policy_.attempt_begins();
  attempt_timer_.expires_after(limits::connect_timeout);
  attempt_timer_.async_wait([this](const std::error_code& error) {
    if (error)
      return;
    resolver_.cancel();
    fail_attempt(ConnectFailure::unreachable, "the broker does not answer");
  });
  std::error_code not_numeric;
  const auto address = asio::ip::make_address(options_.broker.host, not_numeric);
  if (not_numeric)
    return resolve();
  endpoints_ = {{address, options_.broker.port}};
  connect_to_next();
}

void MqttLink::resolve() {
  resolver_.async_resolve(
      options_.broker.host, std::to_string(options_.broker.port),
      [this](const std::error_code& error, const asio::ip::tcp::resolver::results_type& results) {
        if (error == asio::error::operation_aborted || is_stopped_)
          return;
        if (error) {
          return fail_attempt(
              ConnectFailure::unreachable,
              "cannot find the address of host '" + options_.broker.host + "': " + error.message());
        }
        endpoints_.assign(results.begin(), results.end());
        connect_to_next();
      });
}

void MqttLink::connect_to_next() {
  if (inbox_)
    inbox_->owner = nullptr;
  connection_.reset();
  inbox_ = std::make_shared<Inbox>(loop_, this);
  const MqttConnectOptions connect{
      .uri = options_.tls ? uri_of("ssl://", options_.broker.host, options_.broker.port)
                          : uri_of("tcp://", endpoints_.front().address().to_string(),
                                   endpoints_.front().port()),
      .addresses = addresses_of(endpoints_),
      .tls = options_.tls,
      .version = policy_.version(),
      .client_id = options_.client_id,
      .clean_start = !has_been_up_,  // what waits at the broker from before is nobody's answer now
      .session_expiry = options_.session_expiry,
      .username = options_.username,
      .password = options_.password,
      .will = options_.will,
  };
  // With TLS the library tries all addresses of the name by itself.
  endpoints_.erase(endpoints_.begin(), options_.tls ? endpoints_.end() : endpoints_.begin() + 1);
  connection_ = std::make_unique<MqttConnection>(
      connect, [inbox = inbox_](MqttEvent event) { inbox->put(std::move(event)); });
  watch();
}

void MqttLink::fail_attempt(ConnectFailure failure, std::string why) {
  attempt_timer_.cancel();
  policy_.attempt_failed(failure, Clock::now(), jitter());
  drop_connection(std::move(why));
  user_.on_attempt_failed(failure, why_down_);
  schedule_attempt();
}

void MqttLink::drop_connection(std::string why) {
  if (why != why_down_)
    spdlog::warn("no link to {}: {}", to_string(options_.broker), why);
  why_down_ = std::move(why);
  const bool was_up = std::exchange(is_up_, false);
  if (inbox_)
    inbox_->owner = nullptr;
  connection_.reset();
  connected_.reset();
  unacknowledged_.clear();
  if (was_up)
    user_.on_link_down();
}

// Events --------------------------------------------------------------------------------------

void MqttLink::take_events() {
  const auto inbox = inbox_;  // an event may end the connection, and what it had to say after
  for (const MqttEvent& event : inbox->take()) {
    if (inbox->owner == nullptr)
      break;
    std::visit([this](const auto& concrete) { on(concrete); }, event);
  }
  user_.on_batch_end();
}

void MqttLink::on(const mqtt_event::Connected& event) {
  connected_ = event;
  filters_sent_ = filters_granted_ = 0;
  if (event.session_present) {
    come_up();  // with the subscriptions that were granted before
  } else {
    subscribe_next();
  }
}

void MqttLink::on(const mqtt_event::ConnectFailed& event) {
  if (event.failure == ConnectFailure::unreachable && !endpoints_.empty())
    return connect_to_next();
  fail_attempt(event.failure, event.why);
}

void MqttLink::subscribe_next() {
  if (filters_sent_ == options_.filters.size())
    return come_up();
  const auto first = options_.filters.begin() + static_cast<std::ptrdiff_t>(filters_sent_);
  const auto count = std::min(filters_at_once, options_.filters.size() - filters_sent_);
  filters_sent_ += count;
  connection_->subscribe({first, first + static_cast<std::ptrdiff_t>(count)});
}

void MqttLink::on(const mqtt_event::Subscribed& event) {
  for (const int code : event.reason_codes) {
    const std::string& filter = options_.filters[filters_granted_++];
    // MQTT 5.0 3.9.3: below 0x80 it is the QoS granted; less than asked for would lose answers.
    if (code != 1) {
      return fail_attempt(ConnectFailure::refused,
                          "the broker refused the subscription to '" + filter + "'");
    }
  }
  subscribe_next();
}

void MqttLink::come_up() {
  attempt_timer_.cancel();
  is_up_ = has_been_up_ = true;
  why_down_.clear();
  policy_.link_is_up(Clock::now());
  spdlog::info("linked to {} with MQTT {}", to_string(options_.broker), to_string(version()));
  user_.on_link_up({connected_->session_present, connected_->receive_maximum});
}

void MqttLink::on(const mqtt_event::Lost& event) {
  const auto now = Clock::now();
  if (!is_up_)
    return fail_attempt(ConnectFailure::refused, event.why);
  if (event.taken_over) {
    spdlog::error("another client uses our client id '{}'; set client-id to one of our own",
                  options_.client_id);
    policy_.taken_over(now, jitter());
  } else {
    policy_.link_lost(now, jitter());
  }
  drop_connection(event.why);
  schedule_attempt();
}

void MqttLink::on(const mqtt_event::Acknowledged& event) {
  unacknowledged_.erase(event.id);
  user_.on_acknowledged(event.id);
}

void MqttLink::on(const mqtt_event::Refused& event) {
  unacknowledged_.erase(event.id);
  user_.on_refused(event.id, event.why);
}

void MqttLink::on(const mqtt_event::Arrived& event) {
  user_.on_message(event.message);
}

// Watching ------------------------------------------------------------------------------------

/// While anything waits for the library or for the broker, sees to it that it does not for ever.
void MqttLink::watch() {
  if (is_watching_)
    return;
  is_watching_ = true;
  watch_timer_.expires_after(kick_after);
  watch_timer_.async_wait([this](const std::error_code& error) {
    is_watching_ = false;
    if (error || !connection_ || (is_up_ && unacknowledged_.empty()))
      return;
    const auto now = Clock::now();
    if (!is_up_ || now - unacknowledged_.begin()->second >= kick_after)
      paho_quirks::kick_send_thread();
    if (is_up_ && now - unacknowledged_.begin()->second >= limits::puback_timeout) {
      return on(mqtt_event::Lost{"the broker does not acknowledge what we publish", false});
    }
    watch();
  });
}

}  // namespace mqtt_bridge
