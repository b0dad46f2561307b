// Fault of the Paho MQTT C library: its send thread is woken through a condition variable without a
// predicate; a wake-up that comes while it is busy is lost, and a PUBLISH lies for up to 1 s
// (mended in 1.3.16). It is one thread for all connections.
#pragma once

namespace mqtt_bridge::paho {

/// Wakes that thread without any traffic, by handing idle_client() a message. Threads: any.
void kick_send_thread() noexcept;

}  // namespace mqtt_bridge::paho
