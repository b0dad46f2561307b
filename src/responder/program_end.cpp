#include "responder/program_end.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <utility>

#include <unicode/utf8.h>

#include "base/duration.hpp"
#include "base/limits/call.hpp"
#include "base/limits/responder.hpp"
#include "base/utf8.hpp"

namespace mqtt_bridge {
namespace {

using How = ProgramEnd::How;

std::string signal_name(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

/// The end of a longer text begins with the rest of a character.
std::string_view without_cut_character(std::string_view text) {
  const auto begins = std::find_if(
      text.begin(), text.end(), [](char c) { return !U8_IS_TRAIL(static_cast<std::uint8_t>(c)); });
  return {begins, text.end()};
}

std::string reason_of(const ProgramEnd& end) {
  const bool is_cut = end.errors.size() > limits::serve_error_bytes;
  if (!is_cut)
    return in_one_line(end.errors);
  const std::string_view kept(end.errors);
  return "... " +
         in_one_line(without_cut_character(kept.substr(kept.size() - limits::serve_error_bytes)));
}

const char* status_of(How how) {
  switch (how) {
    case How::exited:
    case How::signalled:
    case How::said_too_much:
      return "500";
    case How::stopped:
    case How::not_started:
      return "503";
    case How::timed_out:
      return "504";
  }
  return "500";
}

}  // namespace

std::optional<ProgramFailure> failure_of(const ProgramEnd& end, std::string_view program,
                                         std::chrono::milliseconds timeout) {
  if (end.how == How::exited && end.code == 0)
    return std::nullopt;
  const bool says_itself = end.how == How::exited || end.how == How::signalled;
  std::string error = says_itself ? reason_of(end) : "";
  if (error.empty())
    error = in_one_line(end_in_words(end, program, timeout));
  return ProgramFailure{status_of(end.how), std::move(error)};
}

std::string end_in_words(const ProgramEnd& end, std::string_view program,
                         std::chrono::milliseconds timeout) {
  const std::string name(program);
  switch (end.how) {
    case How::exited:
      return name + " exited with " + std::to_string(end.code);
    case How::signalled:
      return name + " was ended by " + signal_name(end.code);
    case How::timed_out:
      return name + " took longer than " + duration_text(timeout) + ", and was ended";
    case How::said_too_much:
      return name + " printed more than " + std::to_string(limits::response_bytes) +
             " bytes, and was ended";
    case How::stopped:
      return name + " was ended because the responder stops";
    case How::not_started:
      return name + " could not be started: " + end.errors;
  }
  return name;
}

std::string in_one_line(std::string_view text) {
  constexpr std::string_view replacement = "\uFFFD";
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  std::string line;
  bool is_blank_due = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    UChar32 code_point = 0;
    U8_NEXT(bytes, at, text.size(), code_point);
    if (code_point == ' ' || (code_point >= 0 && unprintable_at(text.substr(begin)) > 0)) {
      is_blank_due = !line.empty();
      continue;
    }
    if (std::exchange(is_blank_due, false))
      line += ' ';
    const bool has_meaning = code_point >= 0 && !U_IS_UNICODE_NONCHAR(code_point);
    line += has_meaning ? text.substr(begin, at - begin) : replacement;
  }
  return line;
}

std::vector<std::string> environment_of_program(const EnvironmentVariables& own,
                                                std::string_view topic, std::string_view netid,
                                                std::string_view action) {
  constexpr std::string_view own_options = "MQTT_RESPONDER_";
  // sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3), systemd.exec(5); and what is set below.
  constexpr std::array<std::string_view, 10> left_out{
      "NOTIFY_SOCKET",  "WATCHDOG_PID",   "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS",
      "LISTEN_FDNAMES", "JOURNAL_STREAM", "MQTT_TOPIC",    "MQTT_NETID", "MQTT_ACTION"};
  std::vector<std::string> environment;
  for (const auto& [name, value] : own) {
    if (!name.starts_with(own_options) && std::ranges::find(left_out, name) == left_out.end())
      environment.push_back(name + "=" + value);
  }
  environment.push_back("MQTT_TOPIC=" + std::string(topic));
  environment.push_back("MQTT_NETID=" + std::string(netid));
  environment.push_back("MQTT_ACTION=" + std::string(action));
  return environment;
}

}  // namespace mqtt_bridge
