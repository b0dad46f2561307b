// Whether bytes move on a connection that takes up room which others want: seen by looking now and
// then. A first look only notes how things are. Value.
#pragma once

#include <cstdint>
#include <optional>

#include "base/instant.hpp"

namespace mqtt_bridge {

class Pace {
 public:
  /// From now on other bytes.
  void begin(Instant now) {
    looked_ = now;
    seen_.reset();
  }

  /// When it was looked at, or began.
  Instant looked() const { return looked_; }

  /// `moved`: bytes until now, counted from anywhere. False when less than `least` of them have
  /// moved since the last look.
  bool look(Instant now, std::int64_t moved, std::int64_t least) {
    const bool is_moving = !seen_ || moved - *seen_ >= least;
    looked_ = now;
    seen_ = moved;
    return is_moving;
  }

 private:
  Instant looked_{};
  std::optional<std::int64_t> seen_;  // at the last look
};

}  // namespace mqtt_bridge
