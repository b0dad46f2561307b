#include "responder/io/served_programs.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/error_text.hpp"
#include "os/io/log.hpp"

namespace mqtt_bridge {
namespace {

/// Why the file cannot be executed, as an errno; 0 when it can.
int execution_error(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0)
    return errno;
  if (!S_ISREG(status.st_mode))
    return EACCES;
  return faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/// Of the file that execvp(3) would execute. `whose` begins the text of the exception.
std::string find_file(const std::string& name, const std::string& search_path,
                      const std::string& whose) {
  const auto forbidden = [&whose](const std::string& path, int error) {
    return std::runtime_error(whose + path + " cannot be executed: " + error_text(error));
  };
  if (name.find('/') != std::string::npos) {
    if (const int error = execution_error(name); error != 0)
      throw forbidden(name, error);
    return name;
  }
  std::string not_ours;
  for (std::size_t begin = 0; begin <= search_path.size();) {
    const std::size_t end = std::min(search_path.find(':', begin), search_path.size());
    const std::string folder = search_path.substr(begin, end - begin);
    const std::string path = (folder.empty() ? "." : folder) + "/" + name;
    const int error = execution_error(path);
    if (error == 0)
      return path;
    if (error == EACCES && not_ours.empty())
      not_ours = path;
    begin = end + 1;
  }
  if (!not_ours.empty())
    throw forbidden(not_ours, EACCES);
  throw std::runtime_error(whose + "there is no program '" + name + "' in PATH (" + search_path +
                           ")");
}

}  // namespace

std::vector<ServedProgram> find_programs(const std::vector<ServedCommand>& commands,
                                         const EnvironmentVariables& environment) {
  const auto variable = environment.find("PATH");
  const std::string search_path =
      variable != environment.end() ? variable->second : "/bin:/usr/bin";  // as execvp(3) has it
  std::vector<ServedProgram> programs;
  for (const auto& [action, words] : commands) {
    const std::string whose = "--serve: " + action + ": ";
    programs.push_back({action, words, find_file(words.front(), search_path, whose)});
  }
  return programs;
}

ServedPrograms::ServedPrograms(asio::io_context& loop, ServedOptions options, Answer answer)
    : loop_(loop),
      options_(std::move(options)),
      answer_(std::move(answer)),
      queue_({.running = options_.jobs}) {}

std::vector<std::string> ServedPrograms::actions() const {
  std::vector<std::string> actions;
  for (const ServedProgram& program : options_.programs)
    actions.push_back(program.action);
  return actions;
}

const ServedProgram* ServedPrograms::program_of(std::string_view action) const {
  const auto found =
      std::ranges::find(options_.programs, action,
                        [](const ServedProgram& each) -> std::string_view { return each.action; });
  return found != options_.programs.end() ? &*found : nullptr;
}

void ServedPrograms::run(Job job) {
  if (auto refused = queue_.push(std::move(job), Clock::now())) {
    const std::string why = queue_.is_closed()
                                ? "the responder stops"
                                : "as many requests as may already wait for a program to run";
    return refuse(*std::move(refused), why);
  }
  start_next();
}

void ServedPrograms::start_next() {
  while (auto job = queue_.next(Clock::now()))
    start(*std::move(job));
  if (queue_.take_expired() > 0)
    log_rarely(LogLevel::warn, "requests expired while they waited for a program to run");
}

void ServedPrograms::start(Job job) {
  const ServedProgram& program = *program_of(job.action);
  const std::uint64_t id = ++last_id_;
  // The answer is in the handler only: copied, since the start may fail.
  auto started = ProgramRun::start(
      loop_,
      {program.path, program.words,
       environment_of_program(options_.environment, job.topic, job.netid, job.action)},
      std::move(job.payload), options_.timeout,
      [this, id, &program, answer = job.answer](ProgramEnd end) {
        ended(id, program, answer, std::move(end));
      });
  if (auto* const running = std::get_if<0>(&started)) {
    running_.emplace(id, std::move(*running));
    return;
  }
  conclude(program, std::move(job.answer),
           {.how = ProgramEnd::How::not_started, .errors = std::get<1>(std::move(started))});
}

void ServedPrograms::ended(std::uint64_t id, const ServedProgram& program, Outgoing answer,
                           ProgramEnd end) {
  running_.erase(id);
  conclude(program, std::move(answer), std::move(end));
  start_next();
  if (idle_ && !queue_.is_running())
    std::exchange(idle_, nullptr)();
}

/// It runs no more, or never did.
void ServedPrograms::conclude(const ServedProgram& program, Outgoing answer, ProgramEnd end) {
  queue_.ended();
  if (auto failure = failure_of(end, program.words.front(), options_.timeout)) {
    log_rarely(LogLevel::warn,
               program.action + ": " + end_in_words(end, program.words.front(), options_.timeout));
    fail(std::move(answer), *std::move(failure));
  } else {
    answer.payload = std::move(end.output);
    answer_(std::move(answer));
  }
}

void ServedPrograms::refuse(Job job, const std::string& why) {
  log_rarely(LogLevel::warn, "requests refused: " + why);
  fail(std::move(job.answer), {"503", why});
}

/// Without correlation data an error answer would be taken for an answer.
void ServedPrograms::fail(Outgoing answer, ProgramFailure failure) {
  if (answer.correlation.empty())
    return;
  answer.user_properties.emplace_back("status", std::move(failure.status));
  answer.user_properties.emplace_back("error", std::move(failure.error));
  answer_(std::move(answer));
}

void ServedPrograms::stop(std::function<void()> idle) {
  if (queue_.is_closed())
    kill();
  idle_ = std::move(idle);
  for (Job& job : queue_.close())
    refuse(std::move(job), "the responder stops");
  if (!queue_.is_running())
    std::exchange(idle_, nullptr)();
}

void ServedPrograms::kill() {
  for (const auto& [id, program] : running_)
    program->kill();
}

}  // namespace mqtt_bridge
