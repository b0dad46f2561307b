#include "os/io/run_main.hpp"

#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include <asio/post.hpp>
#include <gtest/gtest.h>

#include "os/io/log.hpp"

namespace mqtt_bridge {
namespace {

TEST(ExitCode, IsTwoOnlyForWhatStaysWrong) {
  const auto code_of = [](const std::function<int()>& body) { return run_main("test", body); };
  testing::internal::CaptureStderr();
  EXPECT_EQ(code_of([] { return 0; }), 0);
  EXPECT_EQ(code_of([]() -> int { throw std::runtime_error("a port is taken"); }), 2);
  EXPECT_EQ(code_of([]() -> int { throw std::bad_alloc(); }), 1);
  EXPECT_EQ(
      code_of([]() -> int { throw std::system_error(EMFILE, std::generic_category(), "epoll"); }),
      1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "test: a port is taken\ntest: std::bad_alloc\ntest: epoll: Too many open files\n");
}

TEST(ExitCode, IsOneForWhatHappensInTheLoopWhateverItIs) {
  // It starts a thread, which ThreadSanitizer does not allow after the fork of a process with some.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [](const std::function<void()>& event) {
    set_up_log(LogLevel::info, LogFormat::journal);
    return run_main("test", [&event] {
      auto loop = std::make_unique<asio::io_context>(1);
      asio::post(*loop, event);
      run_loop(*loop);
      return end_loop(std::move(loop), 0);
    });
  };
  EXPECT_EXIT(std::exit(run([] {})), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(std::exit(run([] { throw std::runtime_error("x"); })), testing::ExitedWithCode(1),
              "ended by a fault: x");
  EXPECT_EXIT(std::exit(run([] { throw std::bad_alloc(); })), testing::ExitedWithCode(1),
              "ended by a fault: std::bad_alloc");
}

TEST(ExitCode, IsASignalWhereNobodyCanCatch) {
  const auto fault = [](bool happens) {
    if (happens)
      throw std::runtime_error("in a callback");
  };
  const auto terminate = [&fault] {
    set_up_log(LogLevel::info, LogFormat::journal);
    run_main("test", [&fault] {
      [&fault]() noexcept { fault(true); }();
      return 0;
    });
  };
  EXPECT_EXIT(terminate(), testing::KilledBySignal(SIGABRT), "aborted: in a callback");
}

}  // namespace
}  // namespace mqtt_bridge
