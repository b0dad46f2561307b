#include "client/problem_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

#include "base/ascii.hpp"
#include "base/utf8.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t problem_bytes = 64 * 1024;
constexpr int problem_levels = 16;

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

}  // namespace

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

}  // namespace mqtt_bridge
