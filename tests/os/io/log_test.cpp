#include "os/io/log.hpp"

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mqtt_bridge {
namespace {

/// What one message of each level gives on stderr.
std::string logged(LogLevel level, LogFormat format, const std::string& message) {
  testing::internal::CaptureStderr();
  set_up_log(level, format);
  spdlog::debug(message);
  spdlog::info(message);
  spdlog::warn(message);
  spdlog::error(message);
  return testing::internal::GetCapturedStderr();
}

/// The device and inode of stderr while it is captured, as systemd writes them.
std::string logged_with_journal_stream(bool of_stderr) {
  testing::internal::CaptureStderr();
  struct stat status {};
  fstat(STDERR_FILENO, &status);
  const auto inode = status.st_ino + (of_stderr ? 0 : 1);
  setenv("JOURNAL_STREAM", (std::to_string(status.st_dev) + ":" + std::to_string(inode)).c_str(),
         1);
  set_up_log(LogLevel::info, LogFormat::automatic);
  unsetenv("JOURNAL_STREAM");
  spdlog::info("x");
  return testing::internal::GetCapturedStderr();
}

TEST(Log, ForTheJournalHasPrioritiesAndNoTime) {
  EXPECT_EQ(logged(LogLevel::debug, LogFormat::journal, "x"), "<7>x\n<6>x\n<4>x\n<3>x\n");
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  EXPECT_EQ(logged(LogLevel::warn, LogFormat::journal, "x"), "<4>x\n<3>x\n");
}

TEST(Log, IsTheJournalsOnlyWhereStderrIsTheJournal) {
  EXPECT_EQ(logged_with_journal_stream(true), "<6>x\n");
  EXPECT_NE(logged_with_journal_stream(false), "<6>x\n");
}

TEST(Log, ForPeopleHasTimeAndLevelAndNoColourInAFile) {
  const std::regex line(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} error   x\n)");
  EXPECT_TRUE(std::regex_match(logged(LogLevel::error, LogFormat::human, "x"), line));
}

TEST(Log, NamesItsLevelsAsTheOptionDoes) {
  std::string levels;
  std::istringstream lines(logged(LogLevel::debug, LogFormat::human, "x"));
  for (std::string line; std::getline(lines, line);)
    levels += line.substr(24) + "\n";
  EXPECT_EQ(levels, "debug   x\ninfo    x\nwarn    x\nerror   x\n");
  const std::string json = logged(LogLevel::warn, LogFormat::json, "x");
  EXPECT_NE(json.find(R"("level":"warn",)"), std::string::npos) << json;
}

TEST(Log, HasNoColourWhereNoneIsWanted) {
  // A terminal, as far as the log can tell.
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_TRUE(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
  const int inner = open(ptsname(terminal), O_RDWR | O_NOCTTY);
  const int saved = dup(STDERR_FILENO);
  const auto logged_with = [&](const char* no_color) {
    setenv("NO_COLOR", no_color, 1);
    setenv("TERM", "xterm-256color", 1);
    dup2(inner, STDERR_FILENO);
    set_up_log(LogLevel::info, LogFormat::human);
    spdlog::warn("x");
    dup2(saved, STDERR_FILENO);
    unsetenv("NO_COLOR");
    std::string line;  // which comes in pieces
    char letter{};
    while (!line.ends_with('\n') && read(terminal, &letter, 1) == 1)
      line += letter;
    return line;
  };
  EXPECT_NE(logged_with("").find('\x1b'), std::string::npos) << "empty means nothing";
  EXPECT_EQ(logged_with("1").find('\x1b'), std::string::npos);
  close(saved);
  close(inner);
  close(terminal);
}

TEST(Log, AsJsonIsOneEscapedObjectALine) {
  const std::regex line(
      R"re(\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"error","message":"(.*)"\}\n)re");
  const auto message = [&line](const std::string& text) -> std::string {
    const std::string written = logged(LogLevel::error, LogFormat::json, text);
    std::smatch match;
    EXPECT_TRUE(std::regex_match(written, match, line)) << written;
    return match.empty() ? "" : match[1].str();
  };
  EXPECT_EQ(message("plain {} %v"), "plain {} %v");
  EXPECT_EQ(message("a \"b\" \\c"), R"(a \"b\" \\c)");
  EXPECT_EQ(message("a\nb\x1b\x7f"), R"(a\u000ab\u001b\u007f)");
  EXPECT_EQ(message("gr\xc3\xbcn"), "gr\xc3\xbcn");
  EXPECT_EQ(message("\xff"), R"(\u00ff)");
}

TEST(Log, IsNeverForgedByAMessage) {
  EXPECT_EQ(logged(LogLevel::error, LogFormat::journal, "a\n<0>b\x1b[0m"),
            "<3>a\\x0a<0>b\\x1b[0m\n");
  EXPECT_EQ(logged(LogLevel::error, LogFormat::journal,
                   "a\xc2\x9b"
                   "1m\xe2\x80\xae"
                   "b\xc3\xa9"),
            "<3>a\\xc2\\x9b1m\\xe2\\x80\\xaeb\xc3\xa9\n");
}

}  // namespace
}  // namespace mqtt_bridge
