// Whether bytes move on a connection that takes up room which others want: seen by looking now and
// then. A first look only notes how things are, and one look alone may fall into a short pause of a
// peer that went on before. Value.
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
    pauses_ = 0;
    has_moved_ = false;
  }

  /// When it was looked at, or began.
  Instant looked() const { return looked_; }

  /// `moved`: bytes until now, counted from anywhere. False when less than `least` of them have
  /// moved since the last look; where they had moved earlier, when two looks in a row see that.
  bool look(Instant now, std::int64_t moved, std::int64_t least) {
    const bool is_second = seen_.has_value();
    const bool is_moving = !is_second || moved - *seen_ >= least;
    looked_ = now;
    seen_ = moved;
    has_moved_ |= is_moving && is_second;
    pauses_ = is_moving ? 0 : pauses_ + 1;
    return pauses_ < (has_moved_ ? 2 : 1);
  }

 private:
  Instant looked_{};
  std::optional<std::int64_t> seen_;  // at the last look
  int pauses_ = 0;                    // looks in a row that saw too little move
  bool has_moved_ = false;            // between two looks
};

}  // namespace mqtt_bridge
