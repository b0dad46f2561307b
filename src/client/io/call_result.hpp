// How a call straight to the broker is told of: as a text or in the JSON that mqtt_bridged writes.
// Stateless.
#pragma once

#include "client/call_window.hpp"
#include "client/io/direct_calls.hpp"
#include "client/option_table.hpp"
#include "exchange/call.hpp"

namespace mqtt_bridge {

BrokerOptions broker_options_of(const ClientOptions& options);

/// REQUIRES: `options.action` is one of the five.
DirectWay direct_way_of(const ClientOptions& options);

/// Takes the answer's text.
CallResult result_of(Ended& ended, const ClientOptions& options);

}  // namespace mqtt_bridge
