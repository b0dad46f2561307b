#include "shell/run_mark.hpp"

#include <algorithm>
#include <system_error>

#include <spdlog/spdlog.h>

namespace mqtt_bridge {
namespace {

/// The topics that the lines of a mark leave over; nothing when there is no such file.
std::optional<std::set<std::string>> read_mark(const std::filesystem::path& file) {
  std::ifstream lines(file);
  if (!lines)
    return std::nullopt;
  std::set<std::string> topics;
  for (std::string line; std::getline(lines, line);) {
    const std::string topic = line.substr(std::min<std::size_t>(1, line.size()));
    if (line.starts_with('+'))
      topics.insert(topic);
    else if (line.starts_with('-'))
      topics.erase(topic);
  }
  return topics;
}

}  // namespace

RunMark::RunMark(const std::filesystem::path& state_dir) {
  if (state_dir.empty())
    return;
  file_ = state_dir / "running";
  earlier_turns_ = read_mark(file_);
  lines_.open(file_, std::ios::trunc);
  // Their late answers may still come after this run, should that be killed soon.
  for (const auto& topic : earlier_turns_.value_or(std::set<std::string>{}))
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

void RunMark::end_cleanly() {
  if (file_.empty())
    return;
  lines_.close();
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
}

}  // namespace mqtt_bridge
