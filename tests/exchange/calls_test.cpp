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

Digest digest(unsigned char number) {
  return {number};
}

class CallsTest : public testing::Test {
 protected:
  static constexpr Digest me{100};
  static constexpr Digest other{101};

  CallId begin(unsigned char id, std::optional<Digest> key = {}, std::size_t bytes = 1) {
    calls_.begin(digest(id), {.owner = me,
                              .key = key,
                              .content = {},
                              .request_id = "request",
                              .bytes = bytes,
                              .begun = now_,
                              .deadline = now_ + 1h});
    return digest(id);
  }
  Calls::Outcome answer(std::string text) const {
    return std::make_shared<Ended>(Ended{.exchange = 1,
                                         .outcome = Answer{std::move(text), MatchedBy::id, ""},
                                         .arrived = now_,
                                         .published = {},
                                         .published_last = {},
                                         .acknowledged = {},
                                         .ended = now_});
  }
  Calls::Outcome failure(Problem problem, bool may_be_carried_out) const {
    auto ended = *answer("");
    ended.outcome = Failure{problem, "", {}};
    ended.may_be_carried_out = may_be_carried_out;
    return std::make_shared<Ended>(ended);
  }
  /// "waits", the answer, "gone" or "unknown".
  std::string state(const CallId& id, const Digest& owner = me) const {
    const auto found = calls_.find(id, owner);
    if (std::holds_alternative<Calls::Unknown>(found))
      return "unknown";
    if (std::holds_alternative<Calls::Gone>(found))
      return "gone";
    const auto& outcome = std::get<const Calls::Call*>(found)->outcome;
    return outcome ? std::get<Answer>(outcome->outcome).payload : "waits";
  }

  Calls calls_{
      {.waiting = 3, .waiting_bytes = 10, .kept = 2, .kept_bytes = 10, .age = 60s, .gone = 2}};
  Instant now_{};
};

TEST_F(CallsTest, GiveTheOutcomeToAllThatWaitAndOnce) {
  const CallId call = begin(1);
  const CallId another = begin(2);
  calls_.wait(call, 1);
  calls_.wait(another, 2);
  calls_.wait(call, 3);
  calls_.wait(call, 4);
  calls_.leave(call, 3);
  EXPECT_EQ(calls_.waiting(), 2u);
  EXPECT_THAT(calls_.end(call, answer("1"), now_), ElementsAre(1, 4));
  EXPECT_THAT(calls_.end(call, answer("2"), now_), IsEmpty());
  EXPECT_EQ(state(call), "1");
  EXPECT_THAT(calls_.end(another, answer("3"), now_), ElementsAre(2));
  EXPECT_EQ(calls_.waiting(), 0u);
}

TEST_F(CallsTest, TellNobodyButTheirOwner) {
  const CallId call = begin(1);
  EXPECT_EQ(state(call), "waits");
  EXPECT_EQ(state(call, other), "unknown");
  calls_.end(call, answer("1"), now_);
  EXPECT_EQ(state(call, other), "unknown");
  calls_.drop(call);
  EXPECT_EQ(state(call), "gone");
  EXPECT_EQ(state(call, other), "unknown");
  EXPECT_EQ(state(digest(9)), "unknown");
}

TEST_F(CallsTest, KeepAnOutcomeUntilItsAge) {
  const CallId call = begin(1, digest(7));
  calls_.end(call, answer("HELLO"), now_);
  EXPECT_EQ(calls_.next_deadline(), now_ + 60s);
  calls_.expire(now_ + 60s - 1ns);
  EXPECT_EQ(state(call), "HELLO");
  EXPECT_EQ(calls_.with_key(digest(7)), call);
  calls_.expire(now_ + 60s);
  EXPECT_EQ(state(call), "gone");
  EXPECT_EQ(calls_.with_key(digest(7)), std::nullopt);
  EXPECT_THAT(calls_.take_dropped(), ElementsAre(call));
  EXPECT_EQ(calls_.next_deadline(), std::nullopt);
  EXPECT_EQ(calls_.kept_bytes(), 0u);
}

TEST_F(CallsTest, KeepOnlySoManyAndSoManyBytes) {
  const CallId first = begin(1);
  calls_.end(first, answer("1"), now_);
  const CallId second = begin(2);
  calls_.end(second, answer("2"), now_);
  const CallId third = begin(3);
  calls_.end(third, answer("123456789"), now_);
  EXPECT_EQ(state(first), "gone") << "two at most";
  EXPECT_EQ(state(second), "2") << "ten bytes fit";
  const CallId fourth = begin(4);
  calls_.end(fourth, answer("12345678901"), now_);
  EXPECT_EQ(state(fourth), "gone") << "eleven bytes never fit";
  EXPECT_EQ(state(third), "gone");
  EXPECT_EQ(state(first), "unknown") << "the last two that went are remembered";
  EXPECT_EQ(calls_.kept(), 0u);
}

TEST_F(CallsTest, HaveRoomForSoManyThatWaitAndSoManyBytes) {
  const CallId first = begin(1, {}, 4);
  EXPECT_TRUE(calls_.has_room(6));
  EXPECT_FALSE(calls_.has_room(7));
  begin(2, {}, 0);
  begin(3, {}, 0);
  EXPECT_FALSE(calls_.has_room(0));
  calls_.end(first, answer("1"), now_);
  EXPECT_TRUE(calls_.has_room(10)) << "an answer has other room";
  calls_.forget(digest(2));
  EXPECT_EQ(state(digest(2)), "unknown");
}

TEST_F(CallsTest, LeaveTheKeyWhereNothingCanHaveBeenPublished) {
  const CallId refused = begin(1, digest(7));
  EXPECT_EQ(calls_.with_key(digest(7)), refused);
  calls_.end(refused, failure(Problem::broker_unavailable, false), now_);
  EXPECT_EQ(calls_.with_key(digest(7)), std::nullopt);
  const CallId again = begin(2, digest(7));
  EXPECT_EQ(calls_.with_key(digest(7)), again);
  calls_.end(again, failure(Problem::broker_unavailable, true), now_);
  EXPECT_EQ(calls_.with_key(digest(7)), again) << "it may have been";
  const CallId late = begin(3, digest(8));
  calls_.end(late, failure(Problem::response_timeout, true), now_);
  EXPECT_EQ(calls_.with_key(digest(8)), late);
}

TEST_F(CallsTest, AreGivenUpAtAnyTime) {
  const CallId waits = begin(1, digest(7));
  calls_.wait(waits, 5);
  EXPECT_THAT(calls_.give_up(waits, answer("given up"), now_), ElementsAre(5));
  EXPECT_EQ(state(waits), "given up");
  EXPECT_EQ(calls_.with_key(digest(7)), waits) << "it may have been published";
  const CallId has_ended = begin(2);
  calls_.end(has_ended, answer("12"), now_);
  EXPECT_EQ(calls_.kept_bytes(), 10u);
  EXPECT_THAT(calls_.give_up(has_ended, answer(""), now_), IsEmpty());
  EXPECT_EQ(calls_.kept_bytes(), 8u);
}

}  // namespace
}  // namespace mqtt_bridge
