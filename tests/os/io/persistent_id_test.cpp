#include "os/io/persistent_id.hpp"

#include <string>

#include <gtest/gtest.h>

#include "os/io/folder.hpp"

namespace mqtt_bridge {
namespace {

TEST(PersistentId, IsTheSameOverRestarts) {
  const Folder folder;
  const std::string id = persistent_id("mqtt-bridge-", folder.path());
  EXPECT_EQ(id.size(), std::string("mqtt-bridge-01234567").size());
  EXPECT_EQ(persistent_id("mqtt-bridge-", folder.path()), id);
  EXPECT_NE(persistent_id("mqtt-bridge-", {}), id);
}

TEST(PersistentId, IsNeverTakenFromAFileThatIsNotItsOwn) {
  const Folder folder;
  for (const char* const text :
       {"", "\n", "mqtt-bridge-0123456", "mqtt-bridge-01234567", "mqtt-bridge-0123456\n",
        "mqtt-bridge-0123456/\n", "mqtt-bridge-01234567 \n", "mqtt-bridge-0123456G\n",
        "other-bridge01234567\n", "mqtt-bridge-01234567\nmore\n"}) {
    folder.file("client-id", text);
    const std::string id = persistent_id("mqtt-bridge-", folder.path());
    EXPECT_NE(id, "mqtt-bridge-01234567") << text;
    EXPECT_EQ(persistent_id("mqtt-bridge-", folder.path()), id) << "it is mended";
  }
  folder.file("client-id", "mqtt-bridge-01234567\n");
  EXPECT_EQ(persistent_id("mqtt-bridge-", folder.path()), "mqtt-bridge-01234567");
}

}  // namespace
}  // namespace mqtt_bridge
