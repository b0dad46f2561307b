// What the link to the broker needs, from the options of a program: reads the secrets and looks at
// the certificates that they name.
#pragma once

#include "config/io/options.hpp"
#include "mqtt/io/link.hpp"

namespace mqtt_bridge {

/// Broker, protocol and credentials; the rest is the caller's. Throws std::runtime_error with one
/// sentence for the operator.
MqttLinkOptions link_options_of(const BrokerOptions& broker);

}  // namespace mqtt_bridge
