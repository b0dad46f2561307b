#include "text/content_rule.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <utility>

#include <unicode/brkiter.h>
#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/locid.h>
#include <unicode/stringoptions.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include "base/utf8.hpp"
#include "text/transform.hpp"

namespace mqtt_bridge {

namespace {

/// Which case mappings a responder uses: Unicode's full ones (SpecialCasing.txt: "ß" gives "SS"),
/// one code point for one (UnicodeData.txt), or those of ASCII.
enum class Mapping { full, single, ascii };

/// What becomes of a word's first character: "ǆ" is "ǅ" in title case, "Ǆ" in upper case.
enum class Head { title, upper };

/// Where in a text, in bytes, a word has its first character and the rest of it. Title-casing
/// leaves what is in no word as it is.
struct Word {
  std::size_t head;
  std::size_t tail;
  std::size_t end;
  friend bool operator==(const Word&, const Word&) = default;
};
using Words = std::vector<Word>;

void check(UErrorCode status) {
  if (U_FAILURE(status))
    throw std::runtime_error(std::string("ICU: ") + u_errorName(status));
}

/// The code point at `at`, which moves behind it. REQUIRES: is_utf8(text), at < text.size().
UChar32 next_code_point(std::string_view text, std::size_t& at) {
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(text.data());
  UChar32 code_point = 0;
  U8_NEXT(begin, at, text.size(), code_point);
  return code_point;
}

// Upper and lower case.

std::string map_single(std::string_view text, UChar32 (*map)(UChar32)) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto mapped = static_cast<std::uint32_t>(map(next_code_point(text, at)));
    std::array<std::uint8_t, U8_MAX_LENGTH> bytes{};
    std::size_t size = 0;
    U8_APPEND_UNSAFE(bytes, size, mapped);
    result.append(bytes.begin(), bytes.begin() + size);
  }
  return result;
}

std::string map_ascii(std::string_view text, char first, char last) {
  constexpr char case_bit = 'a' ^ 'A';
  std::string result(text);
  for (char& c : result) {
    if (c >= first && c <= last)
      c ^= case_bit;
  }
  return result;
}

std::string upper(std::string_view text, Mapping mapping) {
  switch (mapping) {
    case Mapping::full:
      return transform(Action::uppercase, text, {});
    case Mapping::single:
      return map_single(text, u_toupper);
    case Mapping::ascii:
      return map_ascii(text, 'a', 'z');
  }
  return {};
}

std::string lower(std::string_view text, Mapping mapping) {
  switch (mapping) {
    case Mapping::full:
      return transform(Action::lowercase, text, {});
    case Mapping::single:
      return map_single(text, u_tolower);
    case Mapping::ascii:
      return map_ascii(text, 'A', 'Z');
  }
  return {};
}

// Title case, whatever the words are.

std::string full_title(std::string_view character) {
  constexpr std::uint32_t as_it_is = U_TITLECASE_WHOLE_STRING | U_TITLECASE_NO_BREAK_ADJUSTMENT;
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToTitle("", as_it_is, nullptr, character, sink, nullptr, status);
  check(status);
  return result;
}

std::string map_head(std::string_view head, Mapping mapping, Head form) {
  if (is_ascii(head))
    return upper(head, Mapping::ascii);
  if (form == Head::upper || mapping == Mapping::ascii)
    return upper(head, mapping);
  return mapping == Mapping::full ? full_title(head) : map_single(head, u_totitle);
}

std::string title(std::string_view text, const Words& words, Mapping mapping, Head form) {
  std::string result;
  result.reserve(text.size());
  std::size_t done = 0;
  for (const Word& word : words) {
    result += text.substr(done, word.head - done);
    result += map_head(text.substr(word.head, word.tail - word.head), mapping, form);
    result += lower(text.substr(word.tail, word.end - word.tail), mapping);
    done = word.end;
  }
  result += text.substr(done);
  return result;
}

constexpr std::size_t sigma_bytes = 2;  // "Σ", "σ" and "ς" alike

std::size_t find_sigma(std::string_view text, std::size_t from) {
  constexpr std::array<std::string_view, 3> sigmas{"Σ", "σ", "ς"};
  for (std::size_t at = from; at < text.size(); ++at) {
    if (std::ranges::count(sigmas, text.substr(at, sigma_bytes)) != 0)
      return at;
  }
  return std::string_view::npos;
}

/// `text` with each "Σ" in lower case: "ς" at the end of a word, "σ" elsewhere. That is the one
/// full mapping that depends on its surroundings; without it, the parts of a text can be mapped one
/// by one. In upper and title case the three letters are the same.
std::string settle_sigmas(std::string_view text) {
  std::string result(text);
  if (text.find("Σ") == std::string_view::npos)
    return result;
  const std::string lowered = transform(Action::lowercase, text, {});
  std::size_t from = find_sigma(lowered, 0);  // nothing else is "σ" or "ς" in lower case
  for (std::size_t at = find_sigma(text, 0); at != std::string_view::npos;
       at = find_sigma(text, at + sigma_bytes)) {
    result.replace(at, sigma_bytes, lowered, from, sigma_bytes);
    from = find_sigma(lowered, from + sigma_bytes);
  }
  return result;
}

// What a word is.

/// Python's too: str.isspace() has U+001C to U+001F, which Unicode's White_Space lacks.
bool is_whitespace(UChar32 c) {
  return u_isspace(c) != 0;
}
bool is_space(UChar32 c) {
  return c == ' ';
}
bool is_cased(UChar32 c) {
  return u_hasBinaryProperty(c, UCHAR_CASED) != 0;
}

/// What ICU's title-casing takes for a word's first character, skipping others ("_abc", "_Abc"):
/// letters, numbers, symbols and private use, of the modifier letters only those with case.
bool can_head(UChar32 c) {
  const std::uint32_t category = U_GET_GC_MASK(c);
  if ((category & U_GC_LM_MASK) != 0)
    return is_cased(c);
  return (category & (U_GC_L_MASK | U_GC_N_MASK | U_GC_S_MASK | U_GC_CO_MASK)) != 0;
}

/// The maximal runs of characters in a word: where `in_word` is true.
template <typename InWord>
Words runs(std::string_view text, InWord in_word) {
  Words words;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const bool was_inside = std::exchange(inside, in_word(next_code_point(text, at)));
    if (!inside)
      continue;
    if (!was_inside)
      words.push_back({begin, at, at});
    words.back().end = at;
  }
  return words;
}

icu::BreakIterator& word_breaks() {
  thread_local const auto iterator = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> opened(
        icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), status));
    check(status);
    return opened;
  }();
  return *iterator;
}

/// UAX #29's words, each from its first can_head() on.
Words words_by_boundaries(std::string_view text) {
  Words words;
  UErrorCode status = U_ZERO_ERROR;
  UText utext = UTEXT_INITIALIZER;
  utext_openUTF8(&utext, text.data(), static_cast<std::int64_t>(text.size()), &status);
  const std::unique_ptr<UText, decltype(&utext_close)> closes(&utext, &utext_close);
  icu::BreakIterator& breaks = word_breaks();
  breaks.setText(&utext, status);
  check(status);
  auto at = static_cast<std::size_t>(breaks.first());
  for (std::int32_t next = breaks.next(); next != icu::BreakIterator::DONE; next = breaks.next()) {
    const auto end = static_cast<std::size_t>(next);
    while (at < end) {
      const std::size_t begin = at;
      if (!can_head(next_code_point(text, at)))
        continue;
      words.push_back({begin, at, end});
      at = end;
    }
  }
  return words;
}

/// What Python's string.capwords() makes of the spaces: one between two words, none around them.
std::string collapse_whitespace(std::string_view text) {
  std::string result;
  for (const Word& word : runs(text, [](UChar32 c) { return !is_whitespace(c); })) {
    if (!result.empty())
      result += ' ';
    result += text.substr(word.head, word.end - word.head);
  }
  return result;
}

// The answers.

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
  const auto not_space = [](UChar32 c) { return !is_space(c); };
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

/// likeness() of ASCII: most texts are.
std::string ascii_likeness(std::string_view text) {
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

std::string likeness(Action action, std::string_view text) {
  if (!is_case_action(action))
    return byte_counts(text);
  if (is_ascii(text))
    return ascii_likeness(text);
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
