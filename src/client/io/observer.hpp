// A second client of the broker for `mqtt_client --explain`: it listens on the response topic while
// a call waits, and to the responders that announce themselves. It publishes nothing, and does not
// subscribe to requests, so that the broker knows who does.
// Threads: everything on the loop's thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "config/io/options.hpp"
#include "mqtt/io/link.hpp"

namespace mqtt_bridge {

class Observer final : private MqttLink::User {
 public:
  static constexpr std::size_t most_messages = 8;

  /// Begins to connect. Throws std::runtime_error where a file of `broker` cannot be used.
  /// `response_filter`: empty: none.
  Observer(asio::io_context& loop, const BrokerOptions& broker, std::string response_filter);

  /// It is connected and subscribed, or could not be: then why_not() says why.
  bool is_settled() const { return link_.is_up() || why_not_; }
  const std::optional<std::string>& why_not() const { return why_not_; }
  MqttVersion version() const { return link_.version(); }
  bool may_hear_responses() const { return !refused_.contains(response_filter_); }

  /// The first of them, in their order, and how many there were.
  const std::vector<MqttMessage>& heard() const { return heard_; }
  std::size_t count() const { return count_; }

  /// The ids of those that are here, with the actions that each announced.
  const std::map<std::string, std::vector<std::string>>& responders() const { return responders_; }

 private:
  void on_subscriptions_refused(const std::set<std::string>& filters) override;
  void on_link_up(const LinkUp&) override { why_not_.reset(); }
  void on_link_down() override {}
  void on_message(const MqttMessage& message) override;
  void on_acknowledged(std::uint64_t, Subscribers) override {}
  void on_refused(std::uint64_t, Refusal, const std::string&) override {}
  void on_attempt_failed(ConnectFailure failure, const std::string& why) override;

  MqttLinkOptions link_of(const BrokerOptions& broker) const;

  const std::string response_filter_;
  std::optional<std::string> why_not_;
  int failures_ = 0;
  std::set<std::string> refused_;
  std::vector<MqttMessage> heard_;
  std::size_t count_ = 0;
  std::map<std::string, std::vector<std::string>> responders_;
  MqttLink link_;
};

}  // namespace mqtt_bridge
