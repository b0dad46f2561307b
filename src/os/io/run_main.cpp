#include "os/io/run_main.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "os/io/output.hpp"

namespace mqtt_bridge {
namespace {

// How long the loop's end may take: what it waits for is the look-up of an address, or a file.
constexpr auto end_patience = std::chrono::milliseconds(50);

/// Of an exception that is not caught: one in a callback of a library, or a second one.
[[noreturn]] void log_and_abort() {
  std::string what = "no exception";
  try {
    if (const auto exception = std::current_exception())
      std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    what = error.what();
  } catch (...) {
    what = "an exception of unknown type";
  }
  spdlog::critical("aborted: {}", what);
  std::abort();
}

/// Without what is left to be destroyed.
[[noreturn]] void leave(int code) {
  std::fflush(nullptr);
  std::_Exit(code);
}

int fail(std::string_view program, const std::exception& error, int code) {
  say(program, error.what());
  return code;
}

}  // namespace

int run_main(std::string_view program, const std::function<int()>& body, int exit_of_fault) {
  keep_standard_streams();
  std::set_terminate(log_and_abort);
  try {
    return body();
  } catch (const std::bad_alloc& error) {
    return fail(program, error, exit_failed);
  } catch (const std::system_error& error) {
    return fail(program, error, exit_failed);
  } catch (const std::exception& error) {
    return fail(program, error, exit_of_fault);
  }
}

void run_loop(asio::io_context& loop) {
  try {
    loop.run();
  } catch (const std::exception& error) {
    spdlog::critical("ended by a fault: {}", error.what());
    leave(exit_failed);
  }
}

int end_loop(std::shared_ptr<void> loop, int code) {
  std::promise<void> ended;
  std::thread end([&] {
    loop.reset();
    ended.set_value();
  });
  if (ended.get_future().wait_for(end_patience) != std::future_status::ready) {
    leave(code);
  }
  end.join();
  return code;
}

}  // namespace mqtt_bridge
