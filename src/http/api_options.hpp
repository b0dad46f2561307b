// What the HTTP API is told by the operator. Value.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "http/access.hpp"
#include "mqtt/broker_url.hpp"
#include "route/route_table.hpp"

namespace mqtt_bridge {

struct HttpApiOptions {
  std::vector<BrokerUrl> brokers;    // one service, under several addresses
  std::string netid;                 // empty: every call must name one
  std::set<std::string> netids;      // served besides; "*" serves any
  std::vector<std::string> actions;  // served besides the five
  std::chrono::milliseconds timeout{};
  std::chrono::milliseconds max_timeout{};
  std::chrono::milliseconds max_async_timeout{};  // of calls that are answered later
  std::optional<std::string> token;
  std::vector<std::string> callbacks = {};  // where answers may be sent, see http/callback_url.hpp
  bool open_health = false;                 // /healthz, /readyz and /metrics need no token
  AllowList allow_list = {};
  std::shared_ptr<const RouteTable> routes = std::make_shared<const RouteTable>();
  std::string openapi = {};  // the document of all that, see openapi_document()
};

}  // namespace mqtt_bridge
