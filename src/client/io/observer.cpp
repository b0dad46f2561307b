#include "client/io/observer.hpp"

#include <utility>

#include "config/io/link_options.hpp"
#include "exchange/presence.hpp"
#include "exchange/topic.hpp"
#include "os/io/random.hpp"

namespace mqtt_bridge {
namespace {

// A broker that knows an older version only may need this many attempts to say so, see LinkPolicy.
constexpr int attempts_of_observer = 6;

}  // namespace

Observer::Observer(asio::io_context& loop, const BrokerOptions& broker, std::string response_filter)
    : response_filter_(std::move(response_filter)), link_(loop, link_of(broker), *this) {
  link_.start();
}

MqttLinkOptions Observer::link_of(const BrokerOptions& broker) const {
  MqttLinkOptions link = link_options_of(broker);
  link.client_id = "explain-" + random_hex(6);
  link.filters = {status_topic("+")};
  if (!response_filter_.empty())
    link.filters.append({response_filter_});
  return link;
}

void Observer::on_subscriptions_refused(const std::set<std::string>& filters) {
  refused_ = filters;
}

void Observer::on_message(const MqttMessage& message) {
  const auto id = parse_status_topic(message.topic);
  if (!id) {
    ++count_;
    if (heard_.size() < most_messages)
      heard_.push_back(message);
    return;
  }
  if (auto actions = parse_birth_message(message.payload))
    responders_[std::string(*id)] = *std::move(actions);
  else
    responders_.erase(std::string(*id));
}

void Observer::on_attempt_failed(ConnectFailure failure, const std::string& why) {
  const bool may_be_its_version =
      failure == ConnectFailure::closed || failure == ConnectFailure::version_refused;
  if (may_be_its_version && ++failures_ < attempts_of_observer)
    return;
  why_not_ = why;
}

}  // namespace mqtt_bridge
