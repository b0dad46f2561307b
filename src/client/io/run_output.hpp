// What many calls print: answers on stdout, many in one write; faults on stderr, and there, where
// that is a terminal and stdout is none, how far it has come. Blocks where stdout does, until a
// signal comes. Owner serialises.
#pragma once

#include <string>
#include <string_view>

#include "client/run_report.hpp"

namespace mqtt_bridge {

class RunOutput {
 public:
  explicit RunOutput(std::string_view program);

  void answer(std::string_view text);
  void fault(std::string_view sentence);
  /// Writes the answers, where there are many or `all` is wanted. False where that cannot be done;
  /// then it has said so. A reader that went away ends the process as by SIGPIPE.
  enum class Wanted { many, all };
  bool flush(Wanted wanted);
  /// Writes what is left, and closes stdout. An exit code.
  int close();

  /// Shown once the work takes long.
  void progress(const RunProgress& progress);
  void clear_progress();

 private:
  const std::string_view program_;
  const bool shows_progress_;
  bool is_shown_ = false;
  std::string answers_;
};

}  // namespace mqtt_bridge
