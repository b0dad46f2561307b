#include "responder/io/program.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits/call.hpp"
#include "base/limits/responder.hpp"
#include "os/error_text.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t chunk_bytes = 64 * 1024;  // as much as a pipe holds

/// What is to be closed whatever comes.
class Descriptor {
 public:
  Descriptor() = default;
  ~Descriptor() {
    if (number_ >= 0)
      close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  void set(int number) { number_ = number; }
  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

struct PipeEnds {
  Descriptor read;
  Descriptor write;

  bool open() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
      return false;
    read.set(ends[0]);
    write.set(ends[1]);
    return true;
  }
};

/// What a program begins with: its three streams and no other descriptor, no signal blocked or
/// ignored, and a process group of its own.
class Beginning {
 public:
  Beginning(int in, int out, int err) {
    posix_spawn_file_actions_init(&files_);
    posix_spawn_file_actions_adddup2(&files_, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files_, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files_, err, STDERR_FILENO);
    // Not every library opens its descriptors with O_CLOEXEC.
    posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~Beginning() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  Beginning(const Beginning&) = delete;
  Beginning& operator=(const Beginning&) = delete;

  const posix_spawn_file_actions_t* files() const { return &files_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

/// As exec wants them; they stay `texts`'.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts)
    pointers.push_back(const_cast<char*>(text.c_str()));  // exec does not change them
  pointers.push_back(nullptr);
  return pointers;
}

int pidfd_open_of(pid_t process) {
  return static_cast<int>(syscall(SYS_pidfd_open, process, 0));  // glibc's header is C only
}

}  // namespace

std::variant<std::shared_ptr<ProgramRun>, std::string> ProgramRun::start(asio::io_context& loop,
                                                                         const Command& command,
                                                                         std::string input,
                                                                         Duration timeout,
                                                                         Ended ended) {
  const std::shared_ptr<ProgramRun> program(
      new ProgramRun(loop, std::move(input), std::move(ended)));
  if (const int error = program->spawn(command); error != 0)
    return error_text(error);
  program->run(timeout);
  return program;
}

ProgramRun::ProgramRun(asio::io_context& loop, std::string input, Ended ended)
    : ended_(std::move(ended)),
      input_(std::move(input)),
      stdin_(loop),
      stdout_(loop),
      stderr_(loop),
      end_(loop),
      timer_(loop) {}

/// Gives an errno, or 0.
int ProgramRun::spawn(const Command& command) {
  PipeEnds in;
  PipeEnds out;
  PipeEnds err;
  if (!in.open() || !out.open() || !err.open())
    return errno;
  const Beginning beginning(in.read.number(), out.write.number(), err.write.number());
  const int error =
      posix_spawn(&process_, command.path.c_str(), beginning.files(), beginning.attributes(),
                  pointers_to(command.words).data(), pointers_to(command.environment).data());
  if (error != 0) {
    process_ = 0;
    return error;
  }
  Descriptor end;
  end.set(pidfd_open_of(process_));
  if (end.number() < 0)
    return errno;  // and the destructor ends it
  end_.assign(end.release());
  for (auto [pipe, ours] : {std::pair(&stdin_, &in.write), std::pair(&stdout_, &out.read),
                            std::pair(&stderr_, &err.read)}) {
    pipe->assign(ours->release());
    pipe->native_non_blocking(true);
  }
  return 0;
}

ProgramRun::~ProgramRun() {
  if (process_ == 0)
    return;
  signal_group(SIGKILL);
  siginfo_t ignored;
  waitid(P_PID, static_cast<id_t>(process_), &ignored, WEXITED);
}

void ProgramRun::run(Duration timeout) {
  wait(end_, Pipe::wait_read, [this] { finish(); });
  timer_.set(Clock::now() + timeout, [this] { end_early(ProgramEnd::How::timed_out); });
  read(stdout_);
  read(stderr_);
  feed();
}

/// The handler is not called any more once the program is gone or the pipe closed, even where it
/// was queued by then. What is there is read or written after that, so nothing is on its way when
/// the program ends.
template <typename Handler>
void ProgramRun::wait(Pipe& pipe, Pipe::wait_type what, Handler handler) {
  pipe.async_wait(what, [weak = weak_from_this(), &pipe, handler](const std::error_code& error) {
    const auto self = weak.lock();
    if (self && !error && pipe.is_open())
      handler();
  });
}

// Its stdin -------------------------------------------------------------------------------------

void ProgramRun::feed() {
  while (fed_ < input_.size()) {
    const auto count = write(stdin_.native_handle(), input_.data() + fed_, input_.size() - fed_);
    if (count < 0 && errno == EAGAIN)
      return wait(stdin_, Pipe::wait_write, [this] { feed(); });
    if (count < 0 && errno != EINTR)
      break;  // it does not want more (EPIPE)
    fed_ += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  stdin_.close();
  input_ = {};
}

// Its stdout and stderr -------------------------------------------------------------------------

void ProgramRun::read(Pipe& pipe) {
  wait(pipe, Pipe::wait_read, [this, &pipe] {
    if (read_some(pipe, false))
      read(pipe);
    else
      pipe.close();
  });
}

/// Whether more may come.
bool ProgramRun::read_some(Pipe& pipe, bool until_empty) {
  std::array<char, chunk_bytes> chunk;
  do {
    const auto count = ::read(pipe.native_handle(), chunk.data(), chunk.size());
    if (count < 0 && errno == EAGAIN)
      return true;
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    take(pipe, {chunk.data(), static_cast<std::size_t>(count)});
    if (ended_early_)
      return false;
  } while (until_empty);
  return true;
}

void ProgramRun::take(const Pipe& pipe, std::string_view bytes) {
  if (&pipe == &stdout_) {
    output_ += bytes;
    if (output_.size() > limits::response_bytes)
      end_early(ProgramEnd::How::said_too_much);
    return;
  }
  constexpr std::size_t most = limits::serve_error_bytes + 1;  // one more says that there was more
  errors_ += bytes;
  if (errors_.size() > most)
    errors_.erase(0, errors_.size() - most);
}

// Its end ---------------------------------------------------------------------------------------

void ProgramRun::end_early(ProgramEnd::How why) {
  if (std::exchange(ended_early_, ended_early_.value_or(why)))
    return;
  signal_group(SIGTERM);
  timer_.set(Clock::now() + limits::serve_grace, [this] { signal_group(SIGKILL); });
}

void ProgramRun::kill() {
  ended_early_ = ended_early_.value_or(ProgramEnd::How::stopped);
  signal_group(SIGKILL);
}

/// The number of the group is not given to another one before its leader was waited for.
void ProgramRun::signal_group(int signal) const {
  if (process_ > 0)
    ::kill(-process_, signal);
}

void ProgramRun::finish() {
  timer_.cancel();
  for (Pipe* pipe : {&stdout_, &stderr_}) {
    if (pipe->is_open() && !ended_early_)
      read_some(*pipe, true);
  }
  for (Pipe* pipe : {&stdin_, &stdout_, &stderr_, &end_}) {
    std::error_code ignored;
    pipe->close(ignored);
  }
  timer_.cancel();  // where that was too much
  signal_group(SIGKILL);
  siginfo_t status{};
  waitid(P_PID, static_cast<id_t>(process_), &status, WEXITED);
  process_ = 0;
  const auto how =
      status.si_code == CLD_EXITED ? ProgramEnd::How::exited : ProgramEnd::How::signalled;
  ended_({.how = ended_early_.value_or(how),
          .code = status.si_status,
          .output = std::move(output_),
          .errors = std::move(errors_)});
}

}  // namespace mqtt_bridge
