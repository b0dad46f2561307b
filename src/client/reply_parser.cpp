#include "client/reply_parser.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/ascii.hpp"
#include "base/limits/call.hpp"
#include "base/limits/http.hpp"

namespace mqtt_bridge {
namespace {

/// Of a whole line: spaces, tabs and what RFC 9110 5.5 lets a field consist of.
bool is_printable(std::string_view line) {
  return std::all_of(line.begin(), line.end(), ascii::is_field_char);
}

Media media_of(std::string_view content_type) {
  const auto name = ascii::trim(content_type.substr(0, content_type.find(';')));
  if (ascii::equals_ignoring_case(name, "text/plain")) {
    return Media::text;
  }
  if (ascii::equals_ignoring_case(name, "application/json")) {
    return Media::json;
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
  bool closes = false;
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
  } else if (ascii::equals_ignoring_case(name, "Connection")) {
    fields.closes = ascii::equals_ignoring_case(value, "close");
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

}  // namespace

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
  reply_.is_last = fields.closes;
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

}  // namespace mqtt_bridge
