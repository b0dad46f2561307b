// The ids of calls, as some services read them: Java's int, in decimal digits; none twice in a row
// of many. Daemons of a group use ranges of their own.
// Value; the owner serialises.
#pragma once

#include <cstdint>
#include <string>

#include "base/limits/exchange.hpp"

namespace mqtt_bridge {

class CallIds {
 public:
  /// `start`: any number, best a random one.
  explicit CallIds(std::uint32_t start) : last_(start % all) {}

  /// From now on those of a range only.
  void use_range(unsigned range) {
    first_ = range * (all / limits::id_ranges);
    count_ = all / limits::id_ranges;
    last_ %= count_;
  }
  std::string next() {
    last_ = last_ + 1 < count_ ? last_ + 1 : 1;
    return std::to_string(first_ + last_);
  }

 private:
  static constexpr std::uint32_t all = 0x8000'0000;

  std::uint32_t first_ = 0;
  std::uint32_t count_ = all;
  std::uint32_t last_;
};

}  // namespace mqtt_bridge
