// A table of exchanges, its clock, and short words for what happens to it: scenarios in virtual
// time, where what a broker and responders do is a line each, and time is advanced, never slept.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/exchange.hpp"
#include "exchange/exchanges.hpp"
#include "exchange/topic.hpp"
#include "exchange/transform_request.hpp"

namespace mqtt_bridge {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

inline constexpr std::size_t window = 16;

/// One table, its clock, and short words for what happens to it.
class Scene {
 public:
  explicit Scene(Exchanges::Bounds bounds = {}, EarlierRun earlier = {})
      : table(now, bounds, std::move(earlier)) {}

  void up(bool session_present = false) { table.link_up({session_present, window}, now); }
  void down() { table.link_down("the connection broke", now); }
  void advance(Duration duration) {
    now += duration;
    table.expire(now);
  }

  std::variant<ExchangeId, Failure> try_call(std::string payload, Action action = Action::uppercase,
                                             Duration timeout = 5s, std::string netid = "alice") {
    return try_call_for(to_string(action), std::move(payload), timeout, std::move(netid));
  }
  std::variant<ExchangeId, Failure> try_call_for(std::string_view action, std::string payload,
                                                 Duration timeout, std::string netid = "alice") {
    return table.begin(transform_request({.netid = std::move(netid),
                                          .action = std::string(action),
                                          .payload = std::move(payload),
                                          .correlation = "correlation " + std::to_string(++calls_),
                                          .arrived = now,
                                          .deadline = now + timeout}));
  }
  ExchangeId call(std::string payload, Action action = Action::uppercase, Duration timeout = 5s) {
    return std::get<ExchangeId>(try_call(std::move(payload), action, timeout));
  }

  /// The payloads that may be published now, in order; all of them are acknowledged.
  std::vector<std::string> publish() {
    std::vector<std::string> payloads;
    std::vector<ExchangeId> ids;
    while (const auto next = table.next_publish(now)) {
      payloads.emplace_back(next->payload);
      correlation_of[next->exchange] = next->correlation;
      ids.push_back(next->exchange);
    }
    for (const auto id : ids)
      table.acknowledged(id, Subscribers::perhaps, now);
    return payloads;
  }

  /// An answer without correlation data, as a 3.1.1 responder sends it.
  void answer(std::string_view payload, Action action = Action::uppercase) {
    const std::string topic = response_topic("alice", to_string(action));
    table.response({.topic = topic, .payload = payload}, now);
  }
  void correlated_answer(ExchangeId exchange, std::string_view payload,
                         Action action = Action::uppercase) {
    const std::string topic = response_topic("alice", to_string(action));
    table.response({.topic = topic, .payload = payload, .correlation = correlation_of.at(exchange)},
                   now);
  }

  /// How `exchange` ended: the answer and its rule, a slug, or "waits".
  std::string outcome(ExchangeId exchange) {
    while (const auto ended = table.next_ended()) {
      EXPECT_EQ(outcomes_.count(ended->exchange), 0u) << "an exchange ended twice";
      outcomes_[ended->exchange] = in_words(*ended);
    }
    const auto found = outcomes_.find(exchange);
    return found != outcomes_.end() ? found->second : "waits";
  }

  static std::string in_words(const Ended& ended) {
    if (const auto* answer = std::get_if<Answer>(&ended.outcome)) {
      return answer->payload + " by " + std::string(to_string(answer->matched_by));
    }
    return std::string(describe(std::get<Failure>(ended.outcome).problem).slug);
  }

  Instant now{};
  Exchanges table;
  std::map<ExchangeId, std::string> correlation_of;

 private:
  int calls_ = 0;
  std::map<ExchangeId, std::string> outcomes_;
};

// Where the acknowledgement comes at once, as it does here.
inline constexpr Duration grace = limits::gone_grace;

}  // namespace mqtt_bridge
