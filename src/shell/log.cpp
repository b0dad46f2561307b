#include "shell/log.hpp"

#include <chrono>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <spdlog/fmt/fmt.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/utf8.hpp"

namespace mqtt_bridge {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// systemd.exec(5): a child inherits the variable with a stderr that may lead elsewhere; only a
/// stream of that very device and inode is the journal's.
bool stderr_is_the_journal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0)
    return false;
  return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

/// The message as the inside of a JSON string (RFC 8259 7), which for plain text is the text.
void append_escaped(std::string_view message, spdlog::memory_buf_t& out) {
  const bool utf8 = is_utf8(message);
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20 || byte == 0x7f || (byte > 0x7f && !utf8)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out.push_back(c);
    }
  }
}

/// While log_request() logs it: JSON has its parts, and not the text made of them.
thread_local const RequestRecord* request_in_hand = nullptr;

void append_member(std::string_view name, std::string_view value, spdlog::memory_buf_t& out) {
  fmt::format_to(std::back_inserter(out), R"(,"{}":")", name);
  append_escaped(value, out);
  out.push_back('"');
}

/// The members of the line's object that follow its time and level.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line, const std::tm&,
              spdlog::memory_buf_t& out) override {
    if (request_in_hand == nullptr)
      return append_member("message", {line.payload.data(), line.payload.size()}, out);
    const RequestRecord& record = *request_in_hand;
    append_member("message", "request", out);
    append_member("request_id", record.request_id, out);
    append_member("netid", record.netid, out);
    append_member("action", record.action, out);
    append_member("outcome", record.outcome, out);
    append_member("matched_by", record.matched_by, out);
    append_member("from", record.from, out);
    if (!record.trace_id.empty())
      append_member("trace_id", record.trace_id, out);
    if (record.took)
      fmt::format_to(std::back_inserter(out), R"(,"milliseconds":{:.3f})",
                     milliseconds(*record.took));
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

/// The message without control characters, so that what peers sent can forge no line of its own and
/// send nothing to a terminal.
class PlainMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line, const std::tm&,
              spdlog::memory_buf_t& out) override {
    for (const char c : line.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f) {
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
      } else {
        out.push_back(c);
      }
    }
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<PlainMessage>();
  }
};

class JournalPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line, const std::tm&,
              spdlog::memory_buf_t& out) override {
    out.push_back(priority(line.level));
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<JournalPriority>();
  }

 private:
  static char priority(spdlog::level::level_enum level) {
    switch (level) {
      case spdlog::level::trace:
      case spdlog::level::debug:
        return '7';
      case spdlog::level::warn:
        return '4';
      case spdlog::level::err:
        return '3';
      case spdlog::level::critical:
        return '2';
      case spdlog::level::info:
      case spdlog::level::off:
      case spdlog::level::n_levels:
        break;
    }
    return '6';
  }
};

std::unique_ptr<spdlog::formatter> formatter(LogFormat format) {
  using spdlog::pattern_time_type;
  auto made = std::make_unique<spdlog::pattern_formatter>(
      format == LogFormat::json ? pattern_time_type::utc : pattern_time_type::local);
  switch (format) {
    case LogFormat::automatic:
    case LogFormat::human:
      made->add_flag<PlainMessage>('*').set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %*");
      break;
    case LogFormat::json:
      made->add_flag<JsonMessage>('*').set_pattern(
          R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l"%*})");
      break;
    case LogFormat::journal:
      made->add_flag<PlainMessage>('*').add_flag<JournalPriority>('q').set_pattern("<%q>%*");
      break;
  }
  return made;
}

}  // namespace

void set_up_log(LogLevel level, LogFormat format) {
  if (format == LogFormat::automatic) {
    format = stderr_is_the_journal() ? LogFormat::journal : LogFormat::human;
  }
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (format == LogFormat::human) {
    sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }
  sink->set_formatter(formatter(format));
  auto logger = std::make_shared<spdlog::logger>("", std::move(sink));
  logger->set_level(to_spdlog(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void set_log_level(LogLevel level) {
  spdlog::default_logger()->set_level(to_spdlog(level));
}

void log_request(const RequestRecord& record) {
  if (!spdlog::should_log(spdlog::level::info))
    return;
  fmt::memory_buffer text;
  const auto to = std::back_inserter(text);
  fmt::format_to(to, "request {} {} {} {} by={} from={}", record.request_id, record.netid,
                 record.action, record.outcome, record.matched_by, record.from);
  if (!record.trace_id.empty())
    fmt::format_to(to, " trace={}", record.trace_id);
  if (record.took)
    fmt::format_to(to, " ms={:.3f}", milliseconds(*record.took));
  request_in_hand = &record;
  spdlog::info("{}", std::string_view(text.data(), text.size()));
  request_in_hand = nullptr;
}

}  // namespace mqtt_bridge
