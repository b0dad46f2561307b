#include "daemon/io/run_mark.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/io/folder.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class RunMarks : public testing::Test {
 protected:
  RunMark begin() const { return RunMark(folder_.path(), 60s, now_); }

  Folder folder_;
  Instant now_ = Instant{} + 1000s;
};

TEST_F(RunMarks, KnowNothingWhereThereWasNoEarlierRun) {
  EXPECT_EQ(begin().earlier().doubt, 0s);
}

TEST_F(RunMarks, LeaveAfterAKillTheTopicsOnWhichTurnsWereTaken) {
  {
    RunMark killed = begin();
    killed.note({.topic = "alice/translate/response", .takes_turns = true});
    killed.note({.topic = "bob/translate/response", .takes_turns = true});
    killed.note({.topic = "bob/translate/response", .takes_turns = false});
  }
  const RunMark next = begin();
  EXPECT_EQ(next.earlier().doubt, 60s);
  EXPECT_THAT(next.earlier().turns, ElementsAre("alice/translate/response"));
}

TEST_F(RunMarks, AreGoneAfterACleanEndThatLeavesNothing) {
  RunMark clean = begin();
  clean.note({.topic = "alice/translate/response", .takes_turns = true});
  clean.end_cleanly({}, now_);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(RunMarks, LeaveAfterACleanEndWhatIsStillInDoubtAndNotLonger) {
  {
    RunMark clean = begin();
    clean.note({.topic = "alice/translate/response", .takes_turns = true});
    clean.note({.topic = "bob/translate/response", .takes_turns = true});
    clean.end_cleanly({.doubt = 40s, .turns = {"bob/translate/response"}}, now_);
  }
  now_ += 30s;
  {
    RunMark clean = begin();
    EXPECT_EQ(clean.earlier().doubt, 10s);
    EXPECT_THAT(clean.earlier().turns, ElementsAre("bob/translate/response"));
    clean.end_cleanly(clean.earlier(), now_);
  }
  now_ += 10s;
  const RunMark last = begin();
  EXPECT_EQ(last.earlier().doubt, 0s);
  EXPECT_THAT(last.earlier().turns, IsEmpty());
}

TEST_F(RunMarks, AreInDoubtForTheWholeTimeAfterABootOfTheMachine) {
  RunMark(folder_.path(), 60s, now_).end_cleanly({.doubt = 40s, .turns = {"a/b/response"}}, now_);
  now_ = Instant{} + 5s;
  EXPECT_EQ(begin().earlier().doubt, 60s);
}

}  // namespace
}  // namespace mqtt_bridge
