// The strict check of an HTTP/1.1 request head (RFC 9112, RFC 9110) before the HTTP library sees
// it, and the head that the library is given instead. What two parsers could read in two ways is
// refused, so nothing can be smuggled past either. No body, no socket: chunked.hpp and
// io/connection. Values and pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/problem.hpp"

namespace mqtt_bridge {

struct HttpField {
  std::string_view name;   // as sent; compare without regard to case (RFC 9110 5.1)
  std::string_view value;  // without the white space around it; may be empty, may hold obs-text
};

/// A head that is complete and unambiguous. Its views point into the bytes that were parsed (or to
/// static storage).
struct HttpHead {
  /// How the body's length is known (RFC 9112 6.3).
  enum class Framing { none, length, chunked };

  /// The first field of that name. Host, Content-Type, Authorization, Origin and Sec-Fetch-Site
  /// occur once at most.
  std::optional<std::string_view> field(std::string_view name) const;
  /// The target up to its query; "/" where there is nothing before that.
  std::string_view path() const;
  /// What follows the first '?' of the target.
  std::string_view query() const;
  /// The values of all fields of that name as one (RFC 9110 5.3), the empty ones left out.
  std::string joined(std::string_view name) const;

  std::string_view method;  // any token but CONNECT
  std::string_view
      target;  // origin-form: path and perhaps query; "*" for OPTIONS; or only a query,
               // of an absolute-form without a path, which is "/" (RFC 9110 4.2.3)
  /// The host that the request names: host[:port] of absolute-form, else Host, which may be empty.
  /// Nothing in HTTP/1.0 without either.
  std::optional<std::string_view> authority;
  int minor_version = 1;  // HTTP/1.1 or HTTP/1.0
  std::vector<HttpField> fields;
  Framing framing = Framing::none;
  std::size_t content_length = 0;  // of Framing::length; not compared with any limit
  bool keep_alive = true;          // RFC 9112 9.3
  bool expect_continue = false;    // the client holds its body back until "100 Continue" comes
  std::size_t bytes = 0;           // of the input: up to the end of the blank line
};

struct NeedMore {};

/// Answer with this problem, then close: where the next request begins is anybody's guess.
struct BadHead {
  Problem problem;
  std::string detail;  // a sentence of ours, without a byte of the request
};

/// `bytes`: all that has come since the last request ended; what follows the head is not looked at.
/// May be called after every read: while the head is incomplete it only finds the lines and checks
/// the first, and says what is wrong as soon as it is there. The verdict does not depend on how the
/// bytes were cut.
///
/// Refused as malformed_request, beyond what the grammar refuses:
/// - a line that does not end with CRLF, a CR elsewhere, more than two blank lines before the
///   request (RFC 9112 2.2), obs-fold (5.2), white space before a colon (5.1);
/// - a version other than HTTP/1.1 and HTTP/1.0; authority-form (3.2.3);
/// - a target with anything but visible ASCII, with '#' or with '%' that two hex digits do not
///   follow. (Browsers send some visible characters that RFC 3986 wants encoded: tolerated.)
/// - absolute-form that is not http, or without a valid host[:port] (3.2.2);
/// - no Host in HTTP/1.1, or one that is neither empty nor host[:port] (3.2), also where
/// absolute-form
///   makes it meaningless;
/// - a second Host, Content-Length, Transfer-Encoding, Content-Type, Authorization, Origin,
///   Sec-Fetch-Site or Expect, the same value or not;
/// - Content-Length that is not digits, or beside Transfer-Encoding; Transfer-Encoding in HTTP/1.0
///   (6.1), or one that does not end with one plain `chunked` (6.3); Expect that is not
///   100-continue (RFC 9110 10.1.1).
/// As not_implemented: CONNECT (RFC 9110 9.1), and any coding before `chunked` (6.1).
/// Besides: headers_too_large above limits::head_bytes or limits::header_fields, uri_too_long above
/// limits::target_bytes, payload_too_large for a Content-Length that no size_t holds.
std::variant<NeedMore, HttpHead, BadHead> parse_http_head(std::string_view bytes);

/// The head for the HTTP library: HTTP/1.1, `Content-Length: 0`, and only the fields of
/// endpoints.hpp. The body travels beside it; framing, connection and ranges are not the library's
/// business, nor is a method that not every release knows: that is OPTIONS here.
///
/// Fields of one name are joined (RFC 9110 5.3). A value that the library would not hand on as it
/// is gets left out as if it had not been sent: one with '%', because every release percent-decodes
/// values, into CR LF if need be (none of these fields needs one; tracestate and Content-Type,
/// which may hold one, go their own way), and one too long for its lines. Accept is
/// application/json for who prefers that, and left out otherwise: 0.41 refuses one that is not to
/// the letter, and the others do not look at it. The query goes its own way (query.hpp): 0.11
/// misreads a second '?' or '=' in it.
std::string head_for_httplib(const HttpHead& head);

}  // namespace mqtt_bridge
