// Which of the requests that programs answer (--serve) run, and which wait for that: so many run at
// one time, over all actions, the others wait in the order in which they came, and beyond the room
// they are refused. One whose Message Expiry Interval (MQTT 5.0 3.3.2.3.3) passes while it waits
// never runs.
// Value; the owner serialises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "base/instant.hpp"
#include "base/limits/responder.hpp"
#include "responder/answer_queue.hpp"

namespace mqtt_bridge {

struct Job {
  std::string topic;  // of the request
  std::string netid;
  std::string action;
  std::string payload;
  std::optional<Instant> expires = {};
  Outgoing answer = {};  // all but what the program says
};

class JobQueue {
 public:
  struct Bounds {
    std::size_t running;
    std::size_t waiting = limits::serve_waiting;
    std::size_t bytes = limits::serve_waiting_bytes;  // of the payloads of those that wait
  };
  explicit JobQueue(const Bounds& bounds) : bounds_(bounds) {}

  /// The job itself when there is no room for it.
  std::optional<Job> push(Job job, Instant now);
  /// The next to run; it counts as running until ended(). Nothing when none may run now.
  std::optional<Job> next(Instant now);
  void ended() { --running_; }

  /// No job runs any more that waits now or comes later; gives those that wait.
  std::deque<Job> close();
  bool is_closed() const { return is_closed_; }
  bool is_running() const { return running_ > 0; }

  /// How many have expired since this was asked last.
  std::uint64_t take_expired() { return std::exchange(expired_, 0); }

 private:
  bool has_room(const Job& job) const;
  void drop_expired(Instant now);

  const Bounds bounds_;
  std::deque<Job> waiting_;
  std::size_t bytes_ = 0;  // of their payloads
  std::size_t running_ = 0;
  std::uint64_t expired_ = 0;
  bool is_closed_ = false;
};

}  // namespace mqtt_bridge
