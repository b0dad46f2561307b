// The calls of one run that are under way or wait for those before them: what ends in any order
// comes out in the order in which it began. Value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "client/verdict.hpp"

namespace mqtt_bridge {

/// What became of one call.
struct CallResult {
  ExitCode code = ExitCode::failed;
  std::string text;      // the answer, or one line that says what is wrong
  std::string json;      // either as JSON in one line, where that is wanted
  bool is_last = false;  // no call after it can do better
};

class CallWindow {
 public:
  /// It takes no call more once it holds `most_calls` or texts of `most_bytes`; one it always
  /// takes.
  CallWindow(std::size_t most_calls, std::size_t most_bytes)
      : most_calls_(most_calls), most_bytes_(most_bytes) {}

  bool is_full() const;
  bool is_empty() const { return calls_.empty(); }
  /// The number of a new call, counted from 1. REQUIRES: it is not full.
  std::uint64_t begin(std::size_t bytes);
  /// REQUIRES: `number` began, and has not ended.
  void end(std::uint64_t number, CallResult result);
  /// The result of the oldest call, with its number, once there is one.
  std::optional<std::pair<std::uint64_t, CallResult>> next();

 private:
  struct Waiting {
    std::size_t bytes;
    std::optional<CallResult> result;
  };
  const std::size_t most_calls_;
  const std::size_t most_bytes_;
  std::deque<Waiting> calls_;
  std::uint64_t first_ = 1;  // the number of the first of them
  std::size_t bytes_ = 0;
};

}  // namespace mqtt_bridge
