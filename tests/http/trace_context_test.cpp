#include "http/trace_context.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, TakesATraceparentOfThisVersionAndTheBeginningOfALaterOnes) {
  EXPECT_TRUE(is_traceparent(good));
  EXPECT_EQ(trace_id(good), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_TRUE(is_traceparent("01" + good.substr(2)));
  EXPECT_TRUE(is_traceparent("cc" + good.substr(2) + "-what-the-future-brings"));
}

TEST(TraceContext, RefusesEveryOtherTraceparent) {
  EXPECT_FALSE(is_traceparent(""));
  EXPECT_FALSE(is_traceparent(good + "-more"));
  EXPECT_FALSE(is_traceparent("cc" + good.substr(2) + "more"));
  EXPECT_FALSE(is_traceparent("ff" + good.substr(2)));
  EXPECT_FALSE(is_traceparent("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
  EXPECT_FALSE(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = 'G';
    EXPECT_FALSE(is_traceparent(bad)) << bad;
    EXPECT_FALSE(is_traceparent(good.substr(0, i))) << i;
  }
  EXPECT_FALSE(is_traceparent("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
}

TEST(TraceContext, TakesATracestateOfPrintableAscii) {
  EXPECT_TRUE(is_tracestate("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"));
  EXPECT_TRUE(is_tracestate(std::string(512, 'a')));
  EXPECT_FALSE(is_tracestate(std::string(513, 'a')));
  EXPECT_FALSE(is_tracestate(""));
  EXPECT_FALSE(is_tracestate("a=\xC3\xA4"));
  EXPECT_FALSE(is_tracestate("a=b\tc"));
}

}  // namespace
}  // namespace mqtt_bridge
