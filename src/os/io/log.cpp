#include "os/io/log.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <poll.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.hpp"
#include "os/repeats.hpp"

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

void append_where_any(std::string_view name, std::string_view value, spdlog::memory_buf_t& out) {
  if (!value.empty())
    append_member(name, value, out);
}

template <typename Number>
void append_number(std::string_view name, const std::optional<Number>& value,
                   spdlog::memory_buf_t& out) {
  if (value)
    fmt::format_to(std::back_inserter(out), R"(,"{}":{})", name, *value);
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
    append_member("outcome", record.outcome, out);
    append_number("status", record.status, out);
    append_where_any("netid", record.netid, out);
    append_where_any("action", record.action, out);
    append_where_any("route", record.route, out);
    append_where_any("matched_by", record.matched_by, out);
    append_where_any("from", record.from, out);
    append_where_any("trace_id", record.trace_id, out);
    append_number("bytes_in", record.bytes_in, out);
    append_number("bytes_out", record.bytes_out, out);
    if (record.took)
      fmt::format_to(std::back_inserter(out), R"(,"milliseconds":{:.3f})",
                     milliseconds(*record.took));
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

/// One word of a line, whatever is in it.
std::string as_word(std::string_view text) {
  std::string word;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f) {
      fmt::format_to(std::back_inserter(word), "\\x{:02x}", byte);
    } else {
      word.push_back(c);
    }
  }
  return word;
}

/// The message without control characters, so that what peers sent can forge no line of its own and
/// send nothing to a terminal.
class PlainMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string_view text(line.payload.data(), line.payload.size());
    std::size_t hidden = 0;  // bytes of a sequence that is not to be seen as what it is
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      hidden = std::max(hidden, unprintable_at(text.substr(i)));
      if (hidden > 0) {
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
      } else {
        out.push_back(text[i]);
      }
      hidden -= hidden > 0 ? 1 : 0;
    }
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<PlainMessage>();
  }
};

/// As --log-level has them.
class LevelName final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const auto name = line.level == spdlog::level::warn
                          ? std::string_view("warn")
                          : std::string_view(spdlog::level::to_string_view(line.level).data(),
                                             spdlog::level::to_string_view(line.level).size());
    const std::size_t width = padinfo_.enabled() ? padinfo_.width_ : 0;
    fmt::format_to(std::back_inserter(out), "{:<{}}", name, width);
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<LevelName>();
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
  made->add_flag<LevelName>('V');
  switch (format) {
    case LogFormat::automatic:
    case LogFormat::human:
      made->add_flag<PlainMessage>('*').set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-7V%$ %*");
      break;
    case LogFormat::json:
      made->add_flag<JsonMessage>('*').set_pattern(
          R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%V"%*})");
      break;
    case LogFormat::journal:
      made->add_flag<PlainMessage>('*').add_flag<JournalPriority>('q').set_pattern("<%q>%*");
      break;
  }
  return made;
}

/// Log output that blocks must not stop the program: where stderr takes nothing at the moment, the
/// line is lost, and the next one says how many were.
class UnlessBlocked final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit UnlessBlocked(std::shared_ptr<spdlog::sinks::sink> inner) : sink_(std::move(inner)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& line) override {
    pollfd stream{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
    if (poll(&stream, 1, 0) != 1) {
      ++lost_;
      return;
    }
    if (lost_ > 0) {
      const std::string text =
          "log lines dropped, because the log output blocked: " + std::to_string(lost_);
      lost_ = 0;
      sink_->log(spdlog::details::log_msg("", spdlog::level::warn, text));
    }
    sink_->log(line);
  }
  void flush_() override { sink_->flush(); }
  void set_formatter_(std::unique_ptr<spdlog::formatter> formatter) override {
    sink_->set_formatter(std::move(formatter));
  }

  const std::shared_ptr<spdlog::sinks::sink> sink_;
  std::size_t lost_ = 0;
};

}  // namespace

bool is_colour_unwanted() {
  const char* const variable = std::getenv("NO_COLOR");
  return variable != nullptr && *variable != '\0';
}

void set_up_log(LogLevel level, LogFormat format) {
  if (format == LogFormat::automatic) {
    format = stderr_is_the_journal() ? LogFormat::journal : LogFormat::human;
  }
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (format == LogFormat::human) {
    using spdlog::color_mode;
    sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
        is_colour_unwanted() ? color_mode::never : color_mode::automatic);
  } else {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }
  sink->set_formatter(formatter(format));
  auto logger =
      std::make_shared<spdlog::logger>("", std::make_shared<UnlessBlocked>(std::move(sink)));
  logger->set_level(to_spdlog(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void set_log_level(LogLevel level) {
  spdlog::default_logger()->set_level(to_spdlog(level));
}

namespace {

/// What a peer can cause again and again.
class RareLines {
 public:
  std::optional<std::uint64_t> take(const std::string& text) {
    const std::lock_guard lock(mutex_);
    return repeats_.take(text, std::chrono::steady_clock::now());
  }
  std::vector<Repeats::LeftOut> begin_anew() {
    const std::lock_guard lock(mutex_);
    return repeats_.begin_anew(std::chrono::steady_clock::now());
  }

 private:
  std::mutex mutex_;
  Repeats repeats_;
};

RareLines& rare_lines() {
  static RareLines lines;
  return lines;
}

}  // namespace

void log_line(LogLevel level, const std::string& text) {
  spdlog::log(to_spdlog(level), "{}", text);
}

void log_rarely(LogLevel level, const std::string& text) {
  const auto left_out = rare_lines().take(text);
  if (!left_out)
    return;
  const std::string more =
      *left_out > 0 ? fmt::format(" ({} times more since this was said last)", *left_out) : "";
  spdlog::log(to_spdlog(level), "{}{}", text, more);
}

void log_anew() {
  for (const auto& [text, times] : rare_lines().begin_anew())
    spdlog::info("{} (repeated {} times until now)", text, times);
}

void log_request(const RequestRecord& record) {
  if (!spdlog::should_log(spdlog::level::info))
    return;
  fmt::memory_buffer text;
  const auto to = std::back_inserter(text);
  fmt::format_to(to, "request {} {}", record.request_id, record.outcome);
  const auto add = [to](std::string_view name, const auto& value) {
    fmt::format_to(to, " {}={}", name, value);
  };
  if (record.status)
    add("status", *record.status);
  const std::pair<std::string_view, std::string_view> words[] = {
      {"netid", record.netid},   {"action", record.action}, {"route", record.route},
      {"by", record.matched_by}, {"from", record.from},     {"trace", record.trace_id}};
  for (const auto& [name, word] : words) {
    if (!word.empty())
      add(name, as_word(word));
  }
  if (record.bytes_in)
    add("in", *record.bytes_in);
  if (record.bytes_out)
    add("out", *record.bytes_out);
  if (record.took)
    fmt::format_to(to, " ms={:.3f}", milliseconds(*record.took));
  request_in_hand = &record;
  spdlog::info("{}", std::string_view(text.data(), text.size()));
  request_in_hand = nullptr;
}

}  // namespace mqtt_bridge
