#include "http/io/server.hpp"

#include <deque>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/io/server_fixture.hpp"

namespace mqtt_bridge {
namespace {

using testing::EndsWith;
using testing::StartsWith;

TEST_F(Server, GivesARequestToTheServiceAndItsAnswerToTheCaller) {
  Client client(path_);
  client.send(request("hello"));
  until_asked();
  const auto asked = service_.next();
  EXPECT_EQ(asked->body, "hello");
  EXPECT_EQ(asked->method, "POST");
  EXPECT_THAT(asked->from, StartsWith("uid:"));
  asked->answer({.body = {.text = "HELLO"}});
  asked->answer({.body = {.text = "twice"}});
  EXPECT_THAT(read_until(client, "HELLO"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(Server, TakesARequestByteByByte) {
  Client client(path_);
  for (const char byte : request("hi")) {
    client.send({&byte, 1});
    loop_.restart();
    loop_.poll();
  }
  until_asked();
  EXPECT_EQ(service_.next()->body, "hi");
}

TEST_F(Server, GivesPipelinedRequestsOneAfterTheOther) {
  Client client(path_);
  client.send(request("a") + request("b"));
  until_asked();
  loop_.poll();
  ASSERT_EQ(service_.requests.size(), 1u) << "the first is not answered yet";
  service_.next()->answer({.body = {.text = "A"}});
  until_asked();
  service_.next()->answer({.body = {.text = "B"}});
  const std::string both = read_until(client, "B");
  EXPECT_LT(both.find("\r\n\r\nA"), both.find("\r\n\r\nB"));
}

TEST_F(Server, HoldsWhatTheCallerDoesNotReadAndSendsOnWhenItDoes) {
  Client client(path_);
  client.send(request("hello"));
  until_asked();
  const std::string text(3 * 1024 * 1024, 'x');
  service_.next()->answer({.body = {.text = text}});
  EXPECT_GT(server_.output_bytes(), text.size() / 2);
  std::string all;
  until([&] {
    all += client.take();
    const auto head_end = all.find("\r\n\r\n");
    return head_end != std::string::npos && all.size() >= head_end + 4 + text.size();
  });
  EXPECT_TRUE(all.ends_with(text));
  until([this] { return server_.output_bytes() == 0; });
}

TEST_F(Server, TellsOnceThatACallerHasGone) {
  for (const bool reads_on : {false, true}) {
    Client client(path_);
    client.send(request("hello"));
    until_asked();
    const auto asked = service_.next();
    int times = 0;
    asked->when_gone([&] { ++times; });
    loop_.poll();
    EXPECT_EQ(times, 0);
    reads_on ? client.send_no_more() : client.hang_up();
    until([&] { return times > 0; });
    asked->answer({.body = {.text = "HELLO"}});
    if (reads_on) {
      EXPECT_THAT(read_until(client, "HELLO"), EndsWith("HELLO"));
    }
    until([&] { return server_.connections() == 0; });
    EXPECT_EQ(times, 1);
  }
}

TEST_F(Server, SaysNothingOfACallerThatSendsItsNextRequest) {
  Client client(path_);
  client.send(request("a"));
  until_asked();
  const auto asked = service_.next();
  int times = 0;
  asked->when_gone([&] { ++times; });
  client.send(request("b"));
  loop_.restart();
  loop_.poll();
  EXPECT_EQ(times, 0);
  asked->answer({.body = {.text = "A"}});
  until_asked();
}

TEST_F(Server, RefusesWhatIsNotHttpAndCloses) {
  Client client(path_);
  client.send("nonsense\r\n\r\n");
  const std::string all = read_until(client, "never");
  EXPECT_THAT(all, StartsWith("HTTP/1.1 400 "));
  EXPECT_TRUE(client.is_closed);
  EXPECT_TRUE(service_.requests.empty());
}

TEST_F(Server, AnswersWhatItHasTakenBeforeItEnds) {
  Client idle(path_);
  Client busy(path_);
  busy.send(request("hello"));
  until_asked();
  bool is_empty = false;
  server_.drain();
  server_.when_empty([&] { is_empty = true; });
  loop_.restart();
  loop_.poll();
  EXPECT_FALSE(is_empty);
  const auto asked = service_.next();
  EXPECT_FALSE(asked->keep_alive);
  asked->answer({.body = {.text = "HELLO"}});
  EXPECT_THAT(read_until(busy, "never"), EndsWith("HELLO"));
  busy.hang_up();
  until([&] { return is_empty; });
}

TEST_F(Server, MakesRoomByClosingTheLongestIdle) {
  std::deque<Client> clients;
  for (int i = 0; i < 9; ++i)
    clients.emplace_back(path_);
  until([&clients] {
    clients.front().take();
    return clients.front().is_closed;
  });
  EXPECT_EQ(server_.connections(), 8u);
}

}  // namespace
}  // namespace mqtt_bridge
