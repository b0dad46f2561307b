// One call straight to the broker, for the one-shot client where no daemon serves: connects with
// the NetID as client id, subscribes, publishes, waits. The same link and the same rules for what
// is an answer as the daemon's. Blocks; threads: the caller's, for all of it.
#pragma once

#include <chrono>
#include <string>
#include <variant>

#include <asio/io_context.hpp>

#include "exchange/exchanges.hpp"
#include "mqtt/broker_url.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {

struct DirectCall {
  BrokerUrl broker;
  std::string netid;
  Action action;
  std::string message;
  std::chrono::milliseconds timeout;
};

/// Answered, or why not, within the timeout. `loop` is this call's alone; its end may wait for the
/// look-up of an address, see end_loop().
std::variant<Answer, Failure> call_directly(asio::io_context& loop, const DirectCall& call);

}  // namespace mqtt_bridge
