#include "os/io/secrets.hpp"

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/io/folder.hpp"
#include "os/io/ordinary_user.hpp"

namespace mqtt_bridge {
namespace {

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
  EXPECT_EQ(fault(folder.file("wide", std::string(65'536, 'x'))),
            "--token-file: " + path + "/wide has more than 65535 bytes");
  EXPECT_EQ(fault(folder.file("fits", std::string(65'535, 'x'))), "no fault");
  const auto secret = folder.file("secret", "x");
  ASSERT_EQ(chmod(secret.c_str(), 0), 0);
  ASSERT_EQ(chmod(path.c_str(), 0755), 0);
  const OrdinaryUser user;
  EXPECT_EQ(fault(secret), "--token-file: no permission to read " + path + "/secret");
}

}  // namespace
}  // namespace mqtt_bridge
