#include "text/content_rule.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include <unicode/bytestream.h>
#include <unicode/casemap.h>

#include "base/utf8.hpp"
#include "text/case_mapping.hpp"
#include "text/icu.hpp"
#include "text/transform.hpp"

namespace mqtt_bridge {
namespace {

// Each visit_ function gives the right answers to `take`, the usual ones first, until it says that
// it has enough; and returns whether it did.

/// A text as it came, and as the full mappings need it to be taken apart.
struct TitleSource {
  explicit TitleSource(std::string_view as_it_came)
      : text(as_it_came), settled(settle_sigmas(as_it_came)), ascii(is_ascii(as_it_came)) {}
  std::string_view text;
  std::string settled;
  bool ascii;
};

/// The source in title case by these words, with every mapping; in ASCII they are all one.
template <typename Take>
bool visit_titles(const TitleSource& source, const Words& words, const Take& take) {
  if (take(title(source.text, words, Mapping::ascii, Head::title)))
    return true;
  if (source.ascii)
    return false;
  return std::ranges::any_of(std::array{Head::title, Head::upper}, [&](Head head) {
    return take(title(source.settled, words, Mapping::full, head)) ||
           take(title(source.text, words, Mapping::single, head));
  });
}

template <typename Take>
bool visit_title_cases(std::string_view text, const Take& take) {
  const TitleSource source(text);
  const auto not_space = [](UChar32 c) { return c != ' '; };
  const auto not_whitespace = [](UChar32 c) { return !is_whitespace(c); };
  if (visit_titles(source, runs(text, is_cased), take) ||
      take(transform(Action::title_case, text, {})) ||
      (!source.ascii && visit_titles(source, words_by_boundaries(text), take))) {
    return true;
  }
  const Words by_spaces = runs(text, not_space);
  if (visit_titles(source, by_spaces, take))
    return true;
  const Words by_whitespace = runs(text, not_whitespace);
  if (by_whitespace != by_spaces && visit_titles(source, by_whitespace, take))
    return true;
  const std::string collapsed = collapse_whitespace(text);
  return collapsed != text &&
         visit_titles(TitleSource(collapsed), runs(collapsed, not_space), take);
}

template <typename Take>
bool visit_cases(std::string_view text, std::string (*change)(std::string_view, Mapping),
                 const Take& take) {
  if (take(change(text, Mapping::ascii)))
    return true;
  return !is_ascii(text) &&
         (take(change(text, Mapping::full)) || take(change(text, Mapping::single)));
}

std::string reverse_code_points(std::string_view text) {
  std::string result(text.size(), '\0');
  auto to = result.end();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    next_code_point(text, at);
    const std::string_view code_point = text.substr(begin, at - begin);
    to -= static_cast<std::ptrdiff_t>(code_point.size());
    std::ranges::copy(code_point, to);
  }
  return result;
}

template <typename Take>
bool visit_reversals(std::string_view text, const Take& take) {
  return take(reverse_code_points(text)) || take(transform(Action::reverse, text, {})) ||
         take(std::string(text.rbegin(), text.rend()));
}

/// How often `text` has each byte: the same for all its permutations, and for nothing else.
std::string byte_counts(std::string_view text) {
  std::array<std::uint32_t, 256> counts{};
  for (const char c : text)
    ++counts[static_cast<unsigned char>(c)];
  std::string result;
  for (std::size_t byte = 0; byte < counts.size(); ++byte) {
    if (counts[byte] == 0)
      continue;
    result += static_cast<char>(byte);
    for (const int shift : {0, 8, 16, 24})
      result += static_cast<char>(counts[byte] >> shift);
  }
  return result;
}

template <typename Take>
bool visit_answers(Action action, std::string_view request, const Take& take) {
  switch (action) {
    case Action::uppercase:
      return visit_cases(request, upper, take);
    case Action::lowercase:
      return visit_cases(request, lower, take);
    case Action::title_case:
      return visit_title_cases(request, take);
    case Action::reverse:
      return visit_reversals(request, take);
    case Action::shuffle:
      return take(byte_counts(request));
  }
  return false;
}

std::string fold(std::string_view text) {
  std::string result;
  icu::StringByteSink<std::string> sink(&result, static_cast<std::int32_t>(text.size()));
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8Fold(U_FOLD_CASE_DEFAULT, text, sink, nullptr, status);
  check(status);
  return result;
}

/// Without what title-casing collapses, and without the dot of "i̇", which only the full mapping of
/// "İ" has.
std::string without_spaces_and_dots(std::string_view text) {
  constexpr UChar32 dot_above = 0x307;
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const UChar32 c = next_code_point(text, at);
    if (c != dot_above && !is_whitespace(c))
      result += text.substr(begin, at - begin);
  }
  return result;
}

/// prefilter_key() of ASCII: most texts are.
std::string ascii_prefilter_key(std::string_view text) {
  std::string result(text.size(), '\0');
  char* to = result.data();
  for (const char c : text) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    const bool is_blank = c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F);
    if (!is_blank)
      *to++ = is_upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  result.resize(static_cast<std::size_t>(to - result.data()));
  return result;
}

}  // namespace

std::vector<std::string> answer_keys(Action action, std::string_view request) {
  std::vector<std::string> keys;
  visit_answers(action, request, [&](std::string key) {
    if (std::ranges::find(keys, key) == keys.end())
      keys.push_back(std::move(key));
    constexpr bool is_enough = false;
    return is_enough;
  });
  return keys;
}

std::string response_key(Action action, std::string_view response) {
  return action == Action::shuffle ? byte_counts(response) : std::string(response);
}

Fit fit(Action action, std::string_view request, std::string_view response) {
  const std::string exact = response_key(action, response);
  const bool ends_line = response.ends_with('\n');
  const std::string less =
      ends_line ? response_key(action, response.substr(0, response.size() - 1)) : exact;
  const std::string more = response_key(action, std::string(response) + '\n');
  Fit best = Fit::none;
  visit_answers(action, request, [&](const std::string& answer) {
    if (answer == exact) {
      best = Fit::exact;
    } else if (ends_line && answer == less) {
      best = Fit::newline_more;
    } else if (answer == more) {
      best = Fit::newline_less;
    }
    return best == Fit::exact;
  });
  return best;
}

std::size_t check_cost(Action action, std::string_view text) {
  // Measured: 5 ns a byte for ASCII letters; 130 where words are looked for; without ASCII 45 and
  // 510. Word boundaries are ICU's.
  const std::size_t factor = action == Action::shuffle      ? 1
                             : action == Action::title_case ? (is_ascii(text) ? 16 : 64)
                                                            : (is_ascii(text) ? 1 : 8);
  return text.size() * factor;
}

std::string prefilter_key(Action action, std::string_view text) {
  if (!is_case_action(action))
    return byte_counts(text);
  if (is_ascii(text))
    return ascii_prefilter_key(text);
  if (!is_utf8(text))
    return std::string(text);  // no answer: like nothing that is UTF-8
  // "ı" is folded to itself, but its upper case is the "I" of all others.
  return without_spaces_and_dots(fold(upper(text, Mapping::full)));
}

std::optional<std::string> folded_key(Action action, std::string_view text) {
  if (!is_case_action(action) || !is_utf8(text))
    return std::nullopt;
  return fold(text);
}

}  // namespace mqtt_bridge
