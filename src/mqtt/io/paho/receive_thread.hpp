// Fault of the Paho MQTT C library: its receive thread sleeps 100 ms when it found nothing to read,
// so after each second without traffic; and while a connection is being made it waits in poll() up
// to 1 s for what the new socket has to say, before it sends CONNECT on it (both seen up
// to 1.3.14). It calls usleep() and poll(), which our programs define for themselves; poll() is in
// read_ahead.cpp.
#pragma once

namespace mqtt_bridge::paho {

/// What one connection needs of that thread. It has all of them to read from, so it does what the
/// most demanding one needs. Threads: any.
class ReceiveThread {
 public:
  enum class Need {
    rest,        // no connection: the library's own 100 ms, cut short by the next call
    connecting,  // look again within a millisecond, and at once when the socket is connected
    connected    // no sleep: it waits in poll() for the next packet
  };

  ReceiveThread() = default;
  ~ReceiveThread() { has(Need::rest); }
  ReceiveThread(const ReceiveThread&) = delete;
  ReceiveThread& operator=(const ReceiveThread&) = delete;

  void has(Need need);

 private:
  Need need_ = Need::rest;  // guarded as the sum of all is
};

/// Whether any connection is being made.
bool is_any_connecting();
/// Whether usleep() is ours.
bool is_receive_thread_woken();

}  // namespace mqtt_bridge::paho
