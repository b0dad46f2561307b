#include "os/io/output.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "os/error_text.hpp"

namespace mqtt_bridge {
namespace {

/// All of it, or the errno.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR)
      return errno;
    text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
  return 0;
}

/// Whether this returns depends on whether the signal is blocked.
void end_as_by_sigpipe() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
}

}  // namespace

void keep_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) < 0)
      ::open("/dev/null",
             stream == STDERR_FILENO ? O_WRONLY : O_RDONLY);  // takes the lowest number
  }
}

void say(std::string_view program, std::string_view sentence) {
  write_all(STDERR_FILENO, std::string(program) + ": " + std::string(sentence) + "\n");
}

int print(std::string_view program, std::string_view text) {
  int error = write_all(STDOUT_FILENO, text);
  if (error == 0 && ::close(STDOUT_FILENO) != 0)
    error = errno;
  if (error == 0)
    return 0;
  if (error == EPIPE)
    end_as_by_sigpipe();
  else
    say(program, "cannot write to stdout: " + error_text(error));
  return exit_failed;
}

int exit_now(std::string_view program, const ExitNow& exit) {
  write_all(STDERR_FILENO, exit.err);
  if (exit.out.empty())
    return exit.code;
  const int printed = print(program, exit.out);
  return printed == 0 ? exit.code : printed;
}

}  // namespace mqtt_bridge
