#include "client/io/direct_calls.hpp"

#include <algorithm>
#include <system_error>

#include <asio/post.hpp>

#include "config/io/link_options.hpp"
#include "exchange/topic.hpp"
#include "exchange/transform_request.hpp"
#include "os/io/random.hpp"

namespace mqtt_bridge {
namespace {

// A broker that knows an older version only may need this many attempts to say so, see LinkPolicy.
constexpr int attempts = 6;
// While another process calls with the same NetID.
constexpr auto turn_pause = std::chrono::milliseconds(2);
constexpr std::chrono::milliseconds kept_for_the_call(1000);

Ended ended_at_once(Failure failure, Instant arrived) {
  Ended ended{};
  ended.outcome = std::move(failure);
  ended.arrived = arrived;
  ended.ended = arrived;
  return ended;
}

}  // namespace

DirectCalls::DirectCalls(asio::io_context& loop, const DirectWay& way, OnEnd on_end)
    : loop_(loop),
      way_(way),
      on_end_(std::move(on_end)),
      // It has nothing to do but wait for the broker.
      began_(Clock::now()),
      exchanges_(began_, {.down_grace = way.timeout}),
      deadline_(loop),
      turn_timer_(loop),
      turn_name_(way.netid + " " + to_string(way.broker.urls.front())),
      turn_ends_(Clock::now() + way.timeout - std::min(kept_for_the_call, way.timeout / 2)),
      link_(loop, link_of(way), *this) {
  start_in_turn();
}

void DirectCalls::call(std::uint64_t number, std::string message) {
  const auto now = Clock::now();
  act_soon();
  if (hopeless_) {
    refused_.emplace_back(number, ended_at_once(*hopeless_, now));
    return;
  }
  if (now >= began_ + way_.timeout)
    note_why_down(now);
  const auto admitted =
      exchanges_.begin(transform_request({.netid = way_.netid,
                                          .action = std::string(to_string(way_.action)),
                                          .payload = std::move(message),
                                          .correlation = random_bytes(16),
                                          .arrived = now,
                                          .deadline = now + way_.timeout}));
  if (const auto* const failure = std::get_if<Failure>(&admitted))
    refused_.emplace_back(number, ended_at_once(*failure, now));
  else
    numbers_.emplace(std::get<ExchangeId>(admitted), number);
}

/// The client id is the NetID, so the broker would end one call for the next. Those of this
/// machine go one after the other; with others they clash, and take turns as LinkPolicy says.
void DirectCalls::start_in_turn() {
  if (turn_.take(turn_name_) || Clock::now() >= turn_ends_)
    return link_.start();
  turn_timer_.expires_after(turn_pause);
  turn_timer_.async_wait([this](const std::error_code& error) {
    if (!error)
      start_in_turn();
  });
}

MqttLinkOptions DirectCalls::link_of(const DirectWay& way) {
  MqttLinkOptions link = link_options_of(way.broker);
  link.client_id = way.netid;
  link.whose_client_id = LinkPolicy::ClientId::shared;
  link.filters = {response_topic(way.netid, to_string(way.action))};
  link.session_expiry = std::chrono::ceil<std::chrono::seconds>(way.timeout);
  return link;
}

/// Once for all calls that are made meanwhile.
void DirectCalls::act_soon() {
  if (std::exchange(will_act_, true))
    return;
  asio::post(loop_, [this] {
    will_act_ = false;
    for (auto& [number, ended] : std::exchange(refused_, {}))
      finish(number, std::move(ended));
    act();
  });
}

/// For the calls that end because there is no link.
void DirectCalls::note_why_down(Instant now) {
  if (!link_.is_up())
    exchanges_.link_down("there is no connection to the MQTT broker: " + link_.why_down(), now);
}

void DirectCalls::act() {
  const auto now = Clock::now();
  if (const auto due = exchanges_.next_deadline(); due && *due <= now)
    note_why_down(now);
  const auto next = pump(exchanges_, *this, now);
  if (!next)
    return;
  deadline_.expires_at(*next);
  deadline_.async_wait([this](const std::error_code& error) {
    if (!error)
      act();
  });
}

void DirectCalls::answer(Ended ended) {
  const auto waiting = numbers_.find(ended.exchange);
  if (waiting == numbers_.end())
    return;
  const std::uint64_t number = waiting->second;
  numbers_.erase(waiting);
  finish(number, std::move(ended));
}

void DirectCalls::finish(std::uint64_t number, Ended ended) {
  auto* const failure = std::get_if<Failure>(&ended.outcome);
  if (failure != nullptr && failure->detail.find(link_.clash()) == std::string::npos)
    failure->detail += "; " + link_.clash();
  on_end_(number, std::move(ended));
}

void DirectCalls::give_up(Failure failure) {
  hopeless_ = std::move(failure);
  const auto now = Clock::now();
  for (const auto& [exchange, number] : std::exchange(numbers_, {}))
    refused_.emplace_back(number, ended_at_once(*hopeless_, now));
  exchanges_.abandon(now);
  act_soon();
}

void DirectCalls::on_subscriptions_refused(const std::set<std::string>& filters) {
  exchanges_.subscriptions_refused(filters, Clock::now());
}

void DirectCalls::on_link_up(const LinkUp& link) {
  has_been_up_ = true;
  exchanges_.link_up(link, Clock::now());
}

void DirectCalls::on_link_down() {
  exchanges_.link_down(link_.why_down(), Clock::now());
}

void DirectCalls::on_message(const MqttMessage& message) {
  deliver(exchanges_, message, Clock::now());
}

void DirectCalls::on_acknowledged(std::uint64_t id, Subscribers subscribers) {
  exchanges_.acknowledged(id, subscribers, Clock::now());
}

void DirectCalls::on_refused(std::uint64_t id, Refusal refusal, const std::string& why) {
  exchanges_.refused(id, refusal, why, Clock::now());
}

void DirectCalls::on_attempt_failed(ConnectFailure failure, const std::string& why) {
  if (failure == ConnectFailure::ended)  // others call with this NetID too: in our turn, then
    return exchanges_.link_down(why, Clock::now());
  const bool may_be_its_version =
      failure == ConnectFailure::closed || failure == ConnectFailure::version_refused;
  if (has_been_up_ || (may_be_its_version && ++failures_ < attempts))
    return;
  if (!hopeless_)
    give_up(Failure{Problem::broker_unavailable, why, {}});
}

}  // namespace mqtt_bridge
