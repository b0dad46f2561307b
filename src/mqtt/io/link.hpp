// The link to the broker: connects, subscribes, stays, and comes back. "Up" means exactly:
// connected and every subscription answered, the refused ones named. Which version and when is
// LinkPolicy's; one connection's life is MqttConnection's; here is what joins them, on the event
// loop.
//
// Threads: everything, the handler included, on the loop's thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

#include "base/limits.hpp"
#include "mqtt/broker_url.hpp"
#include "mqtt/io/connection.hpp"
#include "mqtt/io/dialing.hpp"
#include "mqtt/io/tls_check.hpp"
#include "mqtt/link_policy.hpp"
#include "mqtt/message.hpp"
#include "mqtt/subscriptions.hpp"
#include "mqtt/topic_filters.hpp"
#include "os/io/loop_timer.hpp"

namespace mqtt_bridge {

struct MqttLinkOptions {
  BrokerUrl broker;
  Protocol protocol = Protocol::automatic;
  std::string client_id;
  LinkPolicy::ClientId whose_client_id = LinkPolicy::ClientId::own;
  TopicFilters filters;                // subscribed to before the link counts as up; at least one
  TopicFilters optional_filters = {};  // the same, but it does without them
  std::chrono::seconds session_expiry{0};
  std::optional<std::string> username;
  std::optional<std::string> password;
  std::optional<MqttTls> tls;
  std::optional<MqttWill> will;
};

class MqttLink {
 public:
  /// Who uses a link. Each call may use the link, but not destroy it.
  class User {
   public:
    /// Those of `filters` that the broker refuses; before on_link_up(), and when that has changed,
    /// once the broker has answered all.
    virtual void on_subscriptions_refused(const std::set<std::string>& /*filters*/) {}
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

  /// Other filters, credentials and certificates; what names the broker and us stays as it is.
  /// New credentials mean a new connection, which resumes the session. Filters that are no more
  /// among them are left once no answer is expected, or could be.
  void reconfigure(MqttLinkOptions options);

  bool is_up() const { return is_up_; }
  /// REQUIRES: is_up(), and fewer unacknowledged than LinkUp::window.
  void publish(const MqttPublish& publish);

  /// Somebody needs it: it is not to wait long before it connects again.
  void hurry();

  /// While answers are waited for, a broker that says nothing is probed, see watch().
  void expect_answers(bool expected);

  MqttVersion version() const { return policy_.version(); }
  /// How the link was lost, when it last was.
  LinkLoss last_loss() const { return last_loss_; }
  /// That another client uses our client id, or seems to, in words; empty where nothing said so.
  const std::string& clash() const { return clash_; }
  /// Why the link is not up, in words; empty while it is.
  const std::string& why_down() const { return why_down_; }
  /// What the broker refuses us while the link is up, in words; nothing when it refuses nothing.
  std::optional<std::string> why_incomplete() const;
  /// How many workarounds for faults of the MQTT library were not in effect on the last connection.
  std::size_t missing_workarounds() const { return missing_workarounds_.size(); }
  int descriptor() const { return connection_ ? connection_->descriptor() : -1; }

  LostMessages lost() const;

 private:
  struct Inbox;
  void close_inbox();

  void schedule_attempt();
  void begin_attempt();
  void resolve();
  void dial(const Endpoints& endpoints);
  void connect(asio::ip::tcp::socket socket);
  void now_doing(std::string what);
  std::string why_no_answer() const;
  void fail_attempt(ConnectFailure failure, std::string why);
  void drop_connection(std::string why);
  void note_version(MqttVersion version);
  std::string why_ended(const std::string& why) const;
  std::string explain(std::string why, LinkLoss loss, LinkPolicy::Verdict verdict);

  void take_events();
  void on(const mqtt_event::Connected& event);
  void on(const mqtt_event::ConnectFailed& event);
  void on(const mqtt_event::Subscribed& event);
  void on(const mqtt_event::Acknowledged& event);
  void on(const mqtt_event::Refused& event);
  void on(const mqtt_event::Arrived& event);
  void on(const mqtt_event::TooLarge& event);
  void on(const mqtt_event::Lost& event);

  void warn_of_missing(const std::vector<std::string>& workarounds);
  void limit_attempt();
  void connect_anew();
  bool reduce_will(const mqtt_event::ConnectFailed& event);
  void refused_to_connect(const mqtt_event::ConnectFailed& event);
  void begin_subscribing();
  void say_what_is_missing();
  void subscribe();
  void subscribe_refused_again();
  void leave_filters();
  void end_batch();
  void tell_refused();
  void come_up();
  void watch();
  bool is_silent(Instant now);
  double jitter() { return std::uniform_real_distribution<>(0, 1)(random_); }

  asio::io_context& loop_;
  MqttLinkOptions options_;
  User& user_;
  LinkPolicy policy_;
  std::mt19937 random_{std::random_device{}()};

  LoopTimer attempt_timer_;    // the next attempt
  LoopTimer limit_timer_;      // the end of the present one
  LoopTimer quiet_timer_;      // the end of the time in which nothing is sent on a new connection
  LoopTimer watch_timer_;      // the next look at what is owed to us
  LoopTimer subscribe_timer_;  // to ask again for what was refused
  asio::ip::tcp::resolver resolver_;
  std::unique_ptr<Dialing> dialing_;
  asio::ip::tcp::endpoint peer_;  // of the present connection
  std::shared_ptr<Inbox> inbox_;
  std::unique_ptr<MqttConnection> connection_;
  std::unique_ptr<TlsDiagnosis> diagnosis_;
  std::optional<mqtt_event::Connected> connected_;
  std::vector<std::string> missing_workarounds_;
  Subscriptions subscriptions_;
  std::map<std::uint64_t, Instant> unacknowledged_;  // ids grow, so the first is about the oldest
  Instant last_heard_{};
  LostMessages lost_;  // without what inbox_ has lost
  std::chrono::seconds keep_alive_ = limits::keep_alive;
  bool expects_answers_ = false;
  bool is_resolving_ = false;
  bool is_stopped_ = false;
  bool is_up_ = false;
  bool is_renewing_ = false;      // the connection is being cut, for another one
  bool is_session_ours_ = false;  // the broker has promised to keep it, and nobody else had it
  std::optional<MqttWill> will_;  // as the broker takes it
  bool grants_less_ = false;      // QoS 0 for a subscription
  std::string missing_;           // what the broker offers less of, as it was said
  bool was_session_asked_for_ = false;       // on the present connection
  std::optional<MqttVersion> last_version_;  // of the last link
  LinkLoss last_loss_ = LinkLoss::broken;
  std::string clash_;
  std::string why_down_ = "connecting";
  std::string doing_ = why_down_;  // what why_down_ says until there is a better reason
};

}  // namespace mqtt_bridge
