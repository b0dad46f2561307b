#include "responder/io/served_programs.hpp"

#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/limits/responder.hpp"
#include "os/io/folder.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

// Which file --------------------------------------------------------------------------------------

std::string path_of(const std::string& name, const std::string& search_path) {
  return find_programs({{"a", {name}}}, {{"PATH", search_path}}).front().path;
}

std::string fault_of(const std::string& name, const std::string& search_path) {
  try {
    return path_of(name, search_path);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

TEST(FileOfAProgram, IsTheFirstInPathThatCanBeExecuted) {
  const Folder first;
  const Folder second;
  first.file("prog", "not executable");
  const auto expected = second.file("prog", "#!/bin/sh\n");
  std::filesystem::create_directory(first.path() / "folder");
  chmod(expected.c_str(), 0700);
  const std::string search_path = first.path().string() + "::" + second.path().string();
  EXPECT_EQ(path_of("prog", search_path), expected);
  EXPECT_EQ(path_of(expected, ""), expected);
  EXPECT_EQ(fault_of("prog", first.path()), "--serve: a: " + (first.path() / "prog").string() +
                                                " cannot be executed: Permission denied");
  EXPECT_EQ(fault_of("folder", first.path()), "--serve: a: " + (first.path() / "folder").string() +
                                                  " cannot be executed: Permission denied");
  EXPECT_EQ(fault_of("no-such", "/no:/such"),
            "--serve: a: there is no program 'no-such' in PATH (/no:/such)");
  EXPECT_EQ(fault_of("/no/such", "/bin"),
            "--serve: a: /no/such cannot be executed: No such file or directory");
}

TEST(FileOfAProgram, IsLookedForInTheSystemsFoldersWithoutAPath) {
  EXPECT_EQ(find_programs({{"a", {"sh"}}}, {}).front().path, "/bin/sh");
}

// What becomes of requests ------------------------------------------------------------------------

class ServedProgramsTest : public testing::Test {
 protected:
  ServedProgramsTest() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGCHLD, SIG_DFL);
  }

  void request(const std::string& action, std::string payload, std::string correlation = "c") {
    programs_.run({.topic = "alice/" + action + "/request",
                   .netid = "alice",
                   .action = action,
                   .payload = std::move(payload),
                   .answer = {.topic = "response",
                              .payload = {},
                              .correlation = std::move(correlation),
                              .user_properties = {{"responder", "me"}}}});
  }
  void run_until_answers(std::size_t count) {
    const auto deadline = Clock::now() + 30s;
    while (answers_.size() < count && Clock::now() < deadline)
      loop_.run_one_for(1s);
    ASSERT_EQ(answers_.size(), count);
  }

  asio::io_context loop_{1};
  std::vector<std::string> answers_;  // and errors
  ServedPrograms programs_{
      loop_,
      {.programs = find_programs({{"shout", {"tr", "a-z", "A-Z"}},
                                  {"fail", {"sh", "-c", "exit 3"}},
                                  {"where", {"sh", "-c", "printf '%s' \"$MQTT_TOPIC\""}},
                                  {"late", {"sh", "-c", "cat; exec sleep 100"}}},
                                 {{"PATH", "/usr/bin:/bin"}}),
       .jobs = 2,
       .timeout = 30s,
       .environment = {{"PATH", "/usr/bin:/bin"}}},
      [this](const Outgoing& answer) {
        EXPECT_EQ(answer.topic, "response");
        std::string text = answer.correlation + ":" + answer.payload;
        for (const auto& [name, value] : answer.user_properties)
          text += name == "responder" ? "" : " " + name + "=" + value;
        answers_.push_back(std::move(text));
      }};
};

TEST_F(ServedProgramsTest, AnswerWithWhatTheyPrint) {
  request("shout", "hello");
  run_until_answers(1);
  request("where", "hello", "");
  run_until_answers(2);
  EXPECT_THAT(answers_, ElementsAre("c:HELLO", ":alice/where/request"));
}

TEST_F(ServedProgramsTest, FailWithAnErrorButNotWhereThatWouldBeTakenForAnAnswer) {
  request("fail", "x", "");
  request("fail", "x");
  run_until_answers(1);
  EXPECT_THAT(answers_, ElementsAre("c: status=500 error=sh exited with 3"));
}

TEST_F(ServedProgramsTest, RunTwoAtOneTimeAndAllInTheEnd) {
  for (int i = 0; i < 20; ++i)
    request("shout", "a");
  run_until_answers(20);
  EXPECT_THAT(answers_, testing::Each("c:A"));
}

TEST_F(ServedProgramsTest, RefuseWhatIsBeyondTheQueue) {
  request("late", "");
  request("late", "");
  for (std::size_t i = 0; i < limits::serve_waiting; ++i)
    request("shout", "");
  EXPECT_EQ(answers_.size(), 0u);
  request("shout", "");
  EXPECT_THAT(answers_,
              ElementsAre("c: status=503 error=as many requests as may already wait for a "
                          "program to run"));
}

TEST_F(ServedProgramsTest, StopWithoutThoseThatWaitAndKillTheOthersWhenAskedAgain) {
  bool is_idle = false;
  for (const char* const correlation : {"1", "2", "3"})
    request("late", "", correlation);
  programs_.stop([&] { is_idle = true; });
  request("shout", "", "4");
  EXPECT_THAT(answers_, ElementsAre("3: status=503 error=the responder stops",
                                    "4: status=503 error=the responder stops"));
  EXPECT_FALSE(is_idle);
  programs_.stop([&] { is_idle = true; });
  run_until_answers(4);
  EXPECT_THAT(answers_,
              testing::Contains("1: status=503 error=sh was ended because the responder stops"));
  EXPECT_TRUE(is_idle);
}

TEST_F(ServedProgramsTest, AreIdleAtOnceWhereNoneRuns) {
  bool is_idle = false;
  programs_.stop([&] { is_idle = true; });
  EXPECT_TRUE(is_idle);
}

}  // namespace
}  // namespace mqtt_bridge
