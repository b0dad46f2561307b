// One run of a program that answers a request: what goes to its stdin, what comes from its stdout
// and stderr, and its end. It leads a process group of its own. When it has ended, what it printed
// until then counts, and what is left of its group is killed, so nothing of it stays behind but
// what made itself a group of its own.
//
// Threads: everything on the loop's thread. Nothing blocks but the start, for as long as vfork()
// and exec take, and the destructor of one that runs.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <sys/types.h>

#include "base/instant.hpp"
#include "os/io/loop_timer.hpp"
#include "responder/program_end.hpp"

namespace mqtt_bridge {

class ProgramRun : public std::enable_shared_from_this<ProgramRun> {
 public:
  struct Command {
    std::string path;                      // of the file
    std::vector<std::string> words;        // the first one is the name that it is called by
    std::vector<std::string> environment;  // as NAME=value
  };
  /// Called once, later, unless the program is destroyed before; may destroy it.
  using Ended = std::function<void(ProgramEnd)>;

  /// The program as it runs, or why it does not.
  /// REQUIRES: SIGPIPE is ignored. Programs get it with its default action.
  static std::variant<std::shared_ptr<ProgramRun>, std::string> start(asio::io_context& loop,
                                                                      const Command& command,
                                                                      std::string input,
                                                                      Duration timeout,
                                                                      Ended ended);
  /// Kills its process group where it still runs.
  ~ProgramRun();
  ProgramRun(const ProgramRun&) = delete;
  ProgramRun& operator=(const ProgramRun&) = delete;

  /// It will end soon, as ProgramEnd::How::stopped.
  void kill();

 private:
  using Pipe = asio::posix::stream_descriptor;

  ProgramRun(asio::io_context& loop, std::string input, Ended ended);

  int spawn(const Command& command);
  void run(Duration timeout);
  void feed();
  void read(Pipe& pipe);
  bool read_some(Pipe& pipe, bool until_empty);
  void take(const Pipe& pipe, std::string_view bytes);
  void end_early(ProgramEnd::How why);
  void signal_group(int signal) const;
  void finish();
  template <typename Handler>
  void wait(Pipe& pipe, Pipe::wait_type what, Handler handler);

  // Constant after the start.
  const Ended ended_;
  pid_t process_ = 0;  // 0: it was waited for, or never ran

  std::string input_;
  std::size_t fed_ = 0;  // of that
  Pipe stdin_;
  Pipe stdout_;
  Pipe stderr_;
  Pipe end_;  // of pidfd_open(2): readable when it has ended
  LoopTimer timer_;
  std::optional<ProgramEnd::How> ended_early_;
  std::string output_;
  std::string errors_;  // the end of what it says there
};

}  // namespace mqtt_bridge
