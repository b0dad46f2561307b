#include "responder/io/responder.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/limits/responder.hpp"
#include "base/utf8.hpp"
#include "exchange/presence.hpp"
#include "exchange/topic.hpp"
#include "os/io/log.hpp"
#include "os/io/random.hpp"
#include "os/io/systemd.hpp"
#include "text/transform.hpp"

namespace mqtt_bridge {
namespace {

constexpr auto farewell_margin = std::chrono::seconds(2);  // beyond what the farewell may take

// How long our announcement may take to come back through a shared subscription, once the broker
// has it. Only a warning hangs on it.
constexpr auto proof_patience = std::chrono::seconds(2);

}  // namespace

Responder::Responder(asio::io_context& loop, MqttLinkOptions link, std::string share,
                     std::string id, ServedOptions served)
    : id_(std::move(id)),
      share_(std::move(share)),
      queue_timer_(loop),
      proof_timer_(loop),
      stop_timer_(loop),
      programs_(loop, std::move(served),
                [this](Outgoing answer) { this->answer(std::move(answer)); }),
      link_(loop, complete(std::move(link)), *this) {}

std::vector<std::string> Responder::all_actions_here() const {
  std::vector<std::string> actions;
  for (const Action action : all_actions)
    actions.emplace_back(to_string(action));
  std::ranges::move(programs_.actions(), std::back_inserter(actions));
  return actions;
}

/// One filter for each action, so that the broker can tell that no responder serves another one.
std::string Responder::request_filter(std::string_view action) const {
  const std::string filter = request_topic("+", action);
  return share_.empty() ? filter : "$share/" + share_ + "/" + filter;
}

/// A share of which we are the only member, so what comes to it comes to us.
std::string Responder::proof_filter() const {
  return "$share/" + id_ + "/" + status_topic(id_);
}

MqttLinkOptions Responder::complete(MqttLinkOptions link) const {
  for (const std::string& action : all_actions_here())
    link.filters.append({request_filter(action)});
  if (!share_.empty())
    link.filters.append({proof_filter()});
  link.will = MqttWill{.topic = status_topic(id_), .payload = {}, .retained = true};
  return link;
}

void Responder::on_subscriptions_refused(const std::set<std::string>& filters) {
  actions_.clear();
  for (const std::string& action : all_actions_here()) {
    if (!filters.contains(request_filter(action)))
      actions_.push_back(action);
  }
  needs_proof_ = !share_.empty() && !filters.contains(proof_filter());
  if (link_.is_up())
    announce();
}

void Responder::on_link_up(const LinkUp& link) {
  queue_.link_up(link.window, link.packet_bytes);
  announce();
}

void Responder::on_link_down() {
  proof_timer_.cancel();
  is_ready_ = false;
  queue_.link_down(end_of(link_.last_loss()), Clock::now());
  note_not_ready(link_.why_down());
  finish_stop();
}

void Responder::on_attempt_failed(ConnectFailure, const std::string& why) {
  note_not_ready(why);
  link_.hurry();  // calls that come meanwhile are told that there is no responder
}

/// In MQTT 3.1.1 there is no Correlation Data.
Correlates Responder::what_we_send() const {
  return link_.version() == MqttVersion::v5 ? Correlates::yes : Correlates::perhaps;
}

void Responder::announce() {
  queue_.announce({.topic = status_topic(id_),
                   .payload = actions_.empty() ? "" : birth_message(id_, actions_, what_we_send()),
                   .retained = true},
                  Clock::now());
  if (actions_.empty()) {
    is_ready_ = false;
    return say_not_ready("the broker lets us subscribe to no requests");
  }
  if (!needs_proof_)
    say_ready();
}

void Responder::say_ready() {
  if (std::exchange(is_ready_, true))
    return;
  proof_timer_.cancel();
  spdlog::info("ready");
  notify_status("ready: linked to the broker with MQTT " + std::string(to_string(link_.version())));
}

void Responder::say_not_ready(const std::string& why) {
  log_rarely(LogLevel::error, "not ready: " + why);
  note_not_ready(why);
}

void Responder::note_not_ready(const std::string& why) {
  why_not_ready_ = why;
  notify_status("not ready: " + why);
}

std::optional<std::string> Responder::why_not_ready() const {
  return is_ready_ ? std::nullopt : std::optional(why_not_ready_);
}

void Responder::on_acknowledged(std::uint64_t id, Subscribers) {
  const auto message = queue_.acknowledged(id);
  const bool was_announcement = message && message->retained && !message->payload.empty();
  if (was_announcement && needs_proof_ && !is_ready_)
    doubt_delivery();
}

void Responder::doubt_delivery() {
  proof_timer_.set(Clock::now() + proof_patience, [this] {
    say_not_ready(
        "the broker granted the shared subscriptions (--share), but nothing comes of them; perhaps "
        "it has none, or keeps " +
        status_topic(id_) + " from us");
  });
}

void Responder::on_message(const MqttMessage& message) {
  const auto topic = parse_request_topic(message.topic);
  const auto action = topic ? parse_action(topic->action) : std::nullopt;
  const bool is_served = topic && programs_.serves(topic->action);
  const bool is_proof =
      !share_.empty() && message.topic == status_topic(id_) && !message.payload.empty();
  if ((action || is_served || is_proof) && !message.retained && !actions_.empty())
    say_ready();
  if ((!action && !is_served) || message.retained)
    return;
  const bool has_response_topic = message.response_topic && is_topic_name(*message.response_topic);
  Outgoing answer{.topic = has_response_topic ? *message.response_topic
                                              : response_topic(topic->netid, topic->action),
                  .payload = {},
                  .correlation = message.correlation.value_or(""),
                  .user_properties = {{"responder", id_}}};
  if (is_served) {
    return programs_.run(
        {.topic = message.topic,
         .netid = std::string(topic->netid),
         .action = std::string(topic->action),
         .payload = message.payload,
         .expires = message.expiry ? std::optional(Clock::now() + *message.expiry) : std::nullopt,
         .answer = std::move(answer)});
  }
  if (is_utf8(message.payload)) {
    answer.payload = transform(*action, message.payload, random_below);
    return queue_.push(std::move(answer), Clock::now());
  }
  log_rarely(LogLevel::warn, "a request on " + message.topic + " is not UTF-8 text");
  // Without correlation data an error answer would be taken for an answer.
  if (!message.correlation)
    return;
  answer.user_properties.emplace_back("status", "400");
  answer.user_properties.emplace_back("error", "the request is not UTF-8 text");
  queue_.push(std::move(answer), Clock::now());
}

/// Of a program; it may come at any time.
void Responder::answer(Outgoing answer) {
  queue_.push(std::move(answer), Clock::now());
  publish();
}

void Responder::publish() {
  const auto now = Clock::now();
  while (link_.is_up()) {
    const auto next = queue_.next(now);
    if (!next)
      break;
    link_.publish({.id = next->id,
                   .topic = next->message.topic,
                   .payload = next->message.payload,
                   .response_topic = {},
                   .correlation = next->message.correlation,
                   .expiry = {},
                   .user_properties = next->message.user_properties,
                   .retained = next->message.retained});
  }
  set_queue_timer();
  tell_losses();
}

void Responder::set_queue_timer() {
  const auto next = queue_.next_deadline();
  if (next && queue_timer_.due() != *next)
    queue_timer_.set(*next, [this] { publish(); });
}

void Responder::tell_losses() {
  while (const auto loss = queue_.next_loss(Clock::now())) {
    switch (loss->reason) {
      case AnswerQueue::Reason::no_room:
        spdlog::warn(
            "answers dropped because too many wait for the broker: {}; the last one for {}",
            loss->count, loss->topic);
        break;
      case AnswerQueue::Reason::too_large:
        spdlog::warn("answers larger than the broker takes: {}; the last one had {} bytes, for {}",
                     loss->count, loss->bytes, loss->topic);
        break;
      case AnswerQueue::Reason::breaks_connections:
        spdlog::warn(
            "answers given up because the connection broke each time they were sent alone: {}; the "
            "last one had {} bytes, for {}; is that too large for the broker, or may we not "
            "publish there?",
            loss->count, loss->bytes, loss->topic);
        break;
    }
  }
}

void Responder::on_refused(std::uint64_t id, Refusal refusal, const std::string& why) {
  const auto message = queue_.refused(id, refusal);
  log_rarely(LogLevel::warn,
             "the broker did not take " +
                 std::string(message && message->retained ? "our announcement" : "an answer") +
                 ": " + why);
}

void Responder::on_batch_end() {
  publish();
  if (has_said_farewell_ && queue_.is_idle())
    finish_stop();
}

void Responder::stop(std::function<void()> stopped) {
  notify_stopping(2 * limits::farewell_timeout + farewell_margin);
  stopped_ = std::move(stopped);
  if (!link_.is_up())
    return finish_stop();
  stop_timer_.set(Clock::now() + limits::farewell_timeout, [this] { end_programs(); });
  programs_.stop([this] { say_farewell(); });
}

void Responder::end_programs() {
  stop_timer_.set(Clock::now() + limits::farewell_timeout, [this] { finish_stop(); });
  programs_.kill();
}

/// Not while a program runs: mqtt_bridged waits for no answer of a responder that is gone.
void Responder::say_farewell() {
  has_said_farewell_ = true;
  stop_timer_.set(Clock::now() + limits::farewell_timeout, [this] { finish_stop(); });
  queue_.say_farewell({.topic = status_topic(id_), .payload = {}, .retained = true});
  publish();
}

void Responder::finish_stop() {
  if (!stopped_)
    return;
  stop_timer_.cancel();
  proof_timer_.cancel();
  queue_timer_.cancel();
  link_.stop();
  std::exchange(stopped_, nullptr)();
}

}  // namespace mqtt_bridge
