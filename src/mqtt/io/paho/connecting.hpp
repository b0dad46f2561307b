// How the Paho MQTT C library comes to its connections, and how it secures them. Each part works
// round a fault of the library, as in paho_quirks.hpp; getaddrinfo(), connect() and OpenSSL's
// SSL_CTX_set_security_level() our programs define for themselves. (Seen in 1.3.12 and 1.3.13.)
//
// Fault: it looks names up under its lock, where every other call of ours waits for it; it tries
// one address of a name, and loses the scope of a link-local one. So it gets a connection that is
// there already, and looks nothing up.
//
// Fault: it lowers OpenSSL's security level to 1, whatever the system's openssl.cnf has: keys and
// signatures pass that other programs do not accept. So nothing lowers it in this process.
#pragma once

namespace mqtt_bridge::paho_quirks {

/// `connected`, a TCP socket, becomes the library's next connection; takes ownership of it. What
/// the library has not fetched by the next call of this is closed. -1: there is none any more.
/// There is one place for it in a process, as our programs have one link. Threads: any.
void hand_over(int connected);

/// Whether the library has fetched what it was given last.
bool is_handed_over();

}  // namespace mqtt_bridge::paho_quirks
