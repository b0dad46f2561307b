// Not a fault of the Paho MQTT C library, but what could become one: that one of its threads stands
// still. Each of them wakes up at least once in a second.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/instant.hpp"

namespace mqtt_bridge::paho {

/// Threads: the owner serialises.
class LibraryThreads {
 public:
  /// The name of one that has not gone to sleep and come back for limits::library_stall_timeout, as
  /// far as the calls of this tell; nothing when all did, or there are none.
  std::optional<std::string> stuck(Instant now);

 private:
  struct Progress {
    std::string sleeps;  // how often it went to sleep, as the kernel prints it
    Instant since;
  };
  std::map<int, Progress> threads_;  // by thread id
};

}  // namespace mqtt_bridge::paho
