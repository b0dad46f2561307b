// Many calls of mqtt_client: each line of its input, or the same message again and again; through
// the daemon or straight to the broker, as the first one finds its way. Some are under way at once;
// their answers are printed in the order of the input. What is held is bounded, however many there
// are.
// Threads: everything on the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "client/call_window.hpp"
#include "client/io/daemon_calls.hpp"
#include "client/io/direct_calls.hpp"
#include "client/io/line_input.hpp"
#include "client/io/run_output.hpp"
#include "client/option_table.hpp"
#include "client/run_report.hpp"

namespace mqtt_bridge {

class CallRun {
 public:
  /// Throws std::runtime_error where a file that `options` names cannot be used. `message` is what
  /// --repeat sends. From here on SIGINT ends the run, and a second one the process.
  CallRun(asio::io_context& loop, ClientOptions options, std::string message);

  /// Blocks until all is done. 0, or 1 when a call failed; after a SIGINT it ends the process.
  int run();

 private:
  void start();
  void go_on_soon();
  void go_on();
  std::optional<InputLine> next_message();
  bool is_at_end() const;
  std::optional<double> part() const;
  bool has_room() const;
  void begin(InputLine line);
  void send(std::uint64_t number, std::string message);
  std::string fault_of(const InputLine& line) const;

  void on_daemon(std::uint64_t number, const DaemonOutcome& outcome);
  CallResult result_of_daemon(const Answered& answered);
  void leave_aside(std::uint64_t number, Reason reason, std::string_view remedy);
  void end_call(std::uint64_t number, CallResult result);
  void print_results();
  void print_result(std::uint64_t number, const CallResult& result);
  void tick();
  void stop_if_done();
  std::string summary() const;

  asio::io_context& loop_;
  ClientOptions options_;
  const std::string message_;  // of --repeat
  std::optional<LineInput> lines_;
  RunOutput output_;
  std::unique_ptr<DaemonCalls> daemon_;
  std::unique_ptr<DirectCalls> direct_;  // one of these two
  CallWindow window_;
  LatencySummary latencies_;
  asio::steady_timer timer_;

  const Instant started_ = Clock::now();
  std::optional<std::string> first_message_;  // until its way is found
  bool is_way_found_ = false;
  bool is_waiting_ = false;  // for input
  bool will_go_on_ = false;
  bool ends_early_ = false;  // nothing more is begun
  std::size_t under_way_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;  // and printed
  std::uint64_t failed_ = 0;
  Instant call_began_{};  // of --repeat
};

/// Whether a SIGINT came since the first CallRun.
bool is_interrupted();

}  // namespace mqtt_bridge
