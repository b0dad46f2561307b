#include "client/io/call_run.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include <asio/post.hpp>
#include <unistd.h>

#include "base/utf8.hpp"
#include "client/io/call_result.hpp"
#include "client/problem_json.hpp"
#include "os/io/output.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::string_view program_name = "mqtt_client";
constexpr std::size_t calls_at_once = 64;
// Calls that ended, but have to wait for one before them.
constexpr std::size_t most_calls_held = 4096;
constexpr std::size_t most_bytes_held = 1024 * 1024;
constexpr auto tick_pause = std::chrono::milliseconds(100);

std::atomic<bool> was_interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // for the handler

/// The handler is gone then: a second one ends the process.
void watch_for_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) { was_interrupted = true; };
  action.sa_flags =
      static_cast<int>(SA_RESETHAND);  // and no SA_RESTART: a write that blocks is to end
  ::sigaction(SIGINT, &action, nullptr);
}

void end_as_by_interrupt() {
  std::signal(SIGINT, SIG_DFL);
  std::raise(SIGINT);
}

}  // namespace

bool is_interrupted() {
  return was_interrupted;
}

CallRun::CallRun(asio::io_context& loop, ClientOptions options, std::string message)
    : loop_(loop),
      options_(std::move(options)),
      message_(std::move(message)),
      output_(program_name),
      window_(most_calls_held, most_bytes_held),
      timer_(loop) {
  if (options_.lines)
    lines_.emplace(loop, options_.file, limits::payload_bytes);
  if (options_.direct) {
    direct_ = std::make_unique<DirectCalls>(loop, direct_way_of(options_),
                                            [this](std::uint64_t number, Ended ended) {
                                              auto result = result_of(ended, options_);
                                              result.is_last = direct_->is_hopeless();
                                              end_call(number, std::move(result));
                                            });
    is_way_found_ = true;
  } else {
    daemon_ = std::make_unique<DaemonCalls>(
        loop, daemon_places(options_.daemon), client_call(options_),
        [this](std::uint64_t number, const DaemonOutcome& outcome) { on_daemon(number, outcome); });
  }
  watch_for_interrupt();
}

int CallRun::run() {
  tick();
  go_on();
  loop_.run();
  output_.clear_progress();
  if (options_.repeat > 0) {
    const auto spent = Clock::now() - started_;
    output_.answer(options_.json ? latencies_.in_json(spent) : latencies_.in_words(spent));
  }
  if (is_interrupted()) {
    output_.flush(RunOutput::Wanted::all);
    output_.fault("interrupted: " + summary());
    end_as_by_interrupt();
  }
  const int printed = output_.close();
  if (ends_early_)
    output_.fault("ended early: " + summary());
  return printed == 0 && failed_ > 0 ? exit_failed : printed;
}

std::string CallRun::summary() const {
  return std::to_string(ended_ - failed_) + " answered, " + std::to_string(failed_) + " failed, " +
         std::to_string(begun_ - ended_) + " without an answer yet; the others were not sent";
}

std::optional<InputLine> CallRun::next_message() {
  if (lines_)
    return lines_->next();
  return is_at_end() ? std::nullopt : std::optional(InputLine{message_, false});
}

bool CallRun::is_at_end() const {
  return lines_ ? lines_->is_at_end() : begun_ >= options_.repeat;
}

std::optional<double> CallRun::part() const {
  if (lines_)
    return lines_->part();
  return static_cast<double>(ended_) / options_.repeat;
}

/// The first call goes alone, until its way is found.
bool CallRun::has_room() const {
  const std::size_t most = options_.repeat > 0 || !is_way_found_ ? 1 : calls_at_once;
  return under_way_ < most && !window_.is_full();
}

/// Once for all calls that end meanwhile.
void CallRun::go_on_soon() {
  if (std::exchange(will_go_on_, true))
    return;
  asio::post(loop_, [this] {
    will_go_on_ = false;
    go_on();
  });
}

void CallRun::go_on() {
  print_results();
  while (!ends_early_ && !is_waiting_ && has_room()) {
    auto message = next_message();
    if (message) {
      begin(*std::move(message));
      continue;
    }
    if (is_at_end())
      break;
    is_waiting_ = true;
    lines_->when_ready([this] {
      is_waiting_ = false;
      go_on();
    });
  }
  print_results();
  if (!output_.flush(RunOutput::Wanted::all)) {
    failed_ += ended_ == failed_ ? 1 : 0;
    ends_early_ = true;
    return loop_.stop();
  }
  stop_if_done();
}

void CallRun::stop_if_done() {
  if (window_.is_empty() && (ends_early_ || is_at_end()))
    loop_.stop();
}

std::string CallRun::fault_of(const InputLine& line) const {
  if (line.is_too_long)
    return "it has more than " + std::to_string(limits::payload_bytes) + " bytes";
  return options_.route.empty() && !is_utf8(line.text) ? "it is not UTF-8" : "";
}

void CallRun::begin(InputLine line) {
  const std::string fault = fault_of(line);
  const std::uint64_t number = window_.begin(line.text.size());
  ++begun_;
  if (!fault.empty()) {
    window_.end(number, {ExitCode::failed, fault, problem_json(fault)});
    return;
  }
  ++under_way_;
  call_began_ = Clock::now();
  if (!is_way_found_)
    first_message_ = line.text;
  send(number, std::move(line.text));
}

void CallRun::send(std::uint64_t number, std::string message) {
  if (direct_)
    direct_->call(number, std::move(message));
  else
    daemon_->call(number, std::move(message));
}

void CallRun::on_daemon(std::uint64_t number, const DaemonOutcome& outcome) {
  if (const auto* const answered = std::get_if<Answered>(&outcome)) {
    const Decision decision =
        decide(answered->reply, to_string(answered->place), asked_of(options_));
    if (decision.next == Next::fall_back_direct && !is_way_found_)
      return leave_aside(number, {decision.message, true}, decision.remedy);
    return end_call(number, result_of_daemon(*answered));
  }
  if (const auto* const nothing = std::get_if<NothingListens>(&outcome)) {
    if (!is_way_found_)
      return leave_aside(number, reason_of(*nothing), "");
    return end_call(number, {ExitCode::failed, reason_of(*nothing).text, "", true});
  }
  const auto& broken = std::get<Broken>(outcome);
  if (broken.published == Broken::Published::no && !is_way_found_)
    return leave_aside(number, {broken.text, true}, "");
  end_call(number, {broken.exit_code, broken.text, ""});
}

CallResult CallRun::result_of_daemon(const Answered& answered) {
  const Decision decision = decide(answered.reply, to_string(answered.place), asked_of(options_));
  const bool is_answer = decision.next == Next::print_answer;
  CallResult result{decision.exit_code, is_answer ? answered.reply.body : decision.message, "",
                    decision.is_of_every_call && !is_way_found_};
  if (options_.json && (is_answer || answered.reply.media == Media::problem))
    result.json = answered.reply.body;
  if (result.code == ExitCode::answered && !is_way_found_ && options_.verbose)
    output_.fault("mqtt_bridged at " + to_string(answered.place) + " answers");
  return result;
}

/// Nothing of the first call was published: it goes to the broker itself, as all others then do.
void CallRun::leave_aside(std::uint64_t number, Reason reason, std::string_view remedy) {
  if (const auto not_direct = why_not_direct(options_, reason, remedy))
    return end_call(number, {not_direct->code, not_direct->sentence, "", true});
  options_.not_asked = reason.text;
  if (reason.is_there || options_.verbose)
    output_.fault("asking the broker itself: " + reason.text);
  is_way_found_ = true;
  asio::post(loop_, [this, number] {
    daemon_.reset();
    direct_ = std::make_unique<DirectCalls>(loop_, direct_way_of(options_),
                                            [this](std::uint64_t ended_number, Ended ended) {
                                              auto result = result_of(ended, options_);
                                              result.is_last = direct_->is_hopeless();
                                              end_call(ended_number, std::move(result));
                                            });
    send(number, *std::exchange(first_message_, std::nullopt));
    go_on();
  });
}

void CallRun::end_call(std::uint64_t number, CallResult result) {
  is_way_found_ = true;
  --under_way_;
  if (options_.repeat > 0) {
    if (result.code == ExitCode::answered)
      latencies_.answered(Clock::now() - call_began_);
    else
      latencies_.failed();
  }
  if (options_.json && result.json.empty())
    result.json = problem_json(result.text);
  window_.end(number, std::move(result));
  go_on_soon();
}

void CallRun::print_results() {
  while (const auto ended = window_.next()) {
    print_result(ended->first, ended->second);
    if (!output_.flush(RunOutput::Wanted::many))
      return;
  }
}

/// A call that failed has an empty line, so that each answer has its line's number.
void CallRun::print_result(std::uint64_t number, const CallResult& result) {
  ++ended_;
  const bool is_answer = result.code == ExitCode::answered;
  if (!is_answer) {
    ++failed_;
    if (!ends_early_) {
      output_.fault((options_.lines ? "line " : "call ") + std::to_string(number) + ": " +
                    result.text);
    }
    ends_early_ = ends_early_ || result.is_last;
  }
  if (options_.repeat > 0)
    return;
  output_.answer(options_.json ? result.json : is_answer ? result.text : "");
  if (!options_.json || !result.json.ends_with('\n'))
    output_.answer("\n");
}

void CallRun::tick() {
  if (is_interrupted())
    return loop_.stop();
  if (daemon_)
    daemon_->expire(Clock::now());
  output_.progress(
      {.ended = ended_, .failed = failed_, .part = part(), .spent = Clock::now() - started_});
  timer_.expires_after(tick_pause);
  timer_.async_wait([this](const std::error_code& error) {
    if (!error)
      tick();
  });
}

}  // namespace mqtt_bridge
