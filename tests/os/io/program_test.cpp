#include "os/io/program.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <asio/post.hpp>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/io/log.hpp"

namespace mqtt_bridge {
namespace {

/// A folder that is gone at the end of the test.
class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "program_test.XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path file(const char* name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

/// An ordinary user while it lives, where this is root, whom nothing is forbidden.
class OrdinaryUser {
 public:
  OrdinaryUser() {
    if (was_root_) {
      EXPECT_EQ(seteuid(65534), 0);
    }
  }
  ~OrdinaryUser() {
    if (was_root_) {
      EXPECT_EQ(seteuid(0), 0);
    }
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;

 private:
  const bool was_root_ = geteuid() == 0;
};

std::string fault_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no fault";
}

TEST(Secret, IsOneLineWithoutItsEnd) {
  const Folder folder;
  for (const char* const text : {"secret", "secret\n", "secret\r\n", "secret\n\n"})
    EXPECT_EQ(read_secret(folder.file("it", text), "--token-file"), "secret");
}

TEST(Secret, HasASentenceForEachWayInWhichItCannotBeRead) {
  const Folder folder;
  const auto fault = [](const std::filesystem::path& file) {
    return fault_of([&] { read_secret(file, "--token-file"); });
  };
  const std::string path = folder.path();
  EXPECT_EQ(fault(path + "/none"), "--token-file: there is no file " + path + "/none");
  EXPECT_EQ(fault(folder.file("empty", "")), "--token-file: " + path + "/empty is empty");
  EXPECT_EQ(fault(folder.file("blank", "\n")), "--token-file: " + path + "/blank is empty");
  EXPECT_EQ(fault(path), "--token-file: " + path + " is a directory");
  EXPECT_EQ(fault(folder.file("two", "a\nb\n")),
            "--token-file: " + path + "/two has more than one line");
  EXPECT_EQ(fault(folder.file("long", std::string(2 << 20, 'x'))),
            "--token-file: " + path + "/long has more than 1048576 bytes");
  const auto secret = folder.file("secret", "x");
  ASSERT_EQ(chmod(secret.c_str(), 0), 0);
  ASSERT_EQ(chmod(path.c_str(), 0755), 0);
  const OrdinaryUser user;
  EXPECT_EQ(fault(secret), "--token-file: no permission to read " + path + "/secret");
}

TEST(LastingId, IsTheSameOverRestarts) {
  const Folder folder;
  const std::string id = lasting_id("mqtt-bridge-", folder.path());
  EXPECT_EQ(id.size(), std::string("mqtt-bridge-01234567").size());
  EXPECT_EQ(lasting_id("mqtt-bridge-", folder.path()), id);
  EXPECT_NE(lasting_id("mqtt-bridge-", {}), id);
}

TEST(LastingId, IsNeverTakenFromAFileThatIsNotItsOwn) {
  const Folder folder;
  for (const char* const text :
       {"", "\n", "mqtt-bridge-0123456", "mqtt-bridge-01234567", "mqtt-bridge-0123456\n",
        "mqtt-bridge-0123456/\n", "mqtt-bridge-01234567 \n", "mqtt-bridge-0123456G\n",
        "other-bridge01234567\n", "mqtt-bridge-01234567\nmore\n"}) {
    folder.file("client-id", text);
    const std::string id = lasting_id("mqtt-bridge-", folder.path());
    EXPECT_NE(id, "mqtt-bridge-01234567") << text;
    EXPECT_EQ(lasting_id("mqtt-bridge-", folder.path()), id) << "it is mended";
  }
  folder.file("client-id", "mqtt-bridge-01234567\n");
  EXPECT_EQ(lasting_id("mqtt-bridge-", folder.path()), "mqtt-bridge-01234567");
}

TEST(ExitCode, IsTwoOnlyForWhatStaysWrong) {
  const auto code_of = [](const std::function<int()>& body) { return guarded("test", body); };
  testing::internal::CaptureStderr();
  EXPECT_EQ(code_of([] { return 0; }), 0);
  EXPECT_EQ(code_of([]() -> int { throw std::runtime_error("a port is taken"); }), 2);
  EXPECT_EQ(code_of([]() -> int { throw std::bad_alloc(); }), 1);
  EXPECT_EQ(
      code_of([]() -> int { throw std::system_error(EMFILE, std::generic_category(), "epoll"); }),
      1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "test: a port is taken\ntest: std::bad_alloc\ntest: epoll: Too many open files\n");
}

TEST(ExitCode, IsOneForWhatHappensInTheLoopWhateverItIs) {
  // It starts a thread, which ThreadSanitizer does not allow after the fork of a process with some.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [](const std::function<void()>& event) {
    set_up_log(LogLevel::info, LogFormat::journal);
    return guarded("test", [&event] {
      auto loop = std::make_unique<asio::io_context>(1);
      asio::post(*loop, event);
      run_loop(*loop);
      return end_loop(std::move(loop), 0);
    });
  };
  EXPECT_EXIT(std::exit(run([] {})), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(std::exit(run([] { throw std::runtime_error("x"); })), testing::ExitedWithCode(1),
              "ended by a fault: x");
  EXPECT_EXIT(std::exit(run([] { throw std::bad_alloc(); })), testing::ExitedWithCode(1),
              "ended by a fault: std::bad_alloc");
}

TEST(ExitCode, IsASignalWhereNobodyCanCatch) {
  const auto fault = [](bool happens) {
    if (happens)
      throw std::runtime_error("in a callback");
  };
  const auto terminate = [&fault] {
    set_up_log(LogLevel::info, LogFormat::journal);
    guarded("test", [&fault] {
      [&fault]() noexcept { fault(true); }();
      return 0;
    });
  };
  EXPECT_EXIT(terminate(), testing::KilledBySignal(SIGABRT), "aborted: in a callback");
}

}  // namespace
}  // namespace mqtt_bridge
