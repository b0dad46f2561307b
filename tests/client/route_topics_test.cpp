#include "client/route_topics.hpp"

#include <optional>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TEST(RouteTopics, HaveTheValuesOfThePath) {
  EXPECT_EQ(topic_filter_of("cmnd/{device}/{command}", "/tasmota/{device}/{command}",
                            "/tasmota/lamp/POWER?timeout=1s"),
            "cmnd/lamp/POWER");
  EXPECT_EQ(topic_filter_of("z2m/request/{request}", "/z2m/{request...}", "/z2m/device/rename"),
            "z2m/request/device/rename");
}

TEST(RouteTopics, HaveAWildcardForWhatOnlyTheDaemonKnows) {
  EXPECT_EQ(topic_filter_of("rpc/reply-{id}/{device}", "/rpc/{device}", "/rpc/a"), "rpc/+/a");
}

TEST(RouteTopics, AreNoneOfAnotherPath) {
  EXPECT_EQ(topic_filter_of("a/{x}", "/a/{x}", "/b/1"), std::nullopt);
  EXPECT_EQ(topic_filter_of("a/{x}", "/a/{x}", "/a/1/2"), std::nullopt);
  EXPECT_EQ(topic_filter_of("a/{x}", "/a/{x...}", "/a"), std::nullopt);
}

}  // namespace
}  // namespace mqtt_bridge
