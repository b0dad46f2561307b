// A file that exists while the daemon runs, so that the next run can tell whether this one ended
// cleanly. It lists the response topics on which turns are taken: a run that was killed may have
// left requests behind there whose answers still come.
//
// Each line is a topic, with a '+' before it from when turns are taken there, or a '-' from when
// they no longer are. Lines are appended, never fsynced: what matters is the end of the process,
// not that of the machine. Threads: the owner serialises.
#pragma once

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>

#include "core/exchanges.hpp"

namespace mqtt_bridge {

class RunMark {
 public:
  /// Reads what an earlier run left in `state_dir`, and begins to mark this one. With an empty
  /// path, or where that cannot be done (which is logged), nothing is known and nothing is kept.
  explicit RunMark(const std::filesystem::path& state_dir);

  /// Nothing when no earlier run was killed; else the topics on which it took turns.
  const std::optional<std::set<std::string>>& earlier_turns() const { return earlier_turns_; }

  void note(const TurnNote& note);
  /// Nothing of this run can come any more.
  void end_cleanly();

 private:
  std::filesystem::path file_;  // empty: none
  std::optional<std::set<std::string>> earlier_turns_;
  std::ofstream lines_;
};

}  // namespace mqtt_bridge
