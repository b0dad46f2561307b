#include "client/io/direct_call.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <asio/steady_timer.hpp>

#include "exchange/driver.hpp"
#include "exchange/topic.hpp"
#include "exchange/transform_request.hpp"
#include "mqtt/io/link.hpp"
#include "os/io/process_turn.hpp"
#include "os/io/random.hpp"

namespace mqtt_bridge {
namespace {

// A broker that knows an older version only may need this many attempts to say so, see LinkPolicy.
constexpr int attempts = 6;
// While another process calls with the same NetID.
constexpr auto turn_pause = std::chrono::milliseconds(2);
constexpr std::chrono::milliseconds kept_for_the_call(1000);

class OneCall : private MqttLink::User, private ExchangeHost {
 public:
  OneCall(asio::io_context& loop, const DirectCall& call)
      : loop_(loop),
        // It has nothing to do but wait for the broker.
        exchanges_(Clock::now(), {.down_grace = call.timeout}),
        deadline_(loop),
        turn_timer_(loop),
        turn_name_(call.netid + " " + to_string(call.broker)),
        link_(loop, link_of(call), *this) {
    const auto now = Clock::now();
    turn_ends_ = now + call.timeout - std::min(kept_for_the_call, call.timeout / 2);
    const auto admitted =
        exchanges_.begin(transform_request({.netid = call.netid,
                                            .action = std::string(to_string(call.action)),
                                            .payload = call.message,
                                            .correlation = random_bytes(16),
                                            .arrived = now,
                                            .deadline = now + call.timeout}));
    if (const auto* failure = std::get_if<Failure>(&admitted))
      outcome = *failure;
    act();
    start_in_turn();
  }

  std::optional<std::variant<Answer, Failure>> outcome;

 private:
  /// The client id is the NetID, so the broker would end one call for the next. Those of this
  /// machine go one after the other; with others they clash, and take turns as LinkPolicy says.
  void start_in_turn() {
    if (turn_.take(turn_name_) || Clock::now() >= turn_ends_)
      return link_.start();
    turn_timer_.expires_after(turn_pause);
    turn_timer_.async_wait([this](const std::error_code& error) {
      if (!error)
        start_in_turn();
    });
  }

  static MqttLinkOptions link_of(const DirectCall& call) {
    MqttLinkOptions link;
    link.broker = call.broker;
    link.client_id = call.netid;
    link.whose_client_id = LinkPolicy::ClientId::shared;
    link.filters = {response_topic(call.netid, to_string(call.action))};
    link.session_expiry = std::chrono::ceil<std::chrono::seconds>(call.timeout);
    return link;
  }

  void act() {
    const auto next = pump(exchanges_, *this, Clock::now());
    if (!next || outcome)
      return;
    deadline_.expires_at(*next);
    deadline_.async_wait([this](const std::error_code& error) {
      if (error)
        return;
      if (!link_.is_up()) {
        exchanges_.link_down("there is no connection to the MQTT broker: " + link_.why_down(),
                             Clock::now());
      }
      act();
    });
  }

  bool is_linked() const override { return link_.is_up(); }
  void publish(const MqttPublish& request) override { link_.publish(request); }
  void answer(Ended ended) override { finish(std::move(ended.outcome)); }
  void expect_answers(bool expected) override { link_.expect_answers(expected); }

  void on_subscriptions_refused(const std::set<std::string>& filters) override {
    exchanges_.subscriptions_refused(filters, Clock::now());
  }
  void on_link_up(const LinkUp& link) override {
    has_been_up_ = true;
    exchanges_.link_up(link, Clock::now());
  }
  void on_link_down() override { exchanges_.link_down(link_.why_down(), Clock::now()); }
  void on_message(const MqttMessage& message) override {
    deliver(exchanges_, message, Clock::now());
  }
  void on_acknowledged(std::uint64_t id, Subscribers subscribers) override {
    exchanges_.acknowledged(id, subscribers, Clock::now());
  }
  void on_refused(std::uint64_t id, Refusal refusal, const std::string& why) override {
    exchanges_.refused(id, refusal, why, Clock::now());
  }

  void on_attempt_failed(ConnectFailure failure, const std::string& why) override {
    if (failure == ConnectFailure::ended)  // others call with this NetID too: in our turn, then
      return exchanges_.link_down(why, Clock::now());
    const bool may_be_its_version =
        failure == ConnectFailure::closed || failure == ConnectFailure::version_refused;
    if (has_been_up_ || (may_be_its_version && ++failures_ < attempts))
      return;
    finish(Failure{Problem::broker_unavailable, why, {}});
  }

  void on_batch_end() override { act(); }

  void finish(std::variant<Answer, Failure> result) {
    outcome = std::move(result);
    auto* const failure = std::get_if<Failure>(&*outcome);
    if (failure != nullptr && failure->detail.find(link_.clash()) == std::string::npos)
      failure->detail += "; " + link_.clash();
    loop_.stop();
  }

  asio::io_context& loop_;
  Exchanges exchanges_;
  asio::steady_timer deadline_;
  ProcessTurn turn_;
  asio::steady_timer turn_timer_;
  const std::string turn_name_;
  Clock::time_point turn_ends_;
  bool has_been_up_ = false;
  int failures_ = 0;
  MqttLink link_;
};

}  // namespace

std::variant<Answer, Failure> call_directly(asio::io_context& loop, const DirectCall& call) {
  OneCall one(loop, call);
  if (!one.outcome)
    loop.run();
  return *std::move(one.outcome);
}

}  // namespace mqtt_bridge
