// A file that tells the next run of the daemon what this one left behind: that requests may still
// be answered, and the response topics among theirs on which turns were taken. It exists while the
// daemon runs, so a run that was killed has left it; after a clean end only if answers are owed.
//
// Each line is a topic, with a '+' before it from when turns are taken there, or a '-' from when
// they no longer are. A clean end adds until when answers may come: '=' and the nanoseconds of the
// monotonic clock. After a boot of the machine that clock has begun anew, which can only make the
// doubt longer. Lines are appended, never fsynced: what matters is the end of the process, not that
// of the machine. Threads: the owner serialises.
#pragma once

#include <filesystem>
#include <fstream>

#include "exchange/exchanges.hpp"

namespace mqtt_bridge {

class RunMark {
 public:
  /// Reads what an earlier run left in `state_dir`, and begins to mark this one. What a run left
  /// that was killed is in doubt for `longest_doubt`. With an empty path, or where that cannot be
  /// done (which is logged), nothing is known and nothing is kept.
  RunMark(const std::filesystem::path& state_dir, Duration longest_doubt, Instant now);

  const EarlierRun& earlier() const { return earlier_; }

  void note(const TurnNote& note);
  /// Nothing of this run can come any more, but what `left` says.
  void end_cleanly(const EarlierRun& left, Instant now);

 private:
  std::filesystem::path file_;  // empty: none
  EarlierRun earlier_;
  std::ofstream lines_;
};

}  // namespace mqtt_bridge
