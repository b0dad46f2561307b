#include "daemon/io/run_mark.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

#include <spdlog/spdlog.h>

namespace mqtt_bridge {
namespace {

/// What is in a mark; nothing when there is no such file.
EarlierRun read_mark(const std::filesystem::path& file, Duration longest_doubt, Instant now) {
  std::ifstream lines(file);
  if (!lines)
    return {};
  EarlierRun earlier{.doubt = longest_doubt, .turns = {}};
  for (std::string line; std::getline(lines, line);) {
    const std::string rest = line.substr(std::min<std::size_t>(1, line.size()));
    if (line.starts_with('+'))
      earlier.turns.insert(rest);
    else if (line.starts_with('-'))
      earlier.turns.erase(rest);
    Duration::rep until = 0;
    const bool is_end =
        line.starts_with('=') &&
        std::from_chars(rest.data(), rest.data() + rest.size(), until).ec == std::errc{};
    if (is_end) {
      earlier.doubt =
          std::clamp(Duration(until) - now.time_since_epoch(), Duration(0), longest_doubt);
    }
  }
  return earlier.doubt > Duration(0) ? earlier : EarlierRun{};
}

}  // namespace

RunMark::RunMark(const std::filesystem::path& state_dir, Duration longest_doubt, Instant now) {
  if (state_dir.empty())
    return;
  file_ = state_dir / "running";
  earlier_ = read_mark(file_, longest_doubt, now);
  lines_.open(file_, std::ios::trunc);
  // Their late answers may still come after this run, should that be killed soon.
  for (const auto& topic : earlier_.turns)
    lines_ << '+' << topic << '\n';
  lines_.flush();
  if (!lines_) {
    spdlog::warn(
        "cannot write {}: after a crash, late answers without correlation data may be taken "
        "for answers to later calls",
        file_.string());
  }
}

void RunMark::note(const TurnNote& note) {
  if (!file_.empty())
    lines_ << (note.takes_turns ? '+' : '-') << note.topic << std::endl;
}

void RunMark::end_cleanly(const EarlierRun& left, Instant now) {
  if (file_.empty())
    return;
  lines_.close();
  std::error_code ignored;
  if (left.doubt == Duration(0)) {
    std::filesystem::remove(file_, ignored);
    return;
  }
  lines_.open(file_, std::ios::trunc);
  for (const auto& topic : left.turns)
    lines_ << '+' << topic << '\n';
  lines_ << '=' << (now + left.doubt).time_since_epoch().count() << std::endl;
}

}  // namespace mqtt_bridge
