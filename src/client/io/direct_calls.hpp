// Calls straight to the broker, for mqtt_client where no daemon serves: connects with the NetID as
// client id, subscribes, publishes, waits. The same link and the same rules for what is an answer
// as the daemon's. Threads: everything on the loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "config/io/options.hpp"
#include "exchange/driver.hpp"
#include "exchange/exchanges.hpp"
#include "mqtt/io/link.hpp"
#include "os/io/process_turn.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {

struct DirectWay {
  BrokerOptions broker;
  std::string netid;
  Action action;
  std::chrono::milliseconds timeout;  // of each call
};

class DirectCalls final : private MqttLink::User, private ExchangeHost {
 public:
  /// Gets each call's number and end, from the loop and never from within call(). It may not
  /// destroy this object.
  using OnEnd = std::function<void(std::uint64_t number, Ended ended)>;

  /// Begins to connect. Throws std::runtime_error where a file of `way.broker` cannot be used. The
  /// end of `loop` may wait for the look-up of an address, see end_loop().
  DirectCalls(asio::io_context& loop, const DirectWay& way, OnEnd on_end);

  void call(std::uint64_t number, std::string message);

  /// The broker cannot be reached, and never could: each call has ended, and each one more will.
  bool is_hopeless() const { return hopeless_.has_value(); }
  bool is_connected() const { return link_.is_up(); }
  /// That another client uses our client id, in words; empty where nothing said so.
  const std::string& clash() const { return link_.clash(); }

 private:
  static MqttLinkOptions link_of(const DirectWay& way);
  void start_in_turn();
  void act_soon();
  void note_why_down(Instant now);
  void act();
  void give_up(Failure failure);
  void finish(std::uint64_t number, Ended ended);

  bool is_linked() const override { return link_.is_up(); }
  void publish(const MqttPublish& request) override { link_.publish(request); }
  void answer(Ended ended) override;
  void expect_answers(bool expected) override { link_.expect_answers(expected); }

  void on_subscriptions_refused(const std::set<std::string>& filters) override;
  void on_link_up(const LinkUp& link) override;
  void on_link_down() override;
  void on_message(const MqttMessage& message) override;
  void on_acknowledged(std::uint64_t id, Subscribers subscribers) override;
  void on_refused(std::uint64_t id, Refusal refusal, const std::string& why) override;
  void on_attempt_failed(ConnectFailure failure, const std::string& why) override;
  void on_batch_end() override { act(); }

  asio::io_context& loop_;
  const DirectWay way_;
  const OnEnd on_end_;
  const Instant began_;
  Exchanges exchanges_;
  std::map<ExchangeId, std::uint64_t> numbers_;           // of the calls that wait
  std::vector<std::pair<std::uint64_t, Ended>> refused_;  // at once
  bool will_act_ = false;
  std::optional<Failure> hopeless_;
  asio::steady_timer deadline_;
  ProcessTurn turn_;
  asio::steady_timer turn_timer_;
  const std::string turn_name_;
  Clock::time_point turn_ends_;
  bool has_been_up_ = false;
  int failures_ = 0;
  MqttLink link_;
};

}  // namespace mqtt_bridge
