#include "responder/job_queue.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr Instant begin{1s};

Job job(std::string payload, std::optional<Instant> expires = std::nullopt) {
  return {
      .topic = {}, .netid = {}, .action = {}, .payload = std::move(payload), .expires = expires};
}

/// The payloads of those that run now, until no further one may.
std::string next_of(JobQueue& queue, Instant now = begin) {
  std::string payloads;
  while (const auto next = queue.next(now))
    payloads += next->payload;
  return payloads;
}

bool takes(JobQueue& queue, Job job, Instant now = begin) {
  return !queue.push(std::move(job), now);
}

TEST(JobQueue, RunsSoManyAtOneTimeInTheOrderInWhichTheyCame) {
  JobQueue queue({.running = 2});
  for (const char* const payload : {"a", "b", "c", "d"})
    EXPECT_TRUE(takes(queue, job(payload)));
  EXPECT_EQ(next_of(queue), "ab");
  queue.ended();
  EXPECT_EQ(next_of(queue), "c");
  queue.ended();
  queue.ended();
  EXPECT_EQ(next_of(queue), "d");
  queue.ended();
  EXPECT_FALSE(queue.is_running());
}

TEST(JobQueue, RefusesWhatIsBeyondItsRoomAndGivesItBack) {
  JobQueue queue({.running = 1, .waiting = 2});
  EXPECT_TRUE(takes(queue, job("a")));
  EXPECT_EQ(next_of(queue), "a");
  EXPECT_TRUE(takes(queue, job("b")));
  EXPECT_TRUE(takes(queue, job("c")));
  EXPECT_EQ(queue.push(job("d"), begin)->payload, "d");
  queue.ended();
  EXPECT_EQ(next_of(queue), "b");
  EXPECT_TRUE(takes(queue, job("e")));
}

TEST(JobQueue, CountsTheBytesOfThoseThatWait) {
  JobQueue queue({.running = 1, .waiting = 9, .bytes = 4});
  EXPECT_TRUE(takes(queue, job("one that runs at once needs no room")));
  EXPECT_EQ(next_of(queue).size(), 35u);
  EXPECT_TRUE(takes(queue, job("abc")));
  EXPECT_FALSE(takes(queue, job("de")));
  EXPECT_TRUE(takes(queue, job("d")));
  EXPECT_FALSE(takes(queue, job("e")));
  queue.ended();
  EXPECT_EQ(next_of(queue), "abc");
  EXPECT_TRUE(takes(queue, job("efg")));
}

TEST(JobQueue, NeverRunsWhatExpiredWhileItWaited) {
  JobQueue queue({.running = 1});
  takes(queue, job("a", begin));
  EXPECT_EQ(next_of(queue), "a") << "as it comes";
  takes(queue, job("b", begin + 1s));
  takes(queue, job("c", begin + 2s));
  takes(queue, job("d"));
  queue.ended();
  EXPECT_EQ(next_of(queue, begin + 2s), "c");
  EXPECT_EQ(queue.take_expired(), 1u);
  EXPECT_EQ(queue.take_expired(), 0u);
  queue.ended();
  EXPECT_EQ(next_of(queue, begin + 1h), "d");
}

TEST(JobQueue, MakesRoomOfWhatHasExpired) {
  JobQueue queue({.running = 1, .waiting = 2, .bytes = 2});
  takes(queue, job("a"));
  EXPECT_EQ(next_of(queue), "a");
  takes(queue, job("b", begin + 1s));
  takes(queue, job("c"));
  EXPECT_FALSE(takes(queue, job("d"), begin + 1s));
  EXPECT_TRUE(takes(queue, job("d"), begin + 1s + 1ns));
  queue.ended();
  EXPECT_EQ(next_of(queue, begin + 2s), "c");
  queue.ended();
  EXPECT_EQ(next_of(queue, begin + 2s), "d");
}

TEST(JobQueue, RunsNoneAnyMoreOnceItIsClosed) {
  JobQueue queue({.running = 1});
  takes(queue, job("a"));
  EXPECT_EQ(next_of(queue), "a");
  takes(queue, job("b"));
  takes(queue, job("c"));
  const auto left = queue.close();
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].payload + left[1].payload, "bc");
  EXPECT_TRUE(queue.is_running());
  queue.ended();
  EXPECT_FALSE(takes(queue, job("d")));
  EXPECT_EQ(next_of(queue), "");
}

}  // namespace
}  // namespace mqtt_bridge
