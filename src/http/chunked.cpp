#include "http/chunked.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/limits/http.hpp"

namespace mqtt_bridge {
namespace {

constexpr int longest_size = 16;  // digits; more could only be leading zeros

}  // namespace

ChunkedBody::Progress ChunkedBody::decode(std::string_view in, std::string& out) {
  std::size_t used = 0;
  while (used < in.size() && at_ != At::complete && at_ != At::bad) {
    if (at_ != At::data) {
      take(in[used++]);
      continue;
    }
    const std::size_t count = std::min(left_, in.size() - used);
    out.append(in.substr(used, count));
    used += count;
    left_ -= count;
    if (left_ == 0)
      at_ = At::data_cr;
  }
  if (at_ == At::complete)
    return {used, BodyComplete{}};
  if (at_ == At::bad)
    return {used, why_bad_};
  return {used, NeedMore{}};
}

void ChunkedBody::take(char c) {
  switch (at_) {
    case At::size:
      return take_size(c);
    case At::extension:
      return take_extension(c);
    case At::size_lf:
      return end_size_line(c);
    case At::data_cr:
      return expect('\r', c, At::data_lf);
    case At::data_lf:
      return expect('\n', c, At::size);
    case At::trailer:
    case At::trailer_name:
    case At::trailer_value:
      return take_trailer(c);
    case At::trailer_lf:
      return expect('\n', c, At::trailer);
    case At::last_lf:
      return expect('\n', c, At::complete);
    case At::data:
    case At::complete:
    case At::bad:
      return;  // decode() does not come here with these
  }
}

void ChunkedBody::take_size(char c) {
  const int digit = ascii::hex_value(c);
  if (digit < 0) {
    if (size_digits_ == 0) {
      return fail(Problem::malformed_request, "A chunk does not begin with its size.");
    }
    if (c == '\r') {
      at_ = At::size_lf;
      return;
    }
    at_ = At::extension;
    extension_ = Extension::none;
    return take_extension(c);
  }
  if (++size_digits_ > longest_size) {
    return fail(Problem::malformed_request, "A chunk size has too many digits.");
  }
  // left_ * 16 + digit > room_, without overflow.
  const auto addend = static_cast<std::size_t>(digit);
  if (left_ > room_ / 16 || addend > room_ - left_ * 16) {
    return fail(Problem::payload_too_large, "The chunks are larger than a body may be.");
  }
  left_ = left_ * 16 + addend;
}

/// RFC 9112 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ). What it says
/// does not matter, but where it ends does: two readers must not see two ends.
void ChunkedBody::take_extension(char c) {
  const bool may_end = extension_ == Extension::name || extension_ == Extension::value ||
                       extension_ == Extension::quoted_value;
  if (c == '\r' && may_end) {
    at_ = At::size_lf;
    return;
  }
  extension_ = after(extension_, c);
  if (extension_ == Extension::bad) {
    return fail(Problem::malformed_request,
                "A chunk size is not hex digits, or an extension of it not ';name=value'.");
  }
  count_overhead();
}

ChunkedBody::Extension ChunkedBody::after(Extension at, char c) {
  using enum Extension;
  const bool is_space = c == ' ' || c == '\t';
  const bool is_token = ascii::is_token_char(c);
  const bool is_text = ascii::is_field_char(c);
  switch (at) {
    case none:
      return c == ';' ? semicolon : is_space ? none : bad;
    case semicolon:
      return is_token ? name : is_space ? semicolon : bad;
    case name:
      return is_token ? name : after(spaced_name, c);
    case spaced_name:
      return c == '=' ? equals : c == ';' ? semicolon : is_space ? spaced_name : bad;
    case equals:
      return is_token ? value : c == '"' ? quoted : is_space ? equals : bad;
    case value:
      return is_token ? value : after(quoted_value, c);
    case quoted:  // RFC 9110 5.6.4
      return c == '"' ? quoted_value : c == '\\' ? escaped : is_text ? quoted : bad;
    case escaped:
      return is_text ? quoted : bad;
    case quoted_value:
      return after(none, c);
    case bad:
      return bad;
  }
  return bad;
}

void ChunkedBody::end_size_line(char c) {
  expect('\n', c, left_ == 0 ? At::trailer : At::data);
  size_digits_ = 0;
  room_ -= left_;
}

/// RFC 9112 7.1.2: field lines, in the form that the head's must have.
void ChunkedBody::take_trailer(char c) {
  if (c == '\r' && at_ != At::trailer_name) {
    at_ = at_ == At::trailer ? At::last_lf : At::trailer_lf;
    return;
  }
  if (at_ == At::trailer_name && c == ':') {
    at_ = At::trailer_value;
  } else if (at_ == At::trailer_value ? !ascii::is_field_char(c) : !ascii::is_token_char(c)) {
    return fail(Problem::malformed_request, "A trailer is not a field line.");
  } else if (at_ == At::trailer) {
    at_ = At::trailer_name;
  }
  count_overhead();
}

void ChunkedBody::expect(char expected, char c, At next) {
  if (c != expected) {
    return fail(Problem::malformed_request,
                "A CRLF of the chunked coding is not where it must be.");
  }
  at_ = next;
}

/// RFC 9112 7.1.1: "ought to limit the total length of chunk extensions".
void ChunkedBody::count_overhead() {
  if (++overhead_ > limits::chunk_overhead_bytes) {
    fail(Problem::malformed_request, "Chunk extensions and trailers are too long.");
  }
}

void ChunkedBody::fail(Problem problem, std::string_view detail) {
  at_ = At::bad;
  why_bad_ = {problem, detail};
}

}  // namespace mqtt_bridge
