// Tools for the libc functions that our programs define themselves (hand_over, read_ahead,
// receive_thread, security_level), so that the MQTT library calls ours: whether it is that library
// that calls, and which connection it is about, by the descriptor or the port that it is given.
// What is noted under these is one connection's. Threads: any.
#pragma once

#include <dlfcn.h>

namespace mqtt_bridge::paho {

/// Whether this is a thread of the library; its receive thread.
bool is_library_thread();
bool is_receive_thread();

/// Whether the function of this name that libraries call is that of our program.
bool is_ours(const char* function);

/// The function of the libraries that is hidden by ours of this name; that of a sanitizer has to
/// see what ours does.
template <typename Function>
Function* hidden(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace mqtt_bridge::paho
