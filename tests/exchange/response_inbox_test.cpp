#include "exchange/response_inbox.hpp"

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TEST(ResponseInbox, HasATopicForEachCommonOne) {
  const ResponseInbox inbox("one");
  EXPECT_EQ(inbox.filter(), "+/+/response/one");
  EXPECT_EQ(inbox.own("alice/reverse/response"), "alice/reverse/response/one");
  EXPECT_EQ(inbox.common("alice/reverse/response/one"), "alice/reverse/response");
}

TEST(ResponseInbox, LeavesOtherTopicsAsTheyAre) {
  const ResponseInbox inbox("one");
  for (const char* const topic :
       {"", "a", "alice/reverse/request", "mqtt-bridge/one/response/7", "a/b/c/response"}) {
    EXPECT_EQ(inbox.own(topic), topic);
  }
  for (const char* const topic : {"alice/reverse/response", "alice/reverse/response/two", "/one",
                                  "alice/reverse/request/one", "a/alice/reverse/response/one"}) {
    EXPECT_EQ(inbox.common(topic), topic);
  }
}

TEST(ResponseInbox, MayBeNone) {
  const ResponseInbox none;
  EXPECT_EQ(none.filter(), std::nullopt);
  EXPECT_EQ(none.own("alice/reverse/response"), "alice/reverse/response");
  EXPECT_EQ(none.common("alice/reverse/response/one"), "alice/reverse/response/one");
}

}  // namespace
}  // namespace mqtt_bridge
