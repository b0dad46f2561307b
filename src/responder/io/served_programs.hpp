// The programs that answer requests (--serve): each request becomes a run of its action's program,
// as JobQueue decides, and the end of that an answer.
//
// Threads: everything on the loop's thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <asio/io_context.hpp>

#include "base/limits/responder.hpp"
#include "config/served_command.hpp"
#include "responder/io/program.hpp"
#include "responder/job_queue.hpp"
#include "responder/program_end.hpp"

namespace mqtt_bridge {

struct ServedProgram {
  std::string action;
  std::vector<std::string> words;
  std::string path;  // of the file
};

/// Looks for the file of each command as execvp(3) does. Throws std::runtime_error where there is
/// none that can be executed; its text names --serve and the action.
std::vector<ServedProgram> find_programs(const std::vector<ServedCommand>& commands,
                                         const EnvironmentVariables& environment);

struct ServedOptions {
  std::vector<ServedProgram> programs = {};
  std::size_t jobs = 1;  // that run at one time
  std::chrono::milliseconds timeout = limits::serve_timeout;
  EnvironmentVariables environment = {};  // of the programs
};

class ServedPrograms {
 public:
  using Answer = std::function<void(Outgoing)>;

  /// `answer` takes each answer, an error too.
  ServedPrograms(asio::io_context& loop, ServedOptions options, Answer answer);

  std::vector<std::string> actions() const;
  bool serves(std::string_view action) const { return program_of(action) != nullptr; }
  /// REQUIRES: serves(job.action).
  void run(Job job);

  /// Runs none that is not running yet. Calls `idle` once none runs any more, at once if that is so
  /// already. Called again, it kills those that run.
  void stop(std::function<void()> idle);
  void kill();

 private:
  const ServedProgram* program_of(std::string_view action) const;
  void start_next();
  void start(Job job);
  void ended(std::uint64_t id, const ServedProgram& program, Outgoing answer, ProgramEnd end);
  void conclude(const ServedProgram& program, Outgoing answer, ProgramEnd end);
  void refuse(Job job, const std::string& why);
  void fail(Outgoing answer, ProgramFailure failure);

  asio::io_context& loop_;
  const ServedOptions options_;
  const Answer answer_;
  JobQueue queue_;
  std::unordered_map<std::uint64_t, std::shared_ptr<ProgramRun>> running_;
  std::uint64_t last_id_ = 0;
  std::function<void()> idle_;  // while it stops
};

}  // namespace mqtt_bridge
