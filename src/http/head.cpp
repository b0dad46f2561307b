#include "http/head.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/ascii.hpp"
#include "base/limits/http.hpp"
#include "http/authority.hpp"

namespace mqtt_bridge {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr int leading_blank_lines = 2;  // RFC 9112 2.2: "at least one"

BadHead malformed(std::string_view detail) {
  return {Problem::malformed_request, std::string(detail)};
}

struct Line {
  std::string_view text;  // without its CRLF
  std::size_t end;        // behind its CRLF
};

/// RFC 9112 2.2: a line ends with CRLF and holds neither CR nor LF. We take no bare LF.
std::variant<NeedMore, Line, BadHead> next_line(std::string_view text, std::size_t begin) {
  const auto cr = text.find('\r', begin);
  const auto lf = text.find('\n', begin);
  if (lf < cr)
    return malformed("A line of the head ends with a bare LF instead of CRLF.");
  if (cr == npos || cr + 1 == text.size())
    return NeedMore{};
  if (text[cr + 1] != '\n')
    return malformed("There is a CR without LF in the head.");
  return Line{text.substr(begin, cr - begin), cr + 2};
}

/// What can be said of a request line of which perhaps only the beginning has come.
std::optional<BadHead> check_opening(std::string_view line) {
  const auto space = line.find(' ');
  const std::string_view method = line.substr(0, space);
  if (method.starts_with('\x16')) {
    return malformed("This looks like TLS; plain HTTP is spoken here.");
  }
  if (!std::all_of(method.begin(), method.end(), ascii::is_token_char) ||
      (method.empty() && space != npos)) {
    return malformed("The request does not begin with a method.");
  }
  if (space == npos)
    return std::nullopt;
  const std::string_view rest = line.substr(space + 1);
  if (std::min(rest.find(' '), rest.size()) > limits::target_bytes) {
    return BadHead{Problem::uri_too_long, "The request target is longer than " +
                                              std::to_string(limits::target_bytes) + " bytes."};
  }
  return std::nullopt;
}

std::optional<BadHead> check_target_bytes(std::string_view target) {
  for (std::size_t i = 0; i < target.size(); ++i) {
    const char c = target[i];
    if (c <= ' ' || c > '~' || c == '#') {  // char may be signed: obs-text is below ' ' then
      return malformed("The request target holds a byte that must be percent-encoded.");
    }
    if (c != '%')
      continue;
    if (i + 2 >= target.size() || ascii::hex_value(target[i + 1]) < 0 ||
        ascii::hex_value(target[i + 2]) < 0) {
      return malformed("The request target holds a '%' that two hex digits do not follow.");
    }
    i += 2;
  }
  return std::nullopt;
}

struct RequestLine {
  std::string_view method;
  std::string_view target;     // HttpHead::target
  std::string_view authority;  // of absolute-form, else empty
  int minor_version;
};

/// Reduces the four forms of RFC 9112 3.2 to origin-form and asterisk-form.
std::optional<BadHead> read_target(std::string_view target, RequestLine& line) {
  if (line.method == "CONNECT")
    return BadHead{Problem::not_implemented, "CONNECT is not implemented: this is no proxy."};
  if (auto bad = check_target_bytes(target))
    return bad;
  line.target = target;
  if (target.starts_with('/') || (target == "*" && line.method == "OPTIONS"))
    return std::nullopt;
  constexpr std::string_view scheme = "http://";
  if (!ascii::equals_ignoring_case(target.substr(0, scheme.size()), scheme)) {
    return malformed("The request target is neither a path nor an http URL.");
  }
  const auto path = std::min(target.find_first_of("/?", scheme.size()), target.size());
  line.authority = target.substr(scheme.size(), path - scheme.size());
  line.target = path == target.size() ? "/" : target.substr(path);  // RFC 9110 4.2.3
  if (line.authority.empty()) {
    return malformed("The request target is an http URL without a valid host.");
  }
  return std::nullopt;
}

/// RFC 9112 3: method SP request-target SP HTTP-version.
std::variant<RequestLine, BadHead> parse_request_line(std::string_view text) {
  const auto first = text.find(' ');
  const auto last = text.rfind(' ');
  if (first == last)
    return malformed("The request line is not 'method target version'.");
  RequestLine line{text.substr(0, first), {}, {}, 0};
  const std::string_view version = text.substr(last + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return malformed("The version is neither HTTP/1.1 nor HTTP/1.0.");
  }
  line.minor_version = version.back() - '0';
  if (auto bad = read_target(text.substr(first + 1, last - first - 1), line))
    return *bad;
  return line;
}

/// RFC 9112 5: field-name ":" OWS field-value OWS.
std::variant<HttpField, BadHead> parse_field(std::string_view line) {
  if (line.starts_with(' ') || line.starts_with('\t')) {
    return malformed("A field is folded over two lines.");
  }
  const auto colon = line.find(':');
  if (colon == npos)
    return malformed("A field line has no colon.");
  const HttpField field{line.substr(0, colon), ascii::trim(line.substr(colon + 1))};
  if (!ascii::is_token(field.name)) {
    return malformed("A field name is not a token directly followed by a colon.");
  }
  if (!std::all_of(field.value.begin(), field.value.end(), ascii::is_field_char)) {
    return malformed("A field value holds a control character.");
  }
  return field;
}

/// Two values of these would leave it to each reader which of them holds.
std::optional<BadHead> check_singletons(const HttpHead& head) {
  for (const std::string_view name : {"Host", "Content-Length", "Transfer-Encoding", "Content-Type",
                                      "Authorization", "Origin", "Sec-Fetch-Site", "Expect"}) {
    const auto count = std::count_if(
        head.fields.begin(), head.fields.end(),
        [name](const HttpField& field) { return ascii::equals_ignoring_case(field.name, name); });
    if (count > 1)
      return malformed("There is more than one " + std::string(name) + " field.");
  }
  return std::nullopt;
}

/// RFC 9112 3.2, and 3.2.2: absolute-form wins over Host, which must be there and valid all the
/// same.
std::optional<BadHead> read_authority(HttpHead& head, std::string_view absolute) {
  const auto host = head.field("Host");
  if (!host && head.minor_version == 1)
    return malformed("There is no Host field.");
  if (host && !host->empty() && !parse_authority(*host)) {
    return malformed("The Host field is not 'host' or 'host:port'.");
  }
  if (!absolute.empty() && !parse_authority(absolute)) {
    return malformed("The request target is an http URL without a valid host.");
  }
  head.authority = absolute.empty() ? host : absolute;
  return std::nullopt;
}

std::optional<BadHead> read_content_length(std::string_view digits, std::size_t& length) {
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), ascii::is_digit)) {
    return malformed("Content-Length is not a number.");
  }
  length = 0;
  for (const char c : digits) {
    const auto digit = static_cast<std::size_t>(c - '0');
    if (length > (std::numeric_limits<std::size_t>::max() - digit) / 10) {
      return BadHead{Problem::payload_too_large, "Content-Length is larger than a body may be."};
    }
    length = length * 10 + digit;
  }
  return std::nullopt;
}

/// Whether it is a coding that may stand before `chunked`: a token, and perhaps parameters.
bool is_other_coding(std::string_view coding) {
  const std::string_view name = ascii::trim(coding.substr(0, coding.find(';')));
  return ascii::is_token(name) && !ascii::equals_ignoring_case(name, "chunked");
}

/// RFC 9112 6.3: a body that is not chunked at its end has no known length, which is 400; 6.1: a
/// coding that we do not have is 501. `chunked` is taken in no other spelling than this one word.
std::optional<BadHead> check_codings(std::string_view codings) {
  constexpr std::string_view known = "chunked";
  if (ascii::equals_ignoring_case(codings, known))
    return std::nullopt;
  const auto last = codings.rfind(',');
  bool are_others =
      last != npos && ascii::equals_ignoring_case(ascii::trim(codings.substr(last + 1)), known);
  std::size_t count = 0;
  for (std::size_t begin = 0; are_others && begin <= last;) {
    const auto end = codings.find(',', begin);
    const std::string_view coding = ascii::trim(codings.substr(begin, end - begin));
    are_others = coding.empty() || is_other_coding(coding);  // RFC 9110 5.6.1.2
    count += coding.empty() ? 0 : 1;
    begin = end + 1;
  }
  if (!are_others || count == 0)
    return malformed("Transfer-Encoding does not end with one plain 'chunked'.");
  return BadHead{Problem::not_implemented, "The only Transfer-Encoding implemented is 'chunked'."};
}

/// RFC 9112 6.3.
std::optional<BadHead> read_framing(HttpHead& head) {
  const auto length = head.field("Content-Length");
  const auto coding = head.field("Transfer-Encoding");
  if (length && coding) {
    return malformed("There is a Content-Length beside a Transfer-Encoding.");
  }
  if (length) {
    head.framing = HttpHead::Framing::length;
    return read_content_length(*length, head.content_length);
  }
  if (!coding)
    return std::nullopt;
  if (head.minor_version == 0)
    return malformed("HTTP/1.0 has no Transfer-Encoding.");
  if (auto bad = check_codings(*coding))
    return bad;
  head.framing = HttpHead::Framing::chunked;
  return std::nullopt;
}

/// RFC 9110 10.1.1. An HTTP/1.0 client cannot mean it, and without a body nothing is held back.
std::optional<BadHead> read_expectation(HttpHead& head) {
  const auto expect = head.field("Expect");
  if (!expect)
    return std::nullopt;
  if (!ascii::equals_ignoring_case(*expect, "100-continue")) {
    return malformed("The only expectation understood is '100-continue'.");
  }
  const bool has_body = head.framing == HttpHead::Framing::chunked || head.content_length > 0;
  head.expect_continue = head.minor_version == 1 && has_body;
  return std::nullopt;
}

/// RFC 9110 7.6.1: Connection is a list of options, in one field or several.
bool has_connection_option(const HttpHead& head, std::string_view option) {
  for (const HttpField& field : head.fields) {
    if (!ascii::equals_ignoring_case(field.name, "Connection"))
      continue;
    for (std::size_t begin = 0; begin <= field.value.size();) {
      const auto end = std::min(field.value.find(',', begin), field.value.size());
      const std::string_view token = ascii::trim(field.value.substr(begin, end - begin));
      if (ascii::equals_ignoring_case(token, option))
        return true;
      begin = end + 1;
    }
  }
  return false;
}

/// RFC 9112 9.3: "close" wins; without a word HTTP/1.1 stays and HTTP/1.0 goes.
bool keeps_alive(const HttpHead& head) {
  if (has_connection_option(head, "close"))
    return false;
  return head.minor_version == 1 || has_connection_option(head, "keep-alive");
}

/// All that can be checked only when the head is there as a whole.
std::variant<NeedMore, HttpHead, BadHead> read_head(const RequestLine& line,
                                                    const std::vector<std::string_view>& lines) {
  HttpHead head;
  head.method = line.method;
  head.target = line.target;
  head.minor_version = line.minor_version;
  head.fields.reserve(lines.size());
  for (const std::string_view field_line : lines) {
    auto field = parse_field(field_line);
    if (auto* bad = std::get_if<BadHead>(&field))
      return std::move(*bad);
    head.fields.push_back(std::get<HttpField>(field));
  }
  if (auto bad = check_singletons(head))
    return *std::move(bad);
  if (auto bad = read_authority(head, line.authority))
    return *std::move(bad);
  if (auto bad = read_framing(head))
    return *std::move(bad);
  if (auto bad = read_expectation(head))
    return *std::move(bad);
  head.keep_alive = keeps_alive(head);
  return head;
}

BadHead too_large(std::string_view what, std::size_t limit) {
  return {Problem::headers_too_large,
          "The head has more than " + std::to_string(limit) + " " + std::string(what) + "."};
}

}  // namespace

std::optional<std::string_view> HttpHead::field(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(), [name](const HttpField& field) {
    return ascii::equals_ignoring_case(field.name, name);
  });
  if (found == fields.end())
    return std::nullopt;
  return found->value;
}

std::string_view HttpHead::path() const {
  return target.starts_with('?') ? "/" : target.substr(0, target.find('?'));
}

std::string_view HttpHead::query() const {
  const auto mark = target.find('?');
  return mark == npos ? std::string_view() : target.substr(mark + 1);
}

std::string HttpHead::joined(std::string_view name) const {
  std::string values;
  for (const HttpField& each : fields) {
    if (each.value.empty() || !ascii::equals_ignoring_case(each.name, name))
      continue;
    if (!values.empty())
      values += ", ";
    values += each.value;
  }
  return values;
}

std::variant<NeedMore, HttpHead, BadHead> parse_http_head(std::string_view bytes) {
  const std::string_view text = bytes.substr(0, limits::head_bytes);
  std::size_t at = 0;
  for (int i = 0; i < leading_blank_lines && text.substr(at, 2) == "\r\n"; ++i)
    at += 2;
  const auto opening_end = std::min(text.find('\r', at), text.find('\n', at));
  if (auto bad = check_opening(text.substr(at, opening_end - at)))
    return *std::move(bad);

  std::optional<RequestLine> request_line;
  std::vector<std::string_view> field_lines;
  for (;;) {
    auto step = next_line(text, at);
    if (auto* bad = std::get_if<BadHead>(&step))
      return std::move(*bad);
    if (std::holds_alternative<NeedMore>(step)) {
      if (text.size() == limits::head_bytes)
        return too_large("bytes", limits::head_bytes);
      return NeedMore{};
    }
    const Line line = std::get<Line>(step);
    at = line.end;
    if (!request_line) {
      auto parsed = parse_request_line(line.text);
      if (auto* bad = std::get_if<BadHead>(&parsed))
        return std::move(*bad);
      request_line = std::get<RequestLine>(parsed);
    } else if (line.text.empty()) {
      break;
    } else if (field_lines.size() == limits::header_fields) {
      return too_large("fields", limits::header_fields);
    } else {
      field_lines.push_back(line.text);
    }
  }
  auto result = read_head(*request_line, field_lines);
  if (auto* head = std::get_if<HttpHead>(&result))
    head->bytes = at;
  return result;
}

}  // namespace mqtt_bridge
