// Sets up spdlog's default logger, once, at start: one line per message, on stderr, nothing else.
// After that callers use spdlog::info() and its siblings directly, from any thread.
#pragma once

namespace mqtt_bridge {

enum class LogLevel { trace, debug, info, warn, error };

/// automatic: journal when systemd connected stderr to its journal (JOURNAL_STREAM), else human.
/// human: time, level and message, in colour on a terminal. json: one object per line. journal: the
/// priority as sd-daemon(3) has it ("<6>"), and no time, since the journal has its own.
enum class LogFormat { automatic, human, json, journal };

void set_up_log(LogLevel level, LogFormat format);

}  // namespace mqtt_bridge
