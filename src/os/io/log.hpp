// Sets up spdlog's default logger, once, at start: one line per message, on stderr, nothing else.
// After that callers use spdlog::info() and its siblings directly, from any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.hpp"
#include "os/log_level.hpp"

namespace mqtt_bridge {

/// automatic: journal when systemd connected stderr to its journal (JOURNAL_STREAM), else human.
/// human: time, level and message, in colour on a terminal. json: one object per line. journal: the
/// priority as sd-daemon(3) has it ("<6>"), and no time, since the journal has its own.
enum class LogFormat { automatic, human, json, journal };

void set_up_log(LogLevel level, LogFormat format);
void set_log_level(LogLevel level);

/// The environment has NO_COLOR (https://no-color.org), and it is not empty.
bool is_colour_unwanted();

/// As spdlog::info() and its siblings, for a level that is known at run time only.
void log_line(LogLevel level, const std::string& text);
/// For what a peer can cause again and again: logs it at once when it is new and then more and more
/// rarely, with how often it came meanwhile, see os/repeats.hpp. From any thread.
void log_rarely(LogLevel level, const std::string& text);
/// The state that such lines are about has changed: what was said is news again.
void log_anew();

/// What became of one request: one line at info, never a payload or a secret. What is empty, or
/// nothing, is left out.
struct RequestRecord {
  std::string_view request_id;
  std::string_view outcome;  // "ok", or the problem's slug
  std::optional<int> status = {};
  std::string_view netid = {};
  std::string_view action = {};
  std::string_view route = {};  // its path, as it is configured
  std::string_view matched_by = {};
  std::string_view from = {};  // HttpRequest::from
  std::string_view trace_id = {};
  std::optional<std::size_t> bytes_in = {};   // of the body
  std::optional<std::size_t> bytes_out = {};  // of the answer's
  std::optional<Duration> took = {};
};
void log_request(const RequestRecord& record);

}  // namespace mqtt_bridge
