#include "responder/io/program.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/limits/call.hpp"
#include "base/limits/responder.hpp"
#include "os/io/folder.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using How = ProgramEnd::How;

constexpr auto patience = 30s;

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGCHLD, SIG_DFL);
  }

  /// A shell that carries out `script`.
  void start(const std::string& script, std::string input = {}, Duration timeout = patience) {
    start_command({"/bin/sh", {"sh", "-c", script}, {"PATH=/usr/bin:/bin"}}, std::move(input),
                  timeout);
  }
  void start_command(const ProgramRun::Command& command, std::string input = {},
                     Duration timeout = patience) {
    auto started =
        ProgramRun::start(loop_, command, std::move(input), timeout, [this](ProgramEnd end) {
          end_ = std::move(end);
          program_.reset();
          loop_.stop();
        });
    ASSERT_TRUE(std::holds_alternative<std::shared_ptr<ProgramRun>>(started))
        << std::get<std::string>(started);
    program_ = std::get<0>(std::move(started));
  }
  ProgramEnd run() {
    loop_.restart();
    loop_.run_for(patience);
    EXPECT_TRUE(end_) << "it has not ended";
    return end_.value_or(ProgramEnd{How::not_started});
  }
  ProgramEnd run(const std::string& script, std::string input = {}, Duration timeout = patience) {
    start(script, std::move(input), timeout);
    return run();
  }

  asio::io_context loop_{1};
  std::optional<ProgramEnd> end_;
  std::shared_ptr<ProgramRun> program_;
};

bool is_alive(pid_t process) {
  return kill(process, 0) == 0 || errno != ESRCH;
}

pid_t pid_in(const std::filesystem::path& file) {
  pid_t process = 0;
  std::ifstream(file) >> process;
  return process;
}

TEST_F(ProgramTest, GivesWhatItPrintsAndItsExitCode) {
  start_command({"/usr/bin/tr", {"tr", "a-z", "A-Z"}, {}}, "hello");
  const ProgramEnd end = run();
  EXPECT_EQ(end.how, How::exited);
  EXPECT_EQ(end.code, 0);
  EXPECT_EQ(end.output, "HELLO");
  EXPECT_EQ(end.errors, "");
}

TEST_F(ProgramTest, GivesExitCodesAndSignals) {
  const ProgramEnd exited = run("echo out; echo err >&2; exit 3");
  EXPECT_EQ(exited.how, How::exited);
  EXPECT_EQ(exited.code, 3);
  EXPECT_EQ(exited.output, "out\n");
  EXPECT_EQ(exited.errors, "err\n");
  const ProgramEnd signalled = run("kill -KILL $$");
  EXPECT_EQ(signalled.how, How::signalled);
  EXPECT_EQ(signalled.code, SIGKILL);
}

TEST_F(ProgramTest, PassesAnyBytesOnAndBack) {
  std::string bytes;
  for (int i = 0; i < 3'000'000; ++i)
    bytes += static_cast<char>(i * 7 % 256);
  EXPECT_TRUE(run("cat", bytes).output == bytes);
}

TEST_F(ProgramTest, TakesNoHarmWhereStdinIsNotRead) {
  EXPECT_EQ(run("echo done", std::string(1'000'000, 'x')).output, "done\n");
  EXPECT_EQ(run("exec <&-; echo done; exit 1", std::string(1'000'000, 'x')).output, "done\n");
  EXPECT_EQ(run("head -c 3", std::string(1'000'000, 'x')).output, "xxx");
}

TEST_F(ProgramTest, EndsStdinAfterAnEmptyInput) {
  EXPECT_EQ(run("wc -c").output, "0\n");
}

TEST_F(ProgramTest, SaysWhyItDoesNotStart) {
  for (const auto& [path, why] : {std::pair("/no/such", "No such file or directory"),
                                  std::pair("/etc/passwd", "Permission denied")}) {
    const auto started =
        ProgramRun::start(loop_, {path, {path}, {}}, {}, patience, [](ProgramEnd) {});
    EXPECT_EQ(std::get<std::string>(started), why);
  }
}

TEST_F(ProgramTest, IsEndedBySigtermAfterItsTime) {
  const ProgramEnd end = run("echo begun; exec sleep 100", {}, 50ms);
  EXPECT_EQ(end.how, How::timed_out);
  EXPECT_EQ(end.code, SIGTERM);
}

TEST_F(ProgramTest, IsKilledWhereItDoesNotHeedSigterm) {
  const auto begin = Clock::now();
  const ProgramEnd end = run("trap '' TERM; while :; do sleep 100; done", {}, 50ms);
  EXPECT_EQ(end.how, How::timed_out);
  EXPECT_EQ(end.code, SIGKILL);
  EXPECT_GE(Clock::now() - begin, 50ms + limits::serve_grace);
}

TEST_F(ProgramTest, IsTimedOutWhateverItsExitCodeIsThen) {
  EXPECT_EQ(run("trap 'exit 0' TERM; sleep 100 & wait", {}, 50ms).how, How::timed_out);
}

TEST_F(ProgramTest, MayPrintAsMuchAsAnAnswerMayHaveAndNotMore) {
  const auto print = [](std::size_t bytes) {
    return "head -c " + std::to_string(bytes) + " /dev/zero";
  };
  const ProgramEnd just_right = run(print(limits::response_bytes));
  EXPECT_EQ(just_right.how, How::exited);
  EXPECT_EQ(just_right.output.size(), limits::response_bytes);
  EXPECT_EQ(run(print(limits::response_bytes + 1)).how, How::said_too_much);
  EXPECT_EQ(run("exec cat /dev/zero").how, How::said_too_much);
}

TEST_F(ProgramTest, KeepsTheEndOfStderr) {
  const ProgramEnd end = run("head -c 1000000 /dev/zero >&2; printf end >&2; exit 1");
  EXPECT_EQ(end.errors.size(), limits::serve_error_bytes + 1);
  EXPECT_TRUE(end.errors.ends_with("\0end")) << end.errors;
}

TEST_F(ProgramTest, DoesNotWaitForAGrandchildThatHoldsItsStdout) {
  const Folder folder;
  const std::string file = folder.path() / "pid";
  const ProgramEnd end =
      run("setsid sh -c 'echo $$ >" + file + ".new; mv " + file + ".new " + file +
          "; exec sleep 100' & while ! test -e " + file + "; do sleep 0.01; done; echo answer");
  EXPECT_EQ(end.how, How::exited);
  EXPECT_EQ(end.output, "answer\n");
  const pid_t grandchild = pid_in(file);
  EXPECT_TRUE(is_alive(grandchild)) << "it made itself a group of its own";
  kill(grandchild, SIGKILL);
}

/// Until all that hold the other end of a pipe have ended.
bool ends(int pipe_end) {
  char byte = 0;
  return read(pipe_end, &byte, 1) == 0;
}

TEST_F(ProgramTest, LeavesNothingOfItsGroupBehind) {
  const Folder folder;
  const std::string fifo = folder.path() / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const int reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  fcntl(reader, F_SETFL, 0);
  const std::string grandchild = "(trap '' TERM; exec sleep 100) >" + fifo + " & ";

  EXPECT_EQ(run("exec 3>" + fifo + "; " + grandchild + "echo answer").output, "answer\n");
  EXPECT_TRUE(ends(reader)) << "after its own end";

  EXPECT_EQ(run("exec 3>" + fifo + "; " + grandchild + "wait", {}, 50ms).how, How::timed_out);
  EXPECT_TRUE(ends(reader)) << "after its time";

  start("exec 3>" + fifo + "; " + grandchild + "wait");
  program_.reset();
  EXPECT_TRUE(ends(reader)) << "when it is destroyed";
  close(reader);
}

TEST_F(ProgramTest, IsKilledAtOnceWhereThatIsWanted) {
  start("trap '' TERM; sleep 100");
  program_->kill();
  const ProgramEnd end = run();
  EXPECT_EQ(end.how, How::stopped);
  EXPECT_EQ(end.code, SIGKILL);
}

TEST_F(ProgramTest, CallsNothingOnceItIsDestroyed) {
  start("echo answer");
  program_.reset();
  loop_.run_for(patience);  // nothing is left to wait for
  EXPECT_FALSE(end_);
}

TEST_F(ProgramTest, HasTheThreeStreamsOnlyAndNoSignalBlockedOrIgnored) {
  const int leaky = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  const ProgramEnd end = run("exec grep -E '^Sig(Blk|Ign)' /proc/self/status; exit 1");
  const ProgramEnd files = run("exec ls /proc/self/fd");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  close(leaky);
  // 32 and 33 are glibc's own, which it leaves ignored.
  EXPECT_THAT(end.output, testing::MatchesRegex(
                              "SigBlk:\t0000000000000000\nSigIgn:\t0000000[01][08]0000000\n"));
  EXPECT_EQ(files.output, "0\n1\n2\n3\n") << "3 is the folder itself";
}

TEST_F(ProgramTest, HasTheEnvironmentThatItIsGiven) {
  start_command({"/usr/bin/env", {"env"}, {"A=b", "MQTT_TOPIC=a b;c"}});
  EXPECT_EQ(run().output, "A=b\nMQTT_TOPIC=a b;c\n");
}

std::size_t open_descriptors() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

TEST_F(ProgramTest, KeepsNoDescriptor) {
  run("true");
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 10; ++i)
    run("cat; exit 1", "x");
  ProgramRun::start(loop_, {"/no/such", {"x"}, {}}, {}, patience, [](ProgramEnd) {});
  start("sleep 100");
  program_.reset();
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace mqtt_bridge
