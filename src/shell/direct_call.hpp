// One call straight to the broker, for the one-shot client where no daemon serves: connects with
// the NetID as client id, subscribes, publishes, waits. The same link and the same rules for what
// is an answer as the daemon's. Blocks; threads: the caller's, for all of it.
#pragma once

#include <chrono>
#include <string>
#include <variant>

#include "core/action.hpp"
#include "core/broker_url.hpp"
#include "core/exchanges.hpp"

namespace mqtt_bridge {

struct DirectCall {
  BrokerUrl broker;
  std::string netid;
  Action action;
  std::string message;
  std::chrono::milliseconds timeout;
};

/// Answered, or why not, within the timeout.
std::variant<Answer, Failure> call_directly(const DirectCall& call);

}  // namespace mqtt_bridge
