#include "client/run_report.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

namespace mqtt_bridge {
namespace {

constexpr std::size_t bar_cells = 20;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string fixed(double number, int places) {
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number,
                                 std::chars_format::fixed, places);
  return {text.data(), end.ptr};
}

std::string rate(std::uint64_t count, Duration spent) {
  return fixed(spent > Duration::zero() ? static_cast<double>(count) / seconds(spent) : 0, 0);
}

std::string bar(double part) {
  const auto full = static_cast<std::size_t>(part * bar_cells);
  std::string cells(std::min(full, bar_cells), '#');
  cells.resize(bar_cells, '-');
  return "[" + cells + "] " + fixed(std::floor(part * 100), 0) + "%  ";
}

constexpr std::array<std::pair<std::string_view, double>, 5> quantiles{
    {{"min", 0}, {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}}};

}  // namespace

std::string progress_line(const RunProgress& progress, std::size_t width) {
  std::string line = progress.part ? bar(std::clamp(*progress.part, 0.0, 1.0)) : "";
  line += std::to_string(progress.ended) + " calls, " + rate(progress.ended, progress.spent) + "/s";
  if (progress.failed > 0)
    line += ", " + std::to_string(progress.failed) + " failed";
  if (progress.part && *progress.part > 0 && *progress.part < 1) {
    const double left = seconds(progress.spent) * (1 - *progress.part) / *progress.part;
    line += ", " + fixed(left, 0) + " s left";
  }
  return line.substr(0, width);
}

void LatencySummary::answered(Duration took) {
  const auto us = std::chrono::round<std::chrono::microseconds>(took).count();
  microseconds_.push_back(static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(us, 0, std::numeric_limits<std::uint32_t>::max())));
}

double LatencySummary::milliseconds_at(double part) const {
  const auto count = static_cast<double>(microseconds_.size());
  const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(part * count)));
  return microseconds_[rank - 1] / 1000.0;
}

void LatencySummary::sort() {
  std::sort(microseconds_.begin(), microseconds_.end());
}

std::string LatencySummary::in_words(Duration spent) {
  const std::uint64_t answered = microseconds_.size();
  std::string text = std::to_string(answered + failed_) + " calls in " + fixed(seconds(spent), 2) +
                     " s: " + std::to_string(answered) + " answered, " + std::to_string(failed_) +
                     " failed, " + rate(answered, spent) + "/s\n";
  if (answered == 0)
    return text;
  sort();
  std::string_view separator = "milliseconds: ";
  for (const auto& [name, part] : quantiles) {
    text.append(std::exchange(separator, ", ")).append(name).append(" ");
    text += fixed(milliseconds_at(part), 2);
  }
  return text + "\n";
}

std::string LatencySummary::in_json(Duration spent) {
  std::string text = R"({"answered":)" + std::to_string(microseconds_.size()) + R"(,"failed":)" +
                     std::to_string(failed_) + R"(,"seconds":)" + fixed(seconds(spent), 3) +
                     R"(,"milliseconds":{)";
  if (!microseconds_.empty()) {
    sort();
    std::string_view separator = "";
    for (const auto& [name, part] : quantiles) {
      text.append(std::exchange(separator, ",")).append("\"").append(name).append("\":");
      text += fixed(milliseconds_at(part), 3);
    }
  }
  return text + "}}\n";
}

}  // namespace mqtt_bridge
