// What the Paho MQTT C library reads from its connections, seen on the way; the functions by which
// it reads and writes, recv(), poll(), writev(), close() and OpenSSL's SSL_read(), our programs
// define for themselves.
//
// Fault: it asks the kernel for the first bytes of each packet one by one, and before that twice
// for each packet whether there is any. So we read ahead. Fault: a PUBLISH whose properties do not
// end within it makes it read and then write out of bounds. Fault: it takes a PUBLISH of any size
// into memory. Fault: it hides the reason code of a PUBACK that is no refusal. For these three see
// mqtt/packet_filter.hpp. (All seen up to 1.3.16, the newest.)
// Besides, TCP_QUICKACK is set after each read: the kernel leaves quick-ACK mode by itself
// (tcp(7)).
//
// Each connection has a packet filter and bytes of its own, under its descriptor. Threads: any.
#pragma once

#include <cstdint>
#include <string_view>

#include <sys/types.h>
#include <sys/uio.h>

#include "mqtt/message.hpp"

namespace mqtt_bridge::paho {

/// From now on this descriptor is a connection on which packets of `version` come, until it is
/// closed.
void read_ahead_on(int descriptor, MqttVersion version);

/// Whether the last PUBACK for this packet identifier on that connection had the reason code No
/// matching subscribers; forgets it.
bool had_no_subscribers(int descriptor, std::uint16_t packet_id);

/// Whether the library has read from that connection by way of us.
bool is_read_ahead(int descriptor);
/// Whether poll() is ours; writev().
bool is_poll_seen();
bool is_writev_seen();

/// What reads a connection in the library's place, see packet_path.hpp.
class Borrower {
 public:
  /// What the library writes to the connection, instead of writev(2). Any thread.
  virtual ssize_t write(const iovec* parts, int count) = 0;

 protected:
  ~Borrower() = default;
};
/// From now on the library reads of that connection only what it is given. False where it cannot be
/// had at the moment, the library being about to read, or never, its functions not being ours.
bool lend(int descriptor, Borrower& borrower);
/// Whole packets, or the parts of one, in their order.
void give_to_library(int descriptor, std::string_view bytes);
/// It reads for itself again; `malformed`: it ends the connection. Does nothing where `borrower`
/// has not got it.
enum class Bytes { sound, malformed };
void take_back(int descriptor, const Borrower& borrower, Bytes bytes);

}  // namespace mqtt_bridge::paho
