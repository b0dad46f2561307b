// An ordinary user, for tests of what such a one may not do.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

namespace mqtt_bridge {

/// An ordinary user while it lives, where this is root, who may open anything.
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

}  // namespace mqtt_bridge
