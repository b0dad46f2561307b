// A timer on the event loop whose handler is not called any more once it was cancelled or set anew.
// Asio's own may be: an expiry that is queued already is not cancelled.
//
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "base/instant.hpp"

namespace mqtt_bridge {

class LoopTimer {
 public:
  explicit LoopTimer(asio::io_context& loop) : timer_(loop) {}
  ~LoopTimer() { cancel(); }
  LoopTimer(const LoopTimer&) = delete;
  LoopTimer& operator=(const LoopTimer&) = delete;

  template <typename Handler>
  void set(Instant due, Handler handler) {
    const auto setting = ++*setting_;
    is_set_ = true;
    timer_.expires_at(due);
    timer_.async_wait([this, setting, current = setting_,
                       handler = std::move(handler)](const std::error_code&) mutable {
      if (*current != setting)
        return;
      is_set_ = false;
      handler();
    });
  }
  void cancel() {
    ++*setting_;
    is_set_ = false;
    timer_.cancel();
  }

  bool is_set() const { return is_set_; }
  /// For when it was set last.
  Instant due() const { return timer_.expiry(); }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<std::uint64_t> setting_ = std::make_shared<std::uint64_t>(0);
  bool is_set_ = false;
};

}  // namespace mqtt_bridge
