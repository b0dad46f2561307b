// The link to the broker: carries out what LinkState decides, and tells it what became of that. One
// connection's life is MqttConnection's.
//
// Threads: everything, the handler included, on the loop's thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include "mqtt/io/connection.hpp"
#include "mqtt/io/dialing.hpp"
#include "mqtt/io/inbox.hpp"
#include "mqtt/io/tls_check.hpp"
#include "mqtt/link_options.hpp"
#include "mqtt/link_state.hpp"
#include "mqtt/message.hpp"
#include "os/io/log.hpp"
#include "os/io/loop_timer.hpp"

namespace mqtt_bridge {

class MqttLink {
 public:
  /// Who uses a link. Each call may use the link, but not destroy it.
  class User {
   public:
    /// Those of `filters` that the broker refuses; before on_link_up(), and when that has changed,
    /// once the broker has answered all.
    virtual void on_subscriptions_refused(const std::set<std::string>& /*filters*/) {}
    /// What the broker answered to a filter of subscribe(): once it did, and each time that the
    /// link comes up, before that.
    virtual void on_subscribed(const std::string& /*filter*/, bool /*is_granted*/) {}
    virtual void on_link_up(const LinkUp& link) = 0;
    virtual void on_link_down() = 0;
    /// Whether what was published last may be what ends the connection: then its end says nothing
    /// of the broker or the network, and the next one is due at once. Asked before on_link_down().
    virtual bool risks_link() const { return false; }
    virtual void on_message(const MqttMessage& message) = 0;
    virtual void on_acknowledged(std::uint64_t id, Subscribers subscribers) = 0;
    virtual void on_refused(std::uint64_t id, Refusal refusal, const std::string& why) = 0;
    /// A whole batch of the above has been given: the moment to act on all of it at once.
    virtual void on_batch_end() {}
    /// An attempt to connect or subscribe failed; the next one follows by itself.
    virtual void on_attempt_failed(ConnectFailure /*failure*/, const std::string& /*why*/) {}

   protected:
    ~User() = default;
  };

  MqttLink(asio::io_context& loop, MqttLinkOptions options, User& user);
  ~MqttLink();
  MqttLink(const MqttLink&) = delete;
  MqttLink& operator=(const MqttLink&) = delete;

  /// Begins to connect.
  void start();
  /// Says goodbye to the broker; nothing more comes. Does not wait.
  void stop();

  // As LinkState has them.
  void resume_session() { state_.resume_session(); }
  /// What comes from now on, and what has come in this turn of the loop, is not acknowledged to the
  /// broker while this holds, as far as the connection lets it.
  void hold_acknowledgements(bool is_held) {
    if (connection_ && is_up())
      connection_->hold_acknowledgements(is_held);
  }
  void reconfigure(MqttLinkOptions options);
  /// REQUIRES: is_up(), and fewer unacknowledged than LinkUp::window.
  void publish(const MqttPublish& publish);
  void subscribe(const std::string& filter, Echo echo);
  void unsubscribe(const std::string& filter);
  void hurry();
  void expect_answers(bool expected);

  bool is_up() const { return state_.is_up(); }
  const BrokerUrl& broker() const { return state_.broker(); }
  MqttVersion version() const { return state_.version(); }
  LinkLoss last_loss() const { return state_.last_loss(); }
  const std::string& clash() const { return state_.clash(); }
  std::optional<std::string> clash_suspected(Instant now) const {
    return state_.clash_suspected(now);
  }
  const std::string& why_down() const { return state_.why_down(); }
  /// What the broker refuses us while the link is up, in words; nothing when it refuses nothing.
  std::optional<std::string> why_incomplete() const { return state_.why_incomplete(); }
  std::size_t missing_workarounds() const { return state_.missing_workarounds(); }
  int descriptor() const { return connection_ ? connection_->descriptor() : -1; }
  LostMessages lost() const;

 private:
  // Carries out what the state wants.
  void carry_out(const link_command::LookUp& command);
  void carry_out(const link_command::Dial& command);
  void carry_out(const link_command::StopDialling&);
  void carry_out(const link_command::Connect& command);
  void carry_out(const link_command::Diagnose&);
  void carry_out(const link_command::Drop&);
  void carry_out(const link_command::Subscribe& command) {
    connection_->subscribe(command.id, command.filter, command.retained, command.echo);
  }
  void carry_out(const link_command::Unsubscribe& command) {
    connection_->unsubscribe(command.filter);
  }
  void carry_out(const link_command::Publish& command) { connection_->publish(command.publish); }
  void carry_out(const link_command::Heed& command) {
    connection_->heed(command.maximum_qos, command.has_retained);
  }
  void carry_out(const link_command::Kick&) { connection_->kick(); }
  void carry_out(const link_command::Cut&);
  void carry_out(const link_command::Log& command);
  void carry_out(const link_command::LogAnew&) { log_anew(); }
  void carry_out(const link_command::TellRefused&) {
    tell().on_subscriptions_refused(state_.refused());
  }
  void carry_out(const link_command::TellSubscribed& command) {
    tell().on_subscribed(command.filter, command.is_granted);
  }
  void carry_out(const link_command::TellUp& command);
  void carry_out(const link_command::TellDown&) { tell().on_link_down(); }
  void carry_out(const link_command::TellAttemptFailed& command) {
    tell().on_attempt_failed(command.failure, command.why);
  }

  User& tell() {
    was_told_ = true;
    return user_;
  }

  void act();
  void settle();
  void set_timer();
  void take_events();
  void take(const MqttEvent& event, Instant now);

  asio::io_context& loop_;
  User& user_;
  LinkState state_;
  LoopTimer timer_;  // for the state's next deadline, or earlier
  asio::ip::tcp::resolver resolver_;
  std::map<std::size_t, Endpoints> endpoints_;  // of each broker's host, as they were last found
  std::unique_ptr<Dialing> dialing_;
  std::optional<asio::ip::tcp::socket> reached_;
  asio::ip::tcp::endpoint peer_;  // of the present connection
  std::shared_ptr<Inbox> inbox_;
  std::unique_ptr<MqttConnection> connection_;
  std::unique_ptr<TlsDiagnosis> diagnosis_;
  LostMessages lost_;      // without what inbox_ has lost
  bool was_told_ = false;  // the user, outside a batch
};

}  // namespace mqtt_bridge
