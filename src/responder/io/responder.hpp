// The service that answers the requests of the five actions over MQTT with the transformed text,
// and those of other actions with what their program prints, on the event loop. See
// text/transform.hpp for what the five do, and ServedPrograms for the others. While it is there a
// retained birth message says so, see exchange/presence.hpp; its will, or its farewell, clears
// that.
//
// Some brokers grant a shared subscription like any other and then deliver nothing to it. So one of
// a group also shares, in a group of its own, what it says of itself, and is ready when it hears
// that.
//
// Threads: everything on the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <asio/io_context.hpp>

#include "exchange/presence.hpp"
#include "mqtt/io/link.hpp"
#include "os/io/loop_timer.hpp"
#include "responder/answer_queue.hpp"
#include "responder/io/served_programs.hpp"

namespace mqtt_bridge {

class Responder : private MqttLink::User {
 public:
  /// `share`: the group of a shared subscription (MQTT 5.0 4.8.2); empty: not shared.
  /// `id`: under which it is announced, and which MQTT 5 answers name. The filters and the will of
  /// `link` are made here.
  Responder(asio::io_context& loop, MqttLinkOptions link, std::string share, std::string id,
            ServedOptions served);

  void start() { link_.start(); }
  /// Lets programs that run end, for at most limits::farewell_timeout, or ends them; says farewell
  /// and sends what is still to send, for at most as long again; then calls `stopped`. Called
  /// again, it ends the programs at once.
  void stop(std::function<void()> stopped);

  /// In words; nothing when requests are answered.
  std::optional<std::string> why_not_ready() const;

 private:
  void on_subscriptions_refused(const std::set<std::string>& filters) override;
  void on_link_up(const LinkUp& link) override;
  void on_link_down() override;
  void on_attempt_failed(ConnectFailure failure, const std::string& why) override;
  void on_message(const MqttMessage& message) override;
  void on_acknowledged(std::uint64_t id, Subscribers subscribers) override;
  void on_refused(std::uint64_t id, Refusal refusal, const std::string& why) override;
  void on_batch_end() override;
  bool risks_link() const override { return queue_.is_on_trial(); }

  std::vector<std::string> all_actions_here() const;
  std::string request_filter(std::string_view action) const;
  MqttLinkOptions complete(MqttLinkOptions link) const;
  std::string proof_filter() const;
  Correlates what_we_send() const;
  void announce();
  void say_ready();
  void say_not_ready(const std::string& why);
  void note_not_ready(const std::string& why);
  void doubt_delivery();
  void publish();
  void set_queue_timer();
  void tell_losses();
  void answer(Outgoing answer);
  void end_programs();
  void say_farewell();
  void finish_stop();

  const std::string id_;
  const std::string share_;
  std::vector<std::string> actions_;  // those to whose requests the broker lets us subscribe
  bool needs_proof_ = false;          // that shared subscriptions are delivered to
  bool is_ready_ = false;             // and has said so
  std::string why_not_ready_ = "connecting";
  AnswerQueue queue_;
  LoopTimer queue_timer_;
  LoopTimer proof_timer_;
  LoopTimer stop_timer_;
  std::function<void()> stopped_;  // while it stops
  bool has_said_farewell_ = false;
  ServedPrograms programs_;
  MqttLink link_;
};

}  // namespace mqtt_bridge
