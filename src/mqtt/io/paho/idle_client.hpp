// Fault of the Paho MQTT C library: destroying the last client of the process stops its threads and
// waits for them, up to 10 s (seen up to 1.3.16). A client that never connects and is never
// destroyed prevents it.
#pragma once

#include <MQTTAsync.h>

namespace mqtt_bridge::paho {

/// That client; made by the first call, which is to come before the first connection. Threads: any.
MQTTAsync idle_client();

}  // namespace mqtt_bridge::paho
