// A client of the simulated broker: it carries out what LinkState wants, as mqtt/io/link.cpp does
// on a real one, and finds out what that must never want.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits/mqtt.hpp"
#include "mqtt/link_options.hpp"
#include "mqtt/link_state.hpp"
#include "simulation/broker.hpp"

namespace mqtt_bridge::simulation {

/// Connects, subscribes, comes back. `Link`: LinkState, or one that breaks a rule on purpose.
template <typename Link = LinkState>
class Peer : protected Broker::Client {
 public:
  Peer(Schedule& schedule, Broker& broker, MqttLinkOptions options)
      : schedule_(schedule),
        broker_(broker),
        options_(std::move(options)),
        id_(options_.client_id) {
    options_.brokers.resize(broker_.nodes());
  }

  void start() {
    if (std::exchange(is_running_, true))
      return;
    taken_over_.reset();
    link_.emplace(options_, schedule_.now(), [this] { return schedule_.below(1000) / 1000.0; });
    link_->start();
    carry_out();
  }
  /// As `kill -9` does.
  void kill() {
    if (!std::exchange(is_running_, false))
      return;
    schedule_.note(id_, " is killed");
    drop();
    link_->stop();
    alarm_.reset();
  }
  bool is_running() const { return is_running_; }

  /// What must be true at every moment.
  std::optional<std::string> check() const {
    if (fault_)
      return fault_;
    if (!connection_ || !connection_->deaf_since || !is_up() || !expecting_since_)
      return {};
    const auto since = std::max({*connection_->deaf_since, *expecting_since_, last_asked_});
    if (schedule_.now() - since > most_silence)
      return "stays on a connection on which nothing comes";
    return {};
  }
  /// What must be true when all is over.
  std::optional<std::string> check_end() const {
    if (is_running_ && !is_up())
      return "never came back";
    if (is_running_ && !link_->refused().empty())
      return "did not ask again for what was refused";
    for (TopicFilters wanted = options_.filters; is_running_ && !wanted.empty();) {
      if (const auto filter = wanted.take_first();
          !broker_.has(broker_.session_name(id_, node_), filter))
        return "is not subscribed to " + filter;
    }
    return {};
  }

 protected:
  virtual void up(bool session_present) = 0;
  virtual void down() {}
  virtual void failed() {}
  virtual void subscribed(const std::string& /*filter*/, bool /*is_granted*/) {}
  virtual bool begins_anew(const link_command::Connect& connect) const {
    return connect.clean_start || connect.version == MqttVersion::v3_1_1;
  }
  virtual bool risks_link() const { return false; }
  virtual bool is_answer_expected_on(const std::string& /*filter*/) const { return false; }

  LinkEnd how_it_ended() const { return end_of(link_->last_loss()); }
  bool is_up() const { return is_running_ && link_->is_up(); }
  /// On the present connection, as far as the broker has said.
  bool is_granted(const std::string& filter) const { return granted_.contains(filter); }
  MqttVersion version() const { return link_->version(); }
  /// REQUIRES: is_up().
  void send(std::uint64_t number, Message message) {
    outgoing_.push_back(std::move(message));
    const Message& sent = outgoing_.back();
    link_->publish({.id = number, .topic = sent.topic, .payload = sent.payload}, schedule_.now());
    carry_out();
  }
  void expect(bool answers) {
    if (!answers)
      expecting_since_.reset();
    else if (!expecting_since_)
      expecting_since_ = schedule_.now();
    link_->expect_answers(answers, schedule_.now());
    carry_out();
  }
  void add(const std::string& filter, Echo echo) {
    link_->subscribe(filter, echo, schedule_.now());
    carry_out();
  }
  void remove(const std::string& filter) {
    link_->unsubscribe(filter);
    carry_out();
  }
  void reconfigure(MqttLinkOptions options) {
    if (options.password != options_.password)
      taken_over_.reset();  // with others the broker may tell the two apart
    options_ = std::move(options);
    if (!is_running_)
      return;
    link_->reconfigure(options_, schedule_.now());
    carry_out();
  }

  Schedule& schedule_;
  Broker& broker_;
  MqttLinkOptions options_;
  const std::string id_;

 private:
  // Up to 1 s until it asks, then limits::puback_timeout, and 5 ms until it looks. Where it asks
  // for other subscriptions meanwhile, it waits for those.
  static constexpr auto most_silence = 1s + limits::puback_timeout + 10ms;
  // Where another client took its connection over, and the broker said so.
  static constexpr auto least_absence = limits::reconnect_cap / 2;

  void carry_out() {
    while (const auto command = link_->next_command())
      std::visit([this](const auto& each) { this->on(each); }, *command);
    const auto due = link_->next_deadline();
    if (!due || (alarm_ && *alarm_ <= *due))
      return;
    alarm_ = due;
    schedule_.at(*due, [this, due] {
      if (alarm_ != due)
        return;
      alarm_.reset();
      link_->expire(schedule_.now());
      end_batch();
    });
  }
  void end_batch() {
    link_->batch_ended();
    carry_out();
  }

  // What the link wants.
  void on(const link_command::LookUp& look_up) { link_->host_found(look_up.broker); }
  void on(const link_command::Dial& dial) {
    node_ = dial.broker;
    link_->dialling("the broker");
    schedule_.after(schedule_.up_to(200us), [this, dialled = ++dialled_] {
      if (!is_running_ || dialled != dialled_)
        return;
      if (broker_.is_up(node_))
        link_->reached(schedule_.now());
      else
        link_->not_reached("there is no broker", schedule_.now());
      end_batch();
    });
  }
  void on(const link_command::StopDialling&) { link_->not_reached("no answer", schedule_.now()); }
  void on(const link_command::Connect& connect) {
    if (taken_over_ && schedule_.now() - *taken_over_ < least_absence)
      fault_ = "fights back with one that has its client id";
    const auto will = options_.will;
    connection_ = broker_.connect(
        *this, id_, node_, begins_anew(connect),
        options_.session_expiry > 0s && connect.version == MqttVersion::v5 ? Broker::Keep::session
                                                                           : Broker::Keep::nothing,
        will ? std::optional(Message{
                   .topic = will->topic, .payload = will->payload, .retained = will->retained})
             : std::nullopt);
    asked_.clear();
    answered_.clear();
    granted_.clear();
  }
  void on(const link_command::Diagnose&) {}
  void on(const link_command::Drop&) { drop(); }
  void on(const link_command::Subscribe& subscribe) {
    asked_[subscribe.id] = subscribe.filter;
    last_asked_ = schedule_.now();
    const bool is_v5 = version() == MqttVersion::v5;  // 3.1.1 has no such options
    broker_.subscribe(connection_, subscribe.id, subscribe.filter,
                      is_v5 ? subscribe.retained : Retained::sent,
                      is_v5 ? subscribe.echo : Echo::sent);
  }
  void on(const link_command::Unsubscribe& unsubscribe) {
    schedule_.note(id_, " leaves ", unsubscribe.filter);
    if (granted_.erase(unsubscribe.filter) > 0 && is_answer_expected_on(unsubscribe.filter))
      fault_ = "leaves a filter on which an answer is expected: " + unsubscribe.filter;
    broker_.unsubscribe(connection_, unsubscribe.filter);
  }
  void on(const link_command::Publish& publish) {
    broker_.publish(connection_, publish.publish.id, std::move(outgoing_.front()));
    outgoing_.pop_front();
  }
  void on(const link_command::Heed&) {}
  void on(const link_command::Kick&) {}
  void on(const link_command::Cut&) { broker_.cut(connection_); }
  void on(const link_command::Log& log) { schedule_.note(id_, " says: ", log.text); }
  void on(const link_command::LogAnew&) {}
  void on(const link_command::TellRefused&) {}
  void on(const link_command::TellSubscribed& told) { subscribed(told.filter, told.is_granted); }
  void on(const link_command::TellUp& told) {
    schedule_.note(id_, " is up", told.link.session_present ? ", its session is there" : "");
    for (TopicFilters wanted = options_.filters; !wanted.empty();) {
      if (const auto filter = wanted.take_first(); !answered_.contains(filter))
        fault_ = "is up without an answer for its subscription to " + filter;
    }
    up(told.link.session_present);
  }
  void on(const link_command::TellDown&) {
    schedule_.note(id_, " is down");
    down();
  }
  void on(const link_command::TellAttemptFailed&) { failed(); }

  void drop() {
    ++dialled_;
    if (connection_)
      broker_.abandon(connection_);
    connection_.reset();
  }

  // What the broker says.
  void on_connected(bool session_present) override {
    tell(mqtt_event::Connected{.session_present = session_present});
  }
  void on_not_connected(ConnectFailure failure) override {
    tell(mqtt_event::ConnectFailed{failure, "the broker does not want us"});
  }
  void on_subscribed(std::uint64_t id, int reason_code) override {
    const std::string& filter = asked_[id];
    answered_.insert(filter);
    if (reason_code <= 1)
      granted_.insert(filter);
    else
      granted_.erase(filter);
    tell(mqtt_event::Subscribed{id, reason_code});
  }
  void on_lost(LinkLoss loss) override {
    if (loss == LinkLoss::taken_over && is_up())
      taken_over_ = schedule_.now();
    link_->lost({"the connection broke", loss},
                risks_link() ? LinkState::Blame::publish : LinkState::Blame::anything,
                schedule_.now());
    end_batch();
  }
  void on_acknowledged(std::uint64_t id, Subscribers subscribers) final {
    link_->heard(schedule_.now());
    link_->acknowledged(id);
    acknowledged(id, subscribers);
  }
  void on_message(const Message& message) final {
    link_->heard(schedule_.now());
    arrived(message);
  }
  template <typename Event>
  void tell(const Event& event) {
    link_->heard(schedule_.now());
    link_->on(event, schedule_.now());
    end_batch();
  }
  virtual void acknowledged(std::uint64_t /*id*/, Subscribers /*subscribers*/) {}
  virtual void arrived(const Message& /*message*/) {}

  std::optional<Link> link_;
  Broker::Handle connection_;
  bool is_running_ = false;
  std::size_t node_ = 0;  // of the broker, that was dialled last
  int dialled_ = 0;
  std::optional<Instant> alarm_;
  std::deque<Message> outgoing_;  // handed to the link, which wants them sent in this order
  std::map<std::uint64_t, std::string> asked_;
  std::set<std::string> answered_;  // filters, on the present connection
  std::set<std::string> granted_;   // of these
  std::optional<Instant> expecting_since_;
  Instant last_asked_{};
  std::optional<Instant> taken_over_;
  std::optional<std::string> fault_;
};

inline MqttLinkOptions link_options(std::string client_id, const std::vector<std::string>& filters,
                                    std::chrono::seconds session_expiry) {
  MqttLinkOptions options;
  options.client_id = std::move(client_id);
  for (const auto& filter : filters)
    options.filters.append({filter});
  options.session_expiry = session_expiry;
  return options;
}

}  // namespace mqtt_bridge::simulation
