// What the measuring programs share: how long each call took, and one line of JSON that sums it up.
//
// Threads: owner serialises.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <sys/resource.h>

namespace bench {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;
using Duration = Clock::duration;

inline double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

inline double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

class Figures {
 public:
  void add(Duration took) {
    using Tenths = std::chrono::duration<std::int64_t, std::ratio<1, 10'000'000>>;
    const auto tenths = std::chrono::duration_cast<Tenths>(took).count();
    took_.push_back(static_cast<std::uint32_t>(std::clamp<std::int64_t>(tenths, 0, UINT32_MAX)));
  }
  void add_failure(const std::string& why) {
    ++failed_;
    if (first_failure_.empty()) {
      first_failure_ = why.substr(0, 120);
    }
  }
  void clear() { *this = Figures(); }

  /// Latencies in milliseconds; `cpu`: seconds that the measuring program itself used.
  std::string json(Duration measured, double cpu) {
    std::sort(took_.begin(), took_.end());
    for (char& c : first_failure_) {
      if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ') {
        c = ' ';
      }
    }
    char line[600];
    std::snprintf(line, sizeof line,
                  R"({"calls": %zu, "failed": %zu, "seconds": %.3f, "per_second": %.1f, )"
                  R"("p50": %.4f, "p99": %.4f, "p999": %.4f, "max": %.4f, "own_cpu": %.4f, )"
                  R"("failure": "%s"})",
                  took_.size(), failed_, seconds(measured),
                  static_cast<double>(took_.size()) / seconds(measured), quantile(0.5),
                  quantile(0.99), quantile(0.999), quantile(1), cpu, first_failure_.c_str());
    return line;
  }

 private:
  // The smallest latency that so large a part of the calls did not exceed; exact, not interpolated.
  double quantile(double part) const {
    if (took_.empty()) {
      return 0;
    }
    const auto count = static_cast<double>(took_.size());
    auto rank = static_cast<std::size_t>(part * count);
    if (static_cast<double>(rank) < part * count) {
      ++rank;
    }
    return took_[std::clamp<std::size_t>(rank, 1, took_.size()) - 1] / 1e4;
  }

  std::vector<std::uint32_t> took_;  // in tenths of a microsecond
  std::size_t failed_ = 0;
  std::string first_failure_;
};

}  // namespace bench
