#include "os/io/loop_timer.hpp"

#include <functional>
#include <memory>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

class TwoDueTimers : public testing::Test {
 protected:
  TwoDueTimers() {
    first_.set(past, [this] { on_first(); });
    second_->set(past + 1ns, [this] { ++times_; });
  }

  static constexpr Instant past{1s};
  asio::io_context loop_{1};
  LoopTimer first_{loop_};
  std::unique_ptr<LoopTimer> second_ = std::make_unique<LoopTimer>(loop_);
  std::function<void()> on_first = [] {};
  int times_ = 0;
};

TEST_F(TwoDueTimers, AreBothCalledOnce) {
  loop_.run();
  EXPECT_EQ(times_, 1);
  EXPECT_FALSE(second_->is_set());
}

// Both are due in one turn of the loop, so the second one's expiry is queued by then.
TEST_F(TwoDueTimers, DoNotCallOneThatWasCancelledWhenItsExpiryWasQueued) {
  on_first = [this] { second_->cancel(); };
  loop_.run();
  EXPECT_EQ(times_, 0);
}

TEST_F(TwoDueTimers, DoNotCallOneTwiceThatWasSetAnewWhenItsExpiryWasQueued) {
  int anew = 0;
  on_first = [&] { second_->set(past + 2ns, [&] { ++anew; }); };
  loop_.run();
  EXPECT_EQ(times_, 0);
  EXPECT_EQ(anew, 1);
}

TEST_F(TwoDueTimers, DoNotCallOneThatIsGoneWhenItsExpiryWasQueued) {
  on_first = [this] { second_.reset(); };
  loop_.run();
  EXPECT_EQ(times_, 0);
}

}  // namespace
}  // namespace mqtt_bridge
