#include "exchange/calls.hpp"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class CallsTest : public testing::Test {
 protected:
  Calls::Outcome ended(ExchangeId exchange, std::string answer = "answer") const {
    return std::make_shared<Ended>(
        Ended{.exchange = exchange,
              .outcome = Answer{std::move(answer), MatchedBy::correlation, ""},
              .arrived = now_,
              .published = {},
              .published_last = {},
              .acknowledged = {},
              .ended = now_});
  }
  std::string wait(CallId call, WaiterId waiter) {
    const auto waits = calls_.wait(call, waiter);
    if (const auto* const outcome = std::get_if<Calls::Outcome>(&waits))
      return std::get<Answer>((*outcome)->outcome).payload;
    return std::holds_alternative<Calls::Waits>(waits) ? "waits" : "unknown";
  }

  Calls calls_{{.outcomes = 2, .bytes = 10, .age = 60s}};
  Instant now_{};
};

TEST_F(CallsTest, GiveTheOutcomeToAllThatWaitAndOnce) {
  const CallId call = calls_.begin(7);
  const CallId other = calls_.begin(8);
  EXPECT_EQ(wait(call, 1), "waits");
  EXPECT_EQ(wait(other, 2), "waits");
  EXPECT_EQ(wait(call, 3), "waits");
  EXPECT_THAT(calls_.end(ended(7), now_), ElementsAre(1, 3));
  EXPECT_THAT(calls_.end(ended(7), now_), IsEmpty());
  EXPECT_THAT(calls_.end(ended(8), now_), ElementsAre(2));
  EXPECT_EQ(calls_.running(), 0u);
}

TEST_F(CallsTest, KeepNothingUnlessTold) {
  const CallId call = calls_.begin(7);
  calls_.end(ended(7), now_);
  EXPECT_EQ(wait(call, 1), "unknown");
  EXPECT_EQ(wait(99, 1), "unknown");
  EXPECT_EQ(calls_.kept(), 0u);
}

TEST_F(CallsTest, KeepAnOutcomeForOneWhoAsksLaterUntilItsAge) {
  const CallId call = calls_.begin(7, Calls::Keep::outcome);
  calls_.end(ended(7, "HELLO"), now_);
  EXPECT_EQ(wait(call, 1), "HELLO");
  EXPECT_EQ(wait(call, 2), "HELLO");
  EXPECT_EQ(calls_.next_deadline(), now_ + 60s);
  calls_.expire(now_ + 60s - 1ns);
  EXPECT_EQ(wait(call, 3), "HELLO");
  calls_.expire(now_ + 60s);
  EXPECT_EQ(wait(call, 4), "unknown");
  EXPECT_EQ(calls_.next_deadline(), std::nullopt);
  EXPECT_EQ(calls_.kept_bytes(), 0u);
}

TEST_F(CallsTest, KeepOnlySoManyAndSoManyBytes) {
  const CallId first = calls_.begin(1, Calls::Keep::outcome);
  const CallId second = calls_.begin(2, Calls::Keep::outcome);
  const CallId third = calls_.begin(3, Calls::Keep::outcome);
  calls_.end(ended(1, "1"), now_);
  calls_.end(ended(2, "2"), now_);
  EXPECT_EQ(wait(first, 1), "1");
  calls_.end(ended(3, "123456789"), now_);
  EXPECT_EQ(wait(first, 2), "unknown") << "two at most";
  EXPECT_EQ(wait(second, 3), "2") << "ten bytes fit";
  EXPECT_EQ(wait(third, 4), "123456789");
  const CallId fourth = calls_.begin(4, Calls::Keep::outcome);
  calls_.end(ended(4, "12345678901"), now_);
  EXPECT_EQ(wait(fourth, 5), "unknown") << "eleven bytes never fit";
  EXPECT_EQ(calls_.kept(), 0u);
}

TEST_F(CallsTest, SayWhenTheLastOneLeaves) {
  const CallId call = calls_.begin(7);
  wait(call, 1);
  wait(call, 2);
  EXPECT_FALSE(calls_.leave(1));
  EXPECT_FALSE(calls_.leave(1));
  EXPECT_TRUE(calls_.leave(2));
  EXPECT_THAT(calls_.end(ended(7), now_), IsEmpty());
  wait(calls_.begin(8, Calls::Keep::outcome), 3);
  EXPECT_FALSE(calls_.leave(3)) << "its outcome is kept for others";
}

}  // namespace
}  // namespace mqtt_bridge
