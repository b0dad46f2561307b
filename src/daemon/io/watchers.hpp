// Those who read /events: each gets what has happened, once a second, while there are any. What one
// does not read in time is left out, the oldest first: it gets the latest when it reads again. One
// that stops reading altogether is cut as any caller is (limits::write_timeout).
//
// Threads: everything on the loop's thread.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include <asio/io_context.hpp>

#include "base/instant.hpp"
#include "base/problem.hpp"
#include "daemon/activity.hpp"
#include "http/request.hpp"
#include "http/response.hpp"
#include "http/stream.hpp"
#include "os/io/loop_timer.hpp"

namespace mqtt_bridge {

class Watchers {
 public:
  /// `state`: what all are told each time besides, as an event.
  Watchers(asio::io_context& loop, Activity& activity, std::function<std::string()> state,
           Duration interval = std::chrono::seconds(1));

  /// Why there can be no further one; nothing where there can.
  std::optional<Failure> why_no_more() const;
  /// `head`: of the answer. REQUIRES: why_no_more() says nothing.
  void add(const std::shared_ptr<HttpRequest>& request, std::shared_ptr<HttpStream> stream,
           HttpResponse head);
  /// Ends all of them, and lets no more in.
  void end();

 private:
  struct Watcher {
    std::shared_ptr<HttpStream> stream;
    Activity::Seen seen = {};
  };

  void set_timer();
  void tell_all();

  Activity& activity_;
  const std::function<std::string()> state_;
  const Duration interval_;
  std::list<std::shared_ptr<Watcher>> watchers_;
  LoopTimer timer_;  // set while there are any
  bool is_ended_ = false;
};

}  // namespace mqtt_bridge
