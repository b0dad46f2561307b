#include "exchange/fair_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using testing::ElementsAre;

std::vector<FairQueue::Id> all(FairQueue& queue) {
  std::vector<FairQueue::Id> ids;
  while (queue.has_next())
    ids.push_back(queue.pop());
  return ids;
}

TEST(FairQueue, ServesEachKeyInItsTurn) {
  FairQueue queue;
  for (const FairQueue::Id id : {1U, 2U, 3U})
    queue.insert("a", id);
  queue.insert("b", 4);
  EXPECT_THAT(all(queue), ElementsAre(1, 4, 2, 3));
}

TEST(FairQueue, HoldsBackOneKey) {
  FairQueue queue;
  queue.insert("a", 1);
  queue.insert("b", 2);
  queue.hold("a");
  queue.insert("a", 3);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_THAT(all(queue), ElementsAre(2));
  queue.erase("a", 1);
  EXPECT_EQ(queue.size(), 1u);
  queue.release("a");
  EXPECT_THAT(all(queue), ElementsAre(3));
  EXPECT_EQ(queue.size(), 0u);
}

TEST(FairQueue, HoldsWhatComesLaterAndReleasesNothingTwice) {
  FairQueue queue;
  queue.hold("a");
  queue.hold("a");
  queue.insert("a", 1);
  EXPECT_FALSE(queue.has_next());
  queue.release("a");
  queue.release("a");
  queue.release("b");
  EXPECT_THAT(all(queue), ElementsAre(1));
}

}  // namespace
}  // namespace mqtt_bridge
