// Fault of the Paho MQTT C library: it lowers OpenSSL's security level to 1, whatever the system's
// openssl.cnf has: keys and signatures pass that other programs do not accept (seen in 1.3.12 and
// 1.3.13). So SSL_CTX_set_security_level(), which our programs define for themselves, lowers it for
// no connection.
#pragma once

namespace mqtt_bridge::paho {

/// Whether that is in effect.
bool is_security_level_kept();

}  // namespace mqtt_bridge::paho
