#include "responder/answer_queue.hpp"

#include <gtest/gtest.h>

#include "base/limits/exchange.hpp"
#include "base/limits/responder.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t window = 4;
constexpr Instant start = Instant{} + 24h;

/// A queue with its link up, and the time.
struct Sender {
  explicit Sender(const AnswerQueue::Bounds& bounds = {}) : queue(bounds) { up(); }

  void up() { queue.link_up(window, SIZE_MAX); }
  void push(const std::string& topic, const std::string& payload = "text") {
    queue.push({.topic = topic, .payload = payload}, now);
  }
  /// The topics of all that may go now, which are then unacknowledged.
  std::string send() {
    std::string topics;
    while (const auto next = queue.next(now)) {
      last_id = next->id;
      topics += (topics.empty() ? "" : " ") + next->message.topic;
    }
    return topics;
  }
  /// All that goes until nothing more does, each acknowledged.
  std::string send_all() {
    std::string topics;
    while (const auto next = queue.next(now)) {
      topics += (topics.empty() ? "" : " ") + next->message.topic;
      queue.acknowledged(next->id);
    }
    return topics;
  }
  void reconnect(LinkEnd end = LinkEnd::broken) {
    queue.link_down(end, now);
    up();
  }
  /// An answer to this topic breaks a connection that it shares, and then twice one of its own.
  void give_up(const std::string& topic) {
    push(topic);
    ASSERT_EQ(send(), topic);
    reconnect();
    ASSERT_EQ(send(), topic);
    reconnect();
    now = *queue.next_deadline();
    ASSERT_EQ(send(), topic);
    reconnect();
    ASSERT_EQ(queue.next_loss(now)->reason, AnswerQueue::Reason::breaks_connections);
  }

  Instant now = start;
  std::uint64_t last_id = 0;
  AnswerQueue queue;
};

TEST(AnswerQueue, SendsInOrderWithinTheWindow) {
  Sender sender;
  for (const char* const topic : {"a", "b", "c", "d", "e"})
    sender.push(topic);
  EXPECT_EQ(sender.send(), "a b c d");
  EXPECT_EQ(sender.queue.acknowledged(sender.last_id)->topic, "d");
  EXPECT_EQ(sender.send(), "e");
}

TEST(AnswerQueue, SendsNothingWhileThereIsNoLink) {
  Sender sender;
  sender.push("a");
  sender.queue.link_down(LinkEnd::broken, sender.now);
  EXPECT_EQ(sender.send(), "");
}

TEST(AnswerQueue, SendsWhatWasUnacknowledgedWhenAConnectionBrokeOneAtATimeAndFirst) {
  Sender sender;
  for (const char* const topic : {"a", "b", "c", "d", "e"})
    sender.push(topic);
  EXPECT_EQ(sender.send(), "a b c d");
  sender.reconnect();
  for (const char* const topic : {"a", "b", "c", "d"}) {
    EXPECT_EQ(sender.send(), topic);
    sender.queue.acknowledged(sender.last_id);
  }
  EXPECT_EQ(sender.send(), "e");
}

TEST(AnswerQueue, SuspectsNothingOfAConnectionThatEndedForAnotherReason) {
  Sender sender;
  sender.push("a");
  sender.push("b");
  EXPECT_EQ(sender.send(), "a b");
  sender.reconnect(LinkEnd::other);
  EXPECT_EQ(sender.send(), "a b");
}

TEST(AnswerQueue, BlamesNoSuspectForAConnectionThatEndedForAnotherReason) {
  Sender sender;
  sender.push("a");
  sender.send();
  sender.reconnect();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(sender.send(), "a");
    sender.reconnect(LinkEnd::other);
  }
  EXPECT_EQ(sender.queue.next_loss(sender.now), std::nullopt);
}

TEST(AnswerQueue, GivesUpTheOneThatBreaksConnectionsAndSendsAllOthers) {
  Sender sender;
  for (const char* const topic : {"a", "poison", "c"})
    sender.push(topic);
  EXPECT_EQ(sender.send(), "a poison c");
  sender.reconnect();
  EXPECT_EQ(sender.send(), "a");
  sender.queue.acknowledged(sender.last_id);
  EXPECT_EQ(sender.send(), "poison");
  sender.reconnect();
  EXPECT_EQ(sender.send_all(), "c") << "the others first";
  EXPECT_EQ(sender.queue.next_deadline(), sender.now + limits::aside_pause);
  sender.now = *sender.queue.next_deadline();
  sender.push("d");
  EXPECT_EQ(sender.send(), "d");
  sender.queue.acknowledged(sender.last_id);
  EXPECT_EQ(sender.send(), "poison");
  sender.push("e");
  EXPECT_EQ(sender.send(), "") << "nothing beside it";
  sender.reconnect();
  EXPECT_EQ(sender.send_all(), "e");
  const auto loss = sender.queue.next_loss(sender.now);
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->reason, AnswerQueue::Reason::breaks_connections);
  EXPECT_EQ(loss->topic, "poison");
  EXPECT_EQ(sender.queue.bytes(), 0u);
}

TEST(AnswerQueue, WaitsUntilNothingIsUnacknowledgedBeforeItSendsOneAlone) {
  Sender sender;
  sender.push("poison");
  sender.send();
  sender.reconnect();
  EXPECT_EQ(sender.send(), "poison");
  sender.reconnect();
  sender.push("a");
  EXPECT_EQ(sender.send(), "a");
  sender.now += limits::aside_pause;
  EXPECT_EQ(sender.send(), "");
  sender.queue.acknowledged(sender.last_id);
  EXPECT_EQ(sender.send(), "poison");
}

TEST(AnswerQueue, TriesAnswersToATopicThatBrokeConnectionsOnceAndEverMoreRarely) {
  Sender sender;
  sender.give_up("poison");
  Duration pause{};
  for (int i = 0; i < 10; ++i) {
    sender.push("poison");
    EXPECT_EQ(sender.send(), "");
    const Duration longer = *sender.queue.next_deadline() - sender.now;
    EXPECT_GE(longer, pause);
    pause = longer;
    sender.now += pause;
    EXPECT_EQ(sender.send(), "poison");
    sender.reconnect();
    EXPECT_EQ(sender.queue.next_deadline(), std::nullopt) << "one try is enough";
  }
  EXPECT_EQ(pause, limits::aside_pause_cap);
}

TEST(AnswerQueue, GivesUpTheFirstAnswerInTimeThoughMoreOfItsKindCome) {
  Sender sender;
  sender.push("poison");
  sender.send();
  sender.reconnect();
  EXPECT_EQ(sender.send(), "poison");
  sender.reconnect();
  for (int i = 0; i < 100; ++i) {
    sender.push("poison");
    EXPECT_EQ(sender.send(), "");
  }
  EXPECT_EQ(sender.queue.next_deadline(), sender.now + limits::aside_pause);
}

TEST(AnswerQueue, DoesNotPutAsideAnswersToTopicsThatWorked) {
  Sender sender;
  sender.push("a");
  sender.send_all();
  sender.give_up("poison");
  sender.push("a");
  EXPECT_EQ(sender.send(), "a");
}

TEST(AnswerQueue, SendsAnswersToNewTopicsAloneForAWhileAfterOneWasGivenUp) {
  Sender sender;
  sender.give_up("poison");
  sender.push("b");
  sender.push("c");
  EXPECT_EQ(sender.send(), "b");
  sender.queue.acknowledged(sender.last_id);
  EXPECT_EQ(sender.send(), "c");
  sender.queue.acknowledged(sender.last_id);
  for (const char* const topic : {"b", "c"})
    sender.push(topic);
  EXPECT_EQ(sender.send(), "b c") << "the broker lets us publish there";
  sender.now += limits::breaks_memory;
  sender.push("d");
  sender.push("e");
  EXPECT_EQ(sender.send(), "d e") << "all is forgotten";
}

TEST(AnswerQueue, BreaksConnectionsEverMoreRarelyForARequesterThatNamesEverNewTopics) {
  Sender sender;
  sender.push("known");
  sender.send_all();
  int breaks = 0;
  for (int i = 0; i < 60 * 50; ++i) {
    sender.push("poison " + std::to_string(i));
    sender.push("known");
    for (int round = 0; round < 8; ++round) {
      const std::string sent = sender.send();
      if (sent.find("poison") != std::string::npos) {
        ++breaks;
        sender.reconnect();
      } else if (!sent.empty()) {
        EXPECT_EQ(sent, "known");
        sender.queue.acknowledged(sender.last_id);
      }
    }
    sender.now += 20ms;
  }
  EXPECT_LT(breaks, 40) << "in a minute";
}

TEST(AnswerQueue, ForgetsThatATopicBreaksConnectionsOnceAnAnswerToItIsAcknowledged) {
  Sender sender;
  sender.give_up("poison");
  sender.push("poison");
  sender.now = *sender.queue.next_deadline();
  EXPECT_EQ(sender.send_all(), "poison");
  sender.push("poison");
  EXPECT_EQ(sender.send(), "poison");
}

TEST(AnswerQueue, KeepsOnlySoManyAside) {
  Sender sender({.aside = 2});
  sender.give_up("poison");
  for (int i = 0; i < 3; ++i)
    sender.push("poison");
  const auto loss = sender.queue.next_loss(sender.now);
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->reason, AnswerQueue::Reason::no_room);
  EXPECT_EQ(loss->count, 1u);
}

TEST(AnswerQueue, DropsTheOldestAboveItsEntries) {
  Sender sender({.entries = 2});
  for (const char* const topic : {"a", "b", "c"})
    sender.push(topic);
  EXPECT_EQ(sender.send(), "b c");
}

TEST(AnswerQueue, DropsTheOldestAboveItsBytesUnacknowledgedOnesIncluded) {
  const std::string kibibyte(1024, 'x');
  Sender sender({.bytes = 10 * 1024});
  for (int i = 0; i < 4; ++i)
    sender.push("unacknowledged", kibibyte);
  sender.send();
  for (int i = 0; i < 100; ++i) {
    sender.push(std::to_string(i), kibibyte);
    EXPECT_LE(sender.queue.bytes(), 10u * 1024);
  }
  sender.push("too large", std::string(10 * 1024, 'x'));
  EXPECT_LE(sender.queue.bytes(), 10u * 1024);
  const auto loss = sender.queue.next_loss(sender.now);
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->reason, AnswerQueue::Reason::no_room);
  EXPECT_EQ(loss->count, 101u) << "all that are not unacknowledged";
  EXPECT_EQ(sender.send_all(), "");
}

TEST(AnswerQueue, TellsOfLossesAtOnceAndThenOnlyNowAndThen) {
  Sender sender({.entries = 1});
  for (int i = 0; i < 3; ++i)
    sender.push("a");
  EXPECT_EQ(sender.queue.next_loss(sender.now)->count, 2u);
  sender.push("b");
  EXPECT_EQ(sender.queue.next_loss(sender.now + limits::loss_pause - 1ns), std::nullopt);
  const auto loss = sender.queue.next_loss(sender.now + limits::loss_pause);
  EXPECT_EQ(loss->count, 1u);
  EXPECT_EQ(loss->topic, "a");
  EXPECT_EQ(sender.queue.next_loss(sender.now + limits::memory_age), std::nullopt);
}

TEST(AnswerQueue, SendsAnErrorForWhatIsLargerThanTheBrokerTakes) {
  Sender sender;
  sender.queue.link_up(window, 200);
  sender.queue.push({.topic = "a", .payload = std::string(300, 'x'), .correlation = "id"},
                    sender.now);
  sender.push("an error would be taken for an answer", std::string(300, 'x'));
  const auto next = sender.queue.next(sender.now);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->message.payload, "");
  EXPECT_EQ(next->message.user_properties.front(),
            std::pair(std::string("status"), std::string("413")));
  sender.queue.acknowledged(next->id);
  EXPECT_EQ(sender.send(), "");
  EXPECT_EQ(sender.queue.next_loss(sender.now)->reason, AnswerQueue::Reason::too_large);
  EXPECT_EQ(sender.queue.bytes(), 0u);
}

TEST(AnswerQueue, SendsAShortErrorForOneThatIsLargerThanTheBrokerTakes) {
  Sender sender;
  sender.queue.link_up(window, 200);
  sender.queue.push({.topic = "a",
                     .payload = {},
                     .correlation = "id",
                     .user_properties = {{"status", "500"},
                                         {"error", std::string(300, 'x')},
                                         {"responder", "r"}}},
                    sender.now);
  const auto next = sender.queue.next(sender.now);
  ASSERT_TRUE(next);
  const std::vector<std::pair<std::string, std::string>> expected{
      {"responder", "r"},
      {"status", "413"},
      {"error", "the answer is larger than the broker takes"}};
  EXPECT_EQ(next->message.user_properties, expected);
}

TEST(AnswerQueue, SendsAnErrorForWhatTheBrokerRefusesAsTooLargeAndOnlyOnce) {
  Sender sender;
  sender.queue.push({.topic = "a", .payload = "x", .correlation = "id"}, sender.now);
  EXPECT_EQ(sender.send(), "a");
  sender.queue.refused(sender.last_id, Refusal::too_large);
  EXPECT_EQ(sender.send(), "a");
  const auto error = sender.queue.refused(sender.last_id, Refusal::too_large);
  EXPECT_EQ(error->user_properties.front().second, "413");
  EXPECT_EQ(sender.send(), "");
  EXPECT_EQ(sender.queue.bytes(), 0u);
}

TEST(AnswerQueue, AnnouncesOnceBeforeAllElseAndSaysFarewellAtTheEnd) {
  Sender sender;
  sender.push("a");
  sender.queue.announce({.topic = "status", .payload = "1", .retained = true}, sender.now);
  sender.queue.announce({.topic = "status", .payload = "2", .retained = true}, sender.now);
  const auto next = sender.queue.next(sender.now);
  EXPECT_EQ(next->message.payload, "2");
  sender.queue.acknowledged(next->id);
  sender.queue.announce({.topic = "status", .payload = "3", .retained = true}, sender.now);
  sender.queue.say_farewell({.topic = "status", .payload = "", .retained = true});
  EXPECT_EQ(sender.send_all(), "a status");
  EXPECT_TRUE(sender.queue.is_idle());
}

TEST(AnswerQueue, GivesUpAnAnnouncementThatBreaksConnectionsAndAnswersAllTheSame) {
  Sender sender;
  int sent = 0;
  for (int connection = 0; connection < 100; ++connection) {
    sender.queue.announce({.topic = "status", .payload = "here", .retained = true}, sender.now);
    if (sender.send() == "status") {
      ++sent;
      sender.reconnect();
      continue;
    }
    sender.push("a");
    EXPECT_EQ(sender.send_all(), "a");
    sender.now += 1s;
  }
  EXPECT_LT(sent, 12);
}

}  // namespace
}  // namespace mqtt_bridge
