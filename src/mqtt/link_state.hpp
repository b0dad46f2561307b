// The link to a broker, one of several where there are more, as decisions: connects, subscribes,
// stays, and comes back. It is told facts with `now`, and has commands ready to be carried out, in
// their order, after each fact; a fact that comes unasked, or too late, changes nothing. "Up" means
// exactly: connected and every subscription answered, the refused ones named.
//
// When, to which broker and in which version of MQTT is LinkPolicy's, which filters Subscriptions',
// what is owed LinkWatch's; here is what joins them. It has no clock, socket, log or randomness.
//
// Invariants:
//  1. Of TellUp and TellDown each follows the other, TellUp first.
//  2. After start() and before stop(), while it is not up, it waits for a fact that a command
//  names,
//     and next_deadline() is set; an attempt to connect ends by limits::connect_timeout without an
//     answer at latest.
//  3. Nothing is sent but between Connected and Drop.
// Value; the owner serialises.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/instant.hpp"
#include "base/limits/mqtt.hpp"
#include "mqtt/client_id_clash.hpp"
#include "mqtt/events.hpp"
#include "mqtt/link_command.hpp"
#include "mqtt/link_options.hpp"
#include "mqtt/link_policy.hpp"
#include "mqtt/link_watch.hpp"
#include "mqtt/subscriptions.hpp"

namespace mqtt_bridge {

class LinkState {
 public:
  /// Gives a number in [0, 1), another one each time.
  using Jitter = std::function<double()>;
  /// What may have ended a connection that broke: `publish`: what was published last. Then its end
  /// says nothing of the broker or the network, and the next connection is due at once.
  enum class Blame { anything, publish };

  LinkState(MqttLinkOptions options, Instant now, Jitter jitter);

  // What its user wants.
  void start() { is_running_ = true; }
  /// Nothing follows but Drop.
  void stop();
  /// Other filters, credentials and certificates; what names the broker and us stays as it is. New
  /// credentials mean a new connection, which resumes the session. Filters that are no more among
  /// them are left once no answer is expected, or could be.
  void reconfigure(MqttLinkOptions options, Instant now);
  /// REQUIRES: is_up(). The command has the same views.
  void publish(const MqttPublish& publish, Instant now);
  /// One more filter, besides those of the options, on this connection and on those to come.
  /// TellSubscribed follows, once for each of them; no retained messages come.
  void subscribe(const std::string& filter, Echo echo, Instant now);
  void unsubscribe(const std::string& filter);
  /// The session that an earlier run of the program left at the broker is ours: what waits there is
  /// wanted. REQUIRES: it has not been started.
  void resume_session() { is_session_ours_ = version() == MqttVersion::v5; }
  /// A call waits for the link: the pause before it connects again is to be short.
  void hurry(Instant now) { policy_.hurry(now); }
  /// While answers are waited for, a broker that says nothing is probed.
  void expect_answers(bool expected, Instant now);

  // What became of an attempt to connect. `broker`: that of the look-up.
  void host_found(std::size_t broker);
  void host_not_found(std::size_t broker, const std::string& why, Instant now);
  /// `targets`: the addresses, in words.
  void dialling(const std::string& targets);
  void not_reached(const std::string& why, Instant now);
  void reached(Instant now);
  void diagnosed(ConnectFailure failure, const std::string& why, Instant now);

  // What the broker said.
  void on(const mqtt_event::Connected& event, Instant now);
  void on(const mqtt_event::ConnectFailed& event, Instant now);
  void on(const mqtt_event::Subscribed& event, Instant now);
  /// Acknowledged or Refused.
  void acknowledged(std::uint64_t id) { watch_.acknowledged(id); }
  void lost(const mqtt_event::Lost& event, Blame blame, Instant now);
  /// Any of these, or a message, has just come.
  void heard(Instant now) { watch_.heard(now); }
  /// A batch of facts has been told: what is said once for all of them.
  void batch_ended();

  // What is to be done.
  std::optional<LinkCommand> next_command();
  /// When to call expire() next; nothing while nothing is due at any time.
  std::optional<Instant> next_deadline() const;
  /// Calling it too often is harmless.
  void expire(Instant now);

  // How it stands.
  bool is_up() const { return stage_ == Stage::up; }
  const MqttLinkOptions& options() const { return options_; }
  /// That of the link, or of the last attempt.
  const BrokerUrl& broker() const { return options_.brokers[broker_]; }
  MqttVersion version() const { return policy_.version(); }
  /// How the link was lost, when it last was.
  LinkLoss last_loss() const { return last_loss_; }
  /// That another client uses our client id, or seems to, in words; empty where nothing said so.
  const std::string& clash() const { return clash_; }
  /// The same of the link that is up, for as long as it may still be so.
  std::optional<std::string> clash_suspected(Instant now) const;
  /// Why the link is not up, in words; empty while it is.
  const std::string& why_down() const { return why_down_; }
  /// Those of the wanted filters that the broker refuses.
  const std::set<std::string>& refused() const { return subscriptions_.refused(); }
  /// What the broker refuses us, in words; nothing when it refuses nothing.
  std::optional<std::string> why_incomplete() const;
  /// How many workarounds for faults of the MQTT library were not in effect on the last connection.
  std::size_t missing_workarounds() const { return missing_workarounds_.size(); }

 private:
  enum class Stage {
    idle,         // until the next attempt
    looking_up,   // the address of the broker's host
    dialling,     // for a TCP connection
    connecting,   // until CONNACK
    quiet,        // connected, and nothing is sent for a while, see LinkPolicy::quiet_time()
    subscribing,  // until all is answered
    up
  };
  using Verdict = LinkPolicy::Verdict;

  bool has_connection() const { return stage_ >= Stage::connecting; }
  bool may_subscribe() const { return stage_ >= Stage::subscribing; }

  void begin_attempt(Instant now);
  void limit_attempt(Instant now);
  void attempt_takes_too_long(Instant now);
  void now_doing(std::string what);
  void fail_attempt(ConnectFailure failure, std::string why, Instant now);
  void connect_anew(Instant now);
  bool reduce_will(const mqtt_event::ConnectFailed& event);
  void refused_to_connect(const mqtt_event::ConnectFailed& event, Instant now);

  bool is_another_broker() const { return linked_to_ && *linked_to_ != broker_; }
  void begin_subscribing(Instant now);
  void subscribe(Instant now);
  void subscribe_refused_again(Instant now);
  void leave_filters(Instant now);
  void mark_up(Instant now);

  void drop_connection(std::string why);
  std::string explain(std::string why, LinkLoss loss, Verdict verdict);
  std::string why_ended(const std::string& why) const;

  void watch(Instant now);
  void look(Instant now);

  void warn_of_missing(const std::vector<std::string>& workarounds);
  void say_what_is_missing();
  void note_version();
  void tell_refused();
  void log(LogLevel level, std::string text);
  void log_rarely(LogLevel level, std::string text);
  void command(LinkCommand command) { commands_.push_back(std::move(command)); }

  MqttLinkOptions options_;
  Jitter jitter_;
  LinkPolicy policy_;
  Subscriptions subscriptions_;
  LinkWatch watch_;
  std::deque<LinkCommand> commands_;
  bool is_running_ = false;
  Stage stage_ = Stage::idle;

  // What is due; see expire().
  std::optional<Instant> limit_;      // for the next answer of the present attempt
  std::optional<Instant> quiet_end_;  // of Stage::quiet
  std::optional<Instant> look_;       // at what is owed to us
  std::optional<Instant> ask_again_;  // for what was refused

  // The present attempt, and what the broker is asked for.
  std::size_t broker_ = 0;            // of those of the options
  std::set<std::size_t> looking_up_;  // brokers, perhaps for attempts that have ended
  std::optional<mqtt_event::Connected> connected_;
  std::chrono::seconds keep_alive_ = limits::keep_alive;
  std::optional<MqttWill> will_;          // as the broker takes it
  bool is_renewing_ = false;              // the connection is being cut, for another one
  bool is_session_ours_ = false;          // the broker keeps it, and no other client had it
  bool was_session_asked_for_ = false;    // on the present connection
  std::optional<std::size_t> linked_to_;  // the broker of the last link
  bool do_sessions_follow_ =
      true;                   // to another broker, as in a cluster; until one had none of ours
  bool grants_less_ = false;  // QoS 0 for a subscription

  // What was said.
  std::vector<std::string> missing_workarounds_;
  std::string missing_;                      // what the broker offers less of
  std::optional<MqttVersion> last_version_;  // of the last link
  LinkLoss last_loss_ = LinkLoss::broken;
  std::string clash_;
  std::string why_down_ = "connecting";
  std::string doing_ = why_down_;  // what why_down_ says until there is a better reason
};

}  // namespace mqtt_bridge
