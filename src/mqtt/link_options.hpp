// The options of a link: the brokers, the client id and credentials, and the subscriptions. Values.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "mqtt/broker_url.hpp"
#include "mqtt/link_policy.hpp"
#include "mqtt/topic_filters.hpp"

namespace mqtt_bridge {

struct MqttWill {
  std::string topic;
  std::string payload;
  bool retained;
  int qos = 1;
};

/// Files in PEM; an empty path means none, for `ca_file` the system's authorities.
struct MqttTls {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  std::size_t fingerprint = 0;  // of what was in the files: other certificates are other options

  friend bool operator==(const MqttTls&, const MqttTls&) = default;
};

struct MqttLinkOptions {
  std::vector<BrokerUrl> brokers{1};  // one service, under several addresses; at least one
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

}  // namespace mqtt_bridge
