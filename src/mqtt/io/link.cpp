#include "mqtt/io/link.hpp"

#include <random>
#include <utility>
#include <variant>

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

// How long events may keep the loop from everything else.
constexpr auto batch_time = 10ms;

LinkState::Jitter jitter() {
  return [random = std::mt19937(std::random_device{}())]() mutable {
    return std::uniform_real_distribution<>(0, 1)(random);
  };
}

}  // namespace

MqttLink::MqttLink(asio::io_context& loop, MqttLinkOptions options, User& user)
    : loop_(loop),
      user_(user),
      state_(std::move(options), Clock::now(), jitter()),
      timer_(loop),
      resolver_(loop) {}

MqttLink::~MqttLink() {
  stop();
}

// What the user wants -------------------------------------------------------------------------

void MqttLink::start() {
  state_.start();
  act();
}

void MqttLink::stop() {
  state_.stop();
  act();
  timer_.cancel();
  resolver_.cancel();
}

void MqttLink::reconfigure(MqttLinkOptions options) {
  state_.reconfigure(std::move(options), Clock::now());
  act();
}

void MqttLink::publish(const MqttPublish& publish) {
  state_.publish(publish, Clock::now());
  act();
}

void MqttLink::subscribe(const std::string& filter, Echo echo) {
  state_.subscribe(filter, echo, Clock::now());
  act();
}

void MqttLink::unsubscribe(const std::string& filter) {
  state_.unsubscribe(filter);
  act();
}

void MqttLink::hurry() {
  state_.hurry(Clock::now());
  act();
}

void MqttLink::expect_answers(bool expected) {
  state_.expect_answers(expected, Clock::now());
  act();
}

LostMessages MqttLink::lost() const {
  LostMessages all = lost_;
  if (inbox_)
    all.inbox_full += inbox_->times_full();
  return all;
}

// What the state wants ------------------------------------------------------------------------

/// What the user does when it is told something may bring this about again, before it returns.
void MqttLink::act() {
  while (const auto command = state_.next_command())
    std::visit([this](const auto& each) { carry_out(each); }, *command);
  set_timer();
}

/// For what does not come in a batch of events.
void MqttLink::settle() {
  state_.batch_ended();
  act();
  if (std::exchange(was_told_, false))
    user_.on_batch_end();
}

/// It may be set for an earlier time, since expiring too often is harmless: most deadlines go away
/// before they are due.
void MqttLink::set_timer() {
  const auto due = state_.next_deadline();
  if (!due || (timer_.is_set() && timer_.due() <= *due))
    return;
  timer_.set(*due, [this] {
    state_.expire(Clock::now());
    settle();
  });
}

void MqttLink::carry_out(const link_command::LookUp& command) {
  const BrokerUrl& broker = state_.options().brokers[command.broker];
  std::error_code not_numeric;
  const auto address = asio::ip::make_address(broker.host, not_numeric);
  if (!not_numeric) {
    endpoints_[command.broker] = {{address, broker.port}};
    return state_.host_found(command.broker);
  }
  resolver_.async_resolve(
      broker.host, std::to_string(broker.port),
      [this, which = command.broker](const std::error_code& error,
                                     const asio::ip::tcp::resolver::results_type& results) {
        if (error == asio::error::operation_aborted)
          return;
        endpoints_[which].assign(results.begin(), results.end());
        if (error)
          state_.host_not_found(which, error.message(), Clock::now());
        else
          state_.host_found(which);
        settle();
      });
}

void MqttLink::carry_out(const link_command::Dial& command) {
  dialing_ = std::make_unique<Dialing>(loop_, endpoints_[command.broker],
                                       [this](std::optional<asio::ip::tcp::socket> one) {
                                         const std::string why = dialing_->why_none();
                                         dialing_.reset();
                                         reached_ = std::move(one);
                                         if (reached_)
                                           state_.reached(Clock::now());
                                         else
                                           state_.not_reached(why, Clock::now());
                                         settle();
                                       });
  state_.dialling(dialing_->targets());
}

void MqttLink::carry_out(const link_command::StopDialling&) {
  const std::string why = dialing_->why_none();
  dialing_.reset();
  state_.not_reached(why, Clock::now());
}

void MqttLink::carry_out(const link_command::Connect& command) {
  std::error_code gone;
  peer_ = reached_->remote_endpoint(gone);
  inbox_ = std::make_shared<Inbox>(loop_, [this] { take_events(); });
  const auto options = connect_options_for(command, state_.options(), peer_, reached_->release());
  reached_.reset();
  connection_ = std::make_unique<MqttConnection>(
      options, [inbox = inbox_](MqttEvent event) { inbox->put(std::move(event)); });
}

void MqttLink::carry_out(const link_command::Diagnose&) {
  const MqttLinkOptions& options = state_.options();
  diagnosis_ =
      std::make_unique<TlsDiagnosis>(loop_, state_.broker().host, peer_, *options.tls,
                                     [this](ConnectFailure failure, const std::string& why) {
                                       state_.diagnosed(failure, why, Clock::now());
                                       settle();
                                     });
}

void MqttLink::carry_out(const link_command::Drop&) {
  if (inbox_) {
    lost_.inbox_full += inbox_->times_full();
    inbox_->close();
  }
  inbox_.reset();
  connection_.reset();
  reached_.reset();
  dialing_.reset();
  diagnosis_.reset();
}

/// Only now, and not while it subscribes: what it is told of that and what comes on it keep their
/// order.
void MqttLink::carry_out(const link_command::TellUp& command) {
  connection_->use(loop_);
  tell().on_link_up(command.link);
}

void MqttLink::carry_out(const link_command::Cut&) {
  if (connection_->descriptor() >= 0)
    return connection_->cut();
  // It was not found among our descriptors, so there is nothing to cut it by, and no Lost.
  state_.lost({"", LinkLoss::broken}, LinkState::Blame::anything, Clock::now());
}

// Telling -------------------------------------------------------------------------------------

void MqttLink::carry_out(const link_command::Log& command) {
  if (command.often == link_command::Log::Often::rarely)
    log_rarely(command.level, command.text);
  else
    log_line(command.level, command.text);
}

// Events --------------------------------------------------------------------------------------

void MqttLink::take_events() {
  const auto inbox = inbox_;  // an event may end the connection, and what it had to say after
  const auto began = Clock::now();
  for (auto now = began; now - began < batch_time; now = Clock::now()) {
    const auto event = inbox->next();
    if (!event)
      break;
    state_.heard(now);
    take(*event, now);
    act();
  }
  const bool is_all = !inbox->go_on();
  state_.batch_ended();
  act();
  was_told_ = false;
  user_.on_batch_end();
  if (is_all && connection_)
    connection_->read_on();
}

void MqttLink::take(const MqttEvent& event, Instant now) {
  if (const auto* arrived = std::get_if<mqtt_event::Arrived>(&event)) {
    user_.on_message(arrived->message);
  } else if (const auto* acknowledged = std::get_if<mqtt_event::Acknowledged>(&event)) {
    state_.acknowledged(acknowledged->id);
    user_.on_acknowledged(acknowledged->id, acknowledged->subscribers);
  } else if (const auto* refused = std::get_if<mqtt_event::Refused>(&event)) {
    state_.acknowledged(refused->id);
    user_.on_refused(refused->id, refused->refusal, refused->why);
  } else if (const auto* subscribed = std::get_if<mqtt_event::Subscribed>(&event)) {
    state_.on(*subscribed, now);
  } else if (const auto* connected = std::get_if<mqtt_event::Connected>(&event)) {
    state_.on(*connected, now);
  } else if (const auto* failed = std::get_if<mqtt_event::ConnectFailed>(&event)) {
    state_.on(*failed, now);
  } else if (const auto* lost = std::get_if<mqtt_event::Lost>(&event)) {
    const auto blame = user_.risks_link() ? LinkState::Blame::publish : LinkState::Blame::anything;
    state_.lost(*lost, blame, now);
  } else {
    ++lost_.too_large;
  }
}

}  // namespace mqtt_bridge
