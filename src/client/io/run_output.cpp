#include "client/io/run_output.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/io/call_run.hpp"
#include "os/error_text.hpp"
#include "os/io/output.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t many_bytes = 64 * 1024;
constexpr auto long_work = std::chrono::seconds(1);

std::size_t columns_of_terminal() {
  winsize size{};
  const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return is_known ? std::max<std::size_t>(size.ws_col - 1U, 20) : 79;
}

void write_to_terminal(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

RunOutput::RunOutput(std::string_view program)
    : program_(program),
      shows_progress_(::isatty(STDERR_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 0) {}

void RunOutput::answer(std::string_view text) {
  answers_ += text;
}

void RunOutput::fault(std::string_view sentence) {
  clear_progress();
  say(program_, sentence);
}

bool RunOutput::flush(Wanted wanted) {
  if (wanted == Wanted::many && answers_.size() < many_bytes)
    return true;
  std::string_view left = answers_;
  int error = 0;
  while (!left.empty() && error == 0 && !is_interrupted()) {
    const auto written = ::write(STDOUT_FILENO, left.data(), left.size());
    if (written >= 0) {
      left.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd waiting{STDOUT_FILENO, POLLOUT, 0};
      ::poll(&waiting, 1, 100);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  answers_.erase(0, answers_.size() - left.size());
  if (error == EPIPE) {
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  }
  if (error != 0)
    fault("cannot write to stdout: " + error_text(error));
  return error == 0;
}

int RunOutput::close() {
  return print(program_, std::exchange(answers_, {}));
}

void RunOutput::progress(const RunProgress& progress) {
  if (!shows_progress_ || progress.spent < long_work)
    return;
  write_to_terminal("\r" + progress_line(progress, columns_of_terminal()) + "\x1b[K");
  is_shown_ = true;
}

void RunOutput::clear_progress() {
  if (std::exchange(is_shown_, false))
    write_to_terminal("\r\x1b[K");
}

}  // namespace mqtt_bridge
