// Fault of the Paho MQTT C library: it takes orders from the environment (seen up to 1.3.16).
// `http_proxy` and `https_proxy` make it send MQTT, credentials included, to a proxy for web pages;
// it never heard of `no_proxy`. `MQTT_C_CLIENT_TRACE` and its siblings make it write every packet
// to stdout or to a file, the texts of callers included, which our log never holds.
#pragma once

namespace mqtt_bridge::paho {

/// Takes all of them out of this process's environment. Call before the first thread starts.
void clean_environment();

}  // namespace mqtt_bridge::paho
