#include "client/daemon_reply.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "base/ascii.hpp"
#include "base/limits.hpp"
#include "base/problem.hpp"
#include "base/utf8.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t problem_bytes = 64 * 1024;
constexpr int problem_levels = 16;

/// Of a whole line: spaces, tabs and what RFC 9110 5.5 lets a field consist of.
bool is_printable(std::string_view line) {
  return std::all_of(line.begin(), line.end(), ascii::is_field_char);
}

void append_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  for (const char c : text) {
    // RFC 3986 2.3: the unreserved characters mean themselves.
    if (ascii::is_digit(c) || ascii::is_alpha(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += hex[byte >> 4];
    out += hex[byte & 0x0f];
  }
}

std::string broker_of(const ClientCall& call) {
  const std::string& host = call.broker_host;
  const bool needs_brackets = host.find(':') != std::string::npos && !host.starts_with('[');
  return (needs_brackets ? '[' + host + ']' : host) + ':' + std::to_string(call.broker_port);
}

Media media_of(std::string_view content_type) {
  const auto name = ascii::trim(content_type.substr(0, content_type.find(';')));
  if (ascii::equals_ignoring_case(name, "text/plain")) {
    return Media::text;
  }
  return ascii::equals_ignoring_case(name, "application/problem+json") ? Media::problem
                                                                       : Media::other;
}

/// RFC 9112 4. Nothing when `line` is no status line of HTTP/1.1.
std::optional<int> status_of(std::string_view line) {
  constexpr std::string_view version = "HTTP/1.1 ";
  if (!line.starts_with(version) || !is_printable(line)) {
    return std::nullopt;
  }
  line.remove_prefix(version.size());
  const bool shaped = line.size() >= 4 && line[0] >= '1' && line[0] <= '5' &&
                      ascii::is_digit(line[1]) && ascii::is_digit(line[2]) && line[3] == ' ';
  if (!shaped) {
    return std::nullopt;
  }
  return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

/// What the fields of one head say. An empty `fault` means that they are well-formed.
struct Fields {
  std::optional<std::size_t> content_length;
  std::optional<Media> media;
  std::string_view fault;
};

void read_content_length(Fields& fields, std::string_view value) {
  std::size_t length = 0;
  const char* const end = value.data() + value.size();
  const bool digits = !value.empty() && std::all_of(value.begin(), value.end(), ascii::is_digit);
  const auto parsed = std::from_chars(value.data(), end, length);
  if (fields.content_length || !digits || parsed.ec != std::errc()) {
    fields.fault = "its Content-Length is not one number";
  } else if (length > limits::response_bytes) {
    fields.fault = "its answer is too large";
  } else {
    fields.content_length = length;
  }
}

void read_field(Fields& fields, std::string_view line) {
  const auto colon = line.find(':');
  // A space before the colon, or at the line's start (a folded line), makes the name no token.
  if (colon == std::string_view::npos || !ascii::is_token(line.substr(0, colon)) ||
      !is_printable(line)) {
    fields.fault = "a header line is not valid";
    return;
  }
  const auto name = line.substr(0, colon);
  const auto value = ascii::trim(line.substr(colon + 1));
  if (ascii::equals_ignoring_case(name, "Content-Length")) {
    read_content_length(fields, value);
  } else if (ascii::equals_ignoring_case(name, "Transfer-Encoding")) {
    fields.fault = "its answer has a transfer coding";
  } else if (ascii::equals_ignoring_case(name, "Content-Type")) {
    if (fields.media) {
      fields.fault = "it names two content types";
    }
    fields.media = media_of(value);
  }
}

/// `lines`: every line after the status line, each with its CR LF.
Fields read_fields(std::string_view lines) {
  Fields fields;
  while (!lines.empty() && fields.fault.empty()) {
    const auto end = lines.find("\r\n");
    read_field(fields, lines.substr(0, end));
    lines.remove_prefix(end + 2);
  }
  return fields;
}

void append_utf8(std::string& out, std::uint32_t code_point) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | code_point >> 6);
    put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3f));
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  }
}

/// A cursor over one JSON text (RFC 8259). Each function reads one production and says whether it
/// was there; after a failure the cursor stands anywhere.
class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : rest_(text) {}

  /// The whole text as one object; calls `member(name, text)` for each of its own members, with an
  /// empty text where the value is no string.
  template <typename Member>
  bool document(const Member& member) {
    space();
    const bool object_read = object(1, member);
    space();
    return object_read && rest_.empty();
  }

 private:
  static constexpr auto ignored = [](const std::string&, const std::string&) {};

  template <typename Member>
  bool object(int level, const Member& member) {
    if (level > problem_levels || !take('{')) {
      return false;
    }
    space();
    if (take('}')) {
      return true;
    }
    do {
      if (!one_member(level, member)) {
        return false;
      }
    } while (take(','));
    return take('}');
  }

  template <typename Member>
  bool one_member(int level, const Member& member) {
    std::string name;
    std::string text;
    space();
    if (!string(name)) {
      return false;
    }
    space();
    if (!take(':')) {
      return false;
    }
    space();
    const bool is_text = rest_.starts_with('"');
    if (!(is_text ? string(text) : value(level))) {
      return false;
    }
    space();
    member(name, text);
    return true;
  }

  bool array(int level) {
    if (level > problem_levels || !take('[')) {
      return false;
    }
    space();
    if (take(']')) {
      return true;
    }
    do {
      space();
      if (!value(level)) {
        return false;
      }
      space();
    } while (take(','));
    return take(']');
  }

  /// Any value within a container at `level`.
  bool value(int level) {
    std::string unused;
    if (rest_.starts_with('"')) {
      return string(unused);
    }
    if (rest_.starts_with('{')) {
      return object(level + 1, ignored);
    }
    if (rest_.starts_with('[')) {
      return array(level + 1);
    }
    return word("true") || word("false") || word("null") || number();
  }

  bool number() {
    take('-');
    if (!take('0') && !digits()) {
      return false;
    }
    if (take('.') && !digits()) {
      return false;
    }
    if (take('e') || take('E')) {
      if (!take('+')) {
        take('-');
      }
      return digits();
    }
    return true;
  }

  bool digits() {
    const auto count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(count);
    return count > 0;
  }

  bool string(std::string& out) {
    if (!take('"')) {
      return false;
    }
    while (!rest_.empty() && static_cast<unsigned char>(rest_.front()) >= 0x20) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') {
        return true;
      }
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return false;
      }
    }
    return false;
  }

  /// What follows a backslash.
  bool escape(std::string& out) {
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    if (take('u')) {
      return unicode_escape(out);
    }
    const auto which = rest_.empty() ? std::string_view::npos : names.find(rest_.front());
    if (which == std::string_view::npos) {
      return false;
    }
    out += meanings[which];
    rest_.remove_prefix(1);
    return true;
  }

  /// RFC 8259 7: a surrogate pair is one character. Half a pair is none: U+FFFD in its place.
  bool unicode_escape(std::string& out) {
    const auto first = hex4();
    if (!first) {
      return false;
    }
    std::uint32_t code_point = *first;
    if (code_point >= 0xd800 && code_point <= 0xdbff && rest_.starts_with("\\u")) {
      const auto before = rest_;
      rest_.remove_prefix(2);
      const auto second = hex4();
      if (second && *second >= 0xdc00 && *second <= 0xdfff) {
        code_point = 0x10000 + ((code_point - 0xd800) << 10) + (*second - 0xdc00);
      } else {
        rest_ = before;
      }
    }
    const bool half = code_point >= 0xd800 && code_point <= 0xdfff;
    append_utf8(out, half ? 0xfffd : code_point);
    return true;
  }

  std::optional<std::uint32_t> hex4() {
    std::uint32_t number = 0;
    const auto digits = rest_.substr(0, 4);
    const char* const end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, number, 16);
    if (digits.size() < 4 || parsed.ec != std::errc() || parsed.ptr != end) {
      return std::nullopt;
    }
    rest_.remove_prefix(4);
    return number;
  }

  void space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  bool take(char c) {
    if (!rest_.starts_with(c)) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  bool word(std::string_view expected) {
    if (!rest_.starts_with(expected)) {
      return false;
    }
    rest_.remove_prefix(expected.size());
    return true;
  }

  std::string_view rest_;
};

/// Nothing when `slug` and `status` are no pair that the daemon of this release gives. A
/// responder's error comes with a status of the responder's own choice.
std::optional<Problem> problem_of(std::string_view slug, int status) {
  for (const ProblemKind& kind : all_problems()) {
    if (kind.slug == slug && (kind.status == status || kind.problem == Problem::responder_error)) {
      return kind.problem;
    }
  }
  return std::nullopt;
}

Next next_after(Problem problem) {
  const bool elsewhere = problem == Problem::wrong_broker || problem == Problem::netid_not_served;
  return elsewhere ? Next::fall_back_direct : Next::fail;
}

std::string_view remedy_of(Problem problem) {
  return problem == Problem::wrong_broker ? "--host and --port have to name its broker" : "";
}

Decision failed(std::string message) {
  return {Next::fail, ExitCode::failed, std::move(message)};
}

Decision decide_problem(const Reply& reply, std::string_view daemon) {
  const std::string who = "mqtt_bridged at " + std::string(daemon);
  const auto text = read_problem(reply.body);
  const auto problem = text ? problem_of(text->slug, reply.status) : std::nullopt;
  if (!problem) {
    const std::string said = text && !text->detail.empty() ? ": " + text->detail : "";
    return failed(
        on_one_line(who + " answered with status " + std::to_string(reply.status) + said));
  }
  if (*problem == Problem::unauthorized) {
    return failed(who + " wants a token, and mqtt_client sends none; use --direct");
  }
  const std::string said =
      text->detail.empty() ? std::string(describe(*problem).title) : text->detail;
  return {next_after(*problem), exit_code_of(*problem), on_one_line(who + ": " + said),
          std::string(remedy_of(*problem))};
}

}  // namespace

ExitCode exit_code_of(Problem problem) {
  switch (problem) {
    case Problem::response_timeout:
    case Problem::no_responder:
    case Problem::unmatched_response:
      return ExitCode::no_answer;
    case Problem::broker_unavailable:
      return ExitCode::broker_unreachable;
    case Problem::invalid_netid:
    case Problem::invalid_payload:
    case Problem::invalid_parameter:
    case Problem::malformed_request:
    case Problem::unauthorized:
    case Problem::netid_not_served:
    case Problem::forbidden_origin:
    case Problem::forbidden_user:
    case Problem::unknown_action:
    case Problem::not_found:
    case Problem::method_not_allowed:
    case Problem::request_timeout:
    case Problem::payload_too_large:
    case Problem::uri_too_long:
    case Problem::unsupported_media_type:
    case Problem::wrong_broker:
    case Problem::headers_too_large:
    case Problem::internal_error:
    case Problem::not_implemented:
    case Problem::bad_response:
    case Problem::broker_refused:
    case Problem::turn_pending:
    case Problem::overloaded:
    case Problem::shutting_down:
    case Problem::responder_error:
      return ExitCode::failed;
  }
  return ExitCode::failed;
}

std::string on_one_line(std::string_view text) {
  const bool utf8 = is_utf8(text);
  std::string line;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const std::size_t unprintable = unprintable_at(text.substr(at));
    if (unprintable > 0 || (byte >= 0x80 && !utf8)) {
      line += ' ';
      at += std::max<std::size_t>(unprintable, 1) - 1;
    } else {
      line += text[at];
    }
  }
  return line;
}

std::string request_head(const ClientCall& call, std::string_view host,
                         std::chrono::milliseconds time_left) {
  std::string head = "POST /transform/";
  head += to_string(call.action);
  head += "?netid=";
  append_encoded(head, call.netid);
  head += "&broker=";
  append_encoded(head, broker_of(call));
  head += "&timeout=" + std::to_string(time_left.count()) + "ms HTTP/1.1\r\nHost: ";
  head += host;
  head += "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ";
  head += std::to_string(call.message.size());
  head += "\r\nConnection: close\r\nAccept: */*\r\n\r\n";
  return head;
}

ReplyParser::State ReplyParser::feed(std::string_view bytes) {
  while (state_ == State::need_more && !bytes.empty()) {
    if (body_bytes_) {
      state_ = read_body(bytes);
      break;
    }
    // Up to the head's next line feed and no further: what follows may be the body.
    const auto line_end = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
    const auto room = limits::head_bytes - head_bytes_;
    head_ += bytes.substr(0, std::min(line_end, room));
    head_bytes_ += std::min(line_end, room);
    if (line_end > room) {
      state_ = malformed("its head is too large");
      break;
    }
    bytes.remove_prefix(line_end);
    state_ = read_head();
  }
  return state_;
}

/// Something else that listens there mostly shows by its first bytes; a line feed without its
/// carriage return would never end the head.
ReplyParser::State ReplyParser::read_head() {
  constexpr std::string_view version = "HTTP/1.1 ";
  if (!version.starts_with(std::string_view(head_).substr(0, version.size()))) {
    return malformed("it does not speak HTTP/1.1");
  }
  if (head_.ends_with('\n') && !head_.ends_with("\r\n")) {
    return malformed("a line of its head ends without CR LF");
  }
  if (!head_.ends_with("\r\n\r\n")) {
    return State::need_more;
  }
  const std::string_view head = std::string_view(head_).substr(0, head_.size() - 2);
  const auto line_end = head.find("\r\n");
  const auto status = status_of(head.substr(0, line_end));
  const Fields fields = read_fields(head.substr(line_end + 2));
  if (!status || !fields.fault.empty()) {
    return malformed(status ? fields.fault : "its status line is not valid");
  }
  if (*status < 200) {  // RFC 9110 15.2: an interim answer may come unasked
    head_.clear();
    return *status == 101 ? malformed("it changes the protocol") : State::need_more;
  }
  if (!fields.content_length) {
    return malformed("its answer has no Content-Length");
  }
  reply_.status = *status;
  reply_.media = fields.media.value_or(Media::other);
  body_bytes_ = fields.content_length;
  return *body_bytes_ == 0 ? State::complete : State::need_more;
}

ReplyParser::State ReplyParser::read_body(std::string_view bytes) {
  reply_.body += bytes.substr(0, *body_bytes_ - reply_.body.size());
  return reply_.body.size() == *body_bytes_ ? State::complete : State::need_more;
}

ReplyParser::State ReplyParser::malformed(std::string_view fault) {
  fault_ = fault;
  return State::malformed;
}

std::optional<ProblemText> read_problem(std::string_view json) {
  if (json.size() > problem_bytes || !is_utf8(json)) {
    return std::nullopt;
  }
  ProblemText problem;
  const auto keep = [&problem](const std::string& name, const std::string& text) {
    if (name == "type") {
      problem.slug = text.substr(text.find_last_of("/:") + 1);
    } else if (name == "detail") {
      problem.detail = text;
    }
  };
  if (!JsonScanner(json).document(keep)) {
    return std::nullopt;
  }
  return problem;
}

Decision decide(const Reply& reply, std::string_view daemon) {
  if (reply.status == 200 && reply.media == Media::text) {
    return {Next::print_answer, ExitCode::answered, {}};
  }
  if (reply.status != 200 && reply.media == Media::problem) {
    return decide_problem(reply, daemon);
  }
  return failed("something other than mqtt_bridged answers at " + std::string(daemon) +
                " (status " + std::to_string(reply.status) +
                "); name the daemon with --daemon, or use --direct");
}

}  // namespace mqtt_bridge
