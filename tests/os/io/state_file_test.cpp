#include "os/io/state_file.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os/io/folder.hpp"

namespace mqtt_bridge {
namespace {

class StateFile : public testing::Test {
 protected:
  void put(const std::string& text) { std::ofstream(file_, std::ios::binary) << text; }
  std::string names() const {
    std::string all;
    for (const auto& each : std::filesystem::directory_iterator(folder_.path()))
      all += each.path().filename().string() + " ";
    return all;
  }

  const Folder folder_;
  const std::filesystem::path file_ = folder_.path() / "it";
};

TEST_F(StateFile, IsReadBackAsItWasWritten) {
  EXPECT_EQ(read_state(file_), std::nullopt);
  for (const std::string line : {"one", "two words", ""}) {
    EXPECT_EQ(write_state(file_, line), std::nullopt);
    EXPECT_EQ(read_state(file_), line);
    EXPECT_EQ(names(), "it ") << "nothing is left beside it";
  }
}

TEST_F(StateFile, IsOneWholeLineOrNone) {
  for (const std::string text : {"", "half", "one\ntwo", "one\ntwo\n", "\nx"}) {
    put(text);
    EXPECT_EQ(read_state(file_), std::nullopt) << text;
  }
  put(std::string(5000, 'x') + "\n");
  EXPECT_EQ(read_state(file_), std::nullopt);
}

TEST_F(StateFile, StaysAsItWasWhereTheDiskTakesNoMore) {
  ASSERT_EQ(write_state(file_, "before"), std::nullopt);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit none{.rlim_cur = 2, .rlim_max = before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &none);
  const auto why_not = write_state(file_, "after");
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(why_not);
  EXPECT_EQ(read_state(file_), "before");
  EXPECT_EQ(names(), "it ");
}

TEST_F(StateFile, SaysWhyItCannotBeWritten) {
  EXPECT_EQ(write_state("/proc/no-such-folder/it", "x"), "No such file or directory");
  std::filesystem::create_directory(file_);
  EXPECT_EQ(write_state(file_, "x"), "Is a directory");
}

}  // namespace
}  // namespace mqtt_bridge
