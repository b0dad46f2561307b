// watchers.hpp: readers of events on a loop that the test turns.
#include "daemon/io/watchers.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/activity.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

/// A caller that reads when the test says so.
class Reader : public HttpRequest, public HttpStream {
 public:
  void answer(HttpResponse) override {}
  void when_gone(std::function<void()> action) override { gone_ = std::move(action); }
  void read(Take) override {}
  void start(HttpResponse) override { has_begun = true; }
  void write(std::string_view piece) override {
    text += piece;
    if (does_stall)
      unread_ += piece.size();
    if (is_cut_by_writing)
      go();
  }
  void end() override { has_ended = true; }
  std::size_t unsent() const override { return unread_; }
  void when_sent(std::function<void()>) override {}

  void go() {
    if (gone_)
      std::exchange(gone_, {})();
  }
  void read_all() { unread_ = 0; }
  std::string take() { return std::exchange(text, {}); }

  std::string text;
  bool does_stall = false;
  bool is_cut_by_writing = false;
  bool has_begun = false;
  bool has_ended = false;

 private:
  std::function<void()> gone_;
  std::size_t unread_ = 0;
};

class TheWatchers : public testing::Test {
 protected:
  std::shared_ptr<Reader> add() {
    auto reader = std::make_shared<Reader>();
    watchers.add(reader, reader, {});
    return reader;
  }
  void call(std::string_view id) {
    activity.ended({.request_id = id,
                    .netid = "alice",
                    .action = "reverse",
                    .route = {},
                    .outcome = "ok",
                    .matched_by = "content",
                    .took = 1ms},
                   Clock::now());
  }
  /// Until they have been told once more.
  void turn() {
    const int before = states;
    loop.restart();
    while (states == before)
      loop.run_one();
  }

  asio::io_context loop;
  Activity activity{Clock::now()};
  int states = 0;
  Watchers watchers{loop, activity,
                    [this] { return "event: status\ndata: " + std::to_string(++states) + "\n\n"; },
                    1ms};
};

TEST_F(TheWatchers, AreToldEverythingAtFirstAndThenWhatIsNew) {
  call("first");
  const auto reader = add();
  EXPECT_TRUE(reader->has_begun);
  EXPECT_THAT(reader->take(),
              testing::AllOf(HasSubstr("data: 1\n"), HasSubstr("\"first\""),
                             HasSubstr("event: seconds\n"), HasSubstr("event: dropped\n")));
  call("second");
  turn();
  EXPECT_THAT(reader->take(), testing::AllOf(HasSubstr("data: 2\n"), HasSubstr("\"second\""),
                                             Not(HasSubstr("\"first\""))));
}

TEST_F(TheWatchers, CostNothingWhileThereAreNone) {
  EXPECT_EQ(loop.poll(), 0U);
  add()->go();
  EXPECT_EQ(states, 1);
  loop.restart();
  loop.run();  // comes to its end: no timer is left
  EXPECT_EQ(states, 1);
  const auto another = add();
  turn();
  EXPECT_THAT(another->take(), HasSubstr("data: 3\n"));
}

TEST_F(TheWatchers, LeaveOutWhatOneDoesNotReadAndTellItTheLatest) {
  const auto slow = add();
  const auto quick = add();
  slow->does_stall = true;
  turn();
  slow->take();
  for (std::size_t i = 0; i <= limits::shown_calls; ++i)
    call("<" + std::to_string(i) + ">");
  quick->take();
  turn();
  turn();
  EXPECT_EQ(slow->take(), "");
  EXPECT_THAT(quick->take(), HasSubstr("\"<1>\""));
  slow->does_stall = false;
  slow->read_all();
  turn();
  EXPECT_THAT(slow->take(), testing::AllOf(HasSubstr("\"<1>\""), HasSubstr("\"<50>\""),
                                           Not(HasSubstr("\"<0>\""))));
}

TEST_F(TheWatchers, AreSoManyAndNoMore) {
  std::vector<std::shared_ptr<Reader>> readers;
  while (!watchers.why_no_more())
    readers.push_back(add());
  EXPECT_EQ(readers.size(), limits::event_listeners);
  EXPECT_EQ(watchers.why_no_more()->problem, Problem::overloaded);
  readers.front()->go();
  EXPECT_EQ(watchers.why_no_more(), std::nullopt);
  EXPECT_TRUE(readers.front()->has_ended);
}

TEST_F(TheWatchers, MayGoWhileTheyAreTold) {
  const auto first = add();
  const auto second = add();
  first->is_cut_by_writing = true;
  turn();
  second->take();
  first->take();
  turn();
  EXPECT_THAT(second->take(), HasSubstr("event: status"));
  EXPECT_EQ(first->take(), "");
}

TEST_F(TheWatchers, EndTogether) {
  const auto reader = add();
  watchers.end();
  EXPECT_TRUE(reader->has_ended);
  EXPECT_EQ(watchers.why_no_more()->problem, Problem::shutting_down);
}

TEST_F(TheWatchers, ThatAskForTheHeadGetNoMore) {
  const auto reader = std::make_shared<Reader>();
  watchers.add(reader, reader, {.is_to_head = true});
  EXPECT_TRUE(reader->has_begun && reader->has_ended);
  EXPECT_EQ(reader->text, "");
}

}  // namespace
}  // namespace mqtt_bridge
