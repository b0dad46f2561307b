// An incremental decoder of the chunked transfer coding (RFC 9112 7.1), strict, with a bound on all
// that a peer can send: the body, and everything around it. Extensions and trailers are checked by
// their grammar and then ignored (7.1.1, 7.1.2). State machine; owner serialises.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "base/problem.hpp"
#include "http/head.hpp"

namespace mqtt_bridge {

struct BodyComplete {};

/// Answer with this problem, then close.
struct BadBody {
  Problem problem;          // payload_too_large or malformed_request
  std::string_view detail;  // a sentence; static
};

class ChunkedBody {
 public:
  explicit ChunkedBody(std::size_t max_body) : room_(max_body) {}

  struct Progress {
    std::size_t consumed;  // bytes of `in`; all of them when more are needed
    std::variant<NeedMore, BodyComplete, BadBody> outcome;
  };

  /// Takes what it can from `in` and appends the data to `out`, never more than max_body in all. A
  /// chunk that would pass max_body is refused at its size, before its data. Once the body is
  /// complete or bad, further calls consume nothing and say the same again.
  Progress decode(std::string_view in, std::string& out);

 private:
  enum class At {
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer,  // at the beginning of a trailer line, or of the last line
    trailer_name,
    trailer_value,
    trailer_lf,
    last_lf,
    complete,
    bad,
  };

  /// Within extensions: what came last, white space apart (RFC 9112 7.1.1).
  enum class Extension {
    none,  // nothing but the size, or a whole extension and white space
    semicolon,
    name,
    spaced_name,  // and white space
    equals,
    value,
    quoted,   // within a quoted string
    escaped,  // within one, behind a backslash
    quoted_value,
    bad,
  };

  static Extension after(Extension at, char c);
  void take(char c);
  void take_size(char c);
  void take_extension(char c);
  void take_trailer(char c);
  void end_size_line(char c);
  void expect(char expected, char c, At next);
  void count_overhead();
  void fail(Problem problem, std::string_view detail);

  At at_ = At::size;
  Extension extension_ = Extension::none;  // while at extension
  std::size_t room_;                       // for data that no chunk size has claimed yet
  std::size_t left_ = 0;                   // of this chunk's data; while at size: the size so far
  int size_digits_ = 0;                    // of this chunk
  std::size_t overhead_ = 0;               // extensions and trailers so far
  BadBody why_bad_{Problem::malformed_request, {}};  // once bad
};

}  // namespace mqtt_bridge
