// Fault of the Paho MQTT C library: unless it was built with HIGH_PERFORMANCE, which Debian's is
// not, it writes a trace of every function that it enters and of every packet into memory, which
// is a fifth of what a call costs. Our programs never read it.
#pragma once

namespace mqtt_bridge::paho {

/// Has it note errors only. Calling it again does nothing.
void silence_trace();

}  // namespace mqtt_bridge::paho
