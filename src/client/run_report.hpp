// What mqtt_client tells of many calls: how far it has come, and how long they took. Values and
// pure functions.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/instant.hpp"

namespace mqtt_bridge {

struct RunProgress {
  std::uint64_t ended = 0;
  std::uint64_t failed = 0;
  std::optional<double> part = std::nullopt;  // of all the work, from 0 to 1; where it is known
  Duration spent{};
};

/// One line without its end, of at most `columns` (at least 20).
std::string progress_line(const RunProgress& progress, std::size_t columns);

/// How long each of some calls took, of those that were answered.
class LatencySummary {
 public:
  void answered(Duration took);
  void failed() { ++failed_; }

  /// Two lines, or one of JSON, each with its end. `spent`: by all calls.
  std::string in_words(Duration spent);
  std::string in_json(Duration spent);

 private:
  /// The smallest of which at least `part` are not above; 0: the first.
  double milliseconds_at(double part) const;
  void sort();

  std::vector<std::uint32_t> microseconds_;
  std::uint64_t failed_ = 0;
};

}  // namespace mqtt_bridge
