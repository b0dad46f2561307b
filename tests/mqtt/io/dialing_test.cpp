// Finding the address that answers, with real sockets.
#include "mqtt/io/dialing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using asio::ip::tcp;

tcp::endpoint at(const char* address, std::uint16_t port) {
  return {asio::ip::make_address(address), port};
}

TEST(Dialing, TakesTheFamiliesInTurns) {
  const Endpoints v6_first{at("::1", 1), at("::1", 2), at("::1", 3), at("127.0.0.1", 4)};
  EXPECT_EQ(interleaved(v6_first),
            (Endpoints{at("::1", 1), at("127.0.0.1", 4), at("::1", 2), at("::1", 3)}));
  const Endpoints v4_first{at("127.0.0.1", 1), at("127.0.0.1", 2), at("::1", 3)};
  EXPECT_EQ(interleaved(v4_first),
            (Endpoints{at("127.0.0.1", 1), at("::1", 3), at("127.0.0.1", 2)}));
}

/// A port of 127.0.0.1 that accepts connections, or refuses them.
struct Port {
  enum class Answer { accepts, refuses };
  Port(asio::io_context& loop, Answer answer) : acceptor(loop), socket(loop) {
    const auto any = at("127.0.0.1", 0);
    acceptor.open(any.protocol());
    acceptor.bind(any);
    if (answer == Answer::accepts)
      acceptor.listen();
  }
  tcp::endpoint endpoint() const { return acceptor.local_endpoint(); }

  tcp::acceptor acceptor;
  tcp::socket socket;
};

TEST(Dialing, GivesTheConnectionThatCameAboutAndClosesTheOthers) {
  asio::io_context loop;
  const Port dead(loop, Port::Answer::refuses);
  const Port alive(loop, Port::Answer::accepts);
  std::optional<tcp::endpoint> reached;
  Dialing dialing(loop, {dead.endpoint(), alive.endpoint()}, [&](std::optional<tcp::socket> got) {
    reached = got ? std::optional(got->remote_endpoint()) : std::nullopt;
  });
  loop.run();
  EXPECT_EQ(reached, alive.endpoint());
}

TEST(Dialing, NamesEachAddressThatFailed) {
  asio::io_context loop;
  const Port dead(loop, Port::Answer::refuses);
  const Endpoints six(6, dead.endpoint());
  bool has_failed = false;
  Dialing dialing(loop, six, [&](std::optional<tcp::socket> got) { has_failed = !got; });
  loop.run();
  EXPECT_TRUE(has_failed);
  const std::string text = "127.0.0.1:" + std::to_string(dead.endpoint().port());
  EXPECT_EQ(dialing.why_none(), "there is no broker at " + text + ", " + text + ", " + text + ", " +
                                    text + " or 2 others");
}

TEST(Dialing, SaysOfAnAddressThatHasNotAnsweredYetThatThereIsNoAnswer) {
  asio::io_context loop;
  const Port alive(loop, Port::Answer::accepts);
  const Dialing dialing(loop, {alive.endpoint()},
                        [](const std::optional<tcp::socket>&) { FAIL() << "the loop stands"; });
  EXPECT_THAT(dialing.why_none(), testing::EndsWith(" (no answer)"));
}

TEST(Dialing, CanBeDestroyedAtAnyTimeAndBySuccess) {
  asio::io_context loop;
  const Port alive(loop, Port::Answer::accepts);
  {
    const Dialing given_up(loop, {alive.endpoint()},
                           [](const std::optional<tcp::socket>&) { FAIL() << "it is gone"; });
  }
  std::unique_ptr<Dialing> dialing;
  dialing = std::make_unique<Dialing>(loop, Endpoints{alive.endpoint(), alive.endpoint()},
                                      [&](const std::optional<tcp::socket>&) { dialing.reset(); });
  loop.run();
  EXPECT_FALSE(dialing);
}

}  // namespace
}  // namespace mqtt_bridge
