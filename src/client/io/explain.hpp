// `mqtt_client --explain`: makes the call as it would be made without, while a second client
// listens at the broker, and says what was tried and what came of it.
#pragma once

#include <string>

#include "client/option_table.hpp"

namespace mqtt_bridge {

/// Prints the explanation on stdout; gives the exit code of the call.
int explain(const ClientOptions& options, const std::string& message);

}  // namespace mqtt_bridge
