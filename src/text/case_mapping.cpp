#include "text/case_mapping.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/stringoptions.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include "base/utf8.hpp"
#include "text/icu.hpp"
#include "text/transform.hpp"

namespace mqtt_bridge {

UChar32 next_code_point(std::string_view text, std::size_t& at) {
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(text.data());
  UChar32 code_point = 0;
  U8_NEXT(begin, at, text.size(), code_point);
  return code_point;
}

// Upper and lower case.

namespace {

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

}  // namespace

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

namespace {

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

}  // namespace

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

namespace {

constexpr std::size_t sigma_bytes = 2;  // "Σ", "σ" and "ς" alike

std::size_t find_sigma(std::string_view text, std::size_t from) {
  constexpr std::array<std::string_view, 3> sigmas{"Σ", "σ", "ς"};
  for (std::size_t at = from; at < text.size(); ++at) {
    if (std::ranges::count(sigmas, text.substr(at, sigma_bytes)) != 0)
      return at;
  }
  return std::string_view::npos;
}

}  // namespace

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

bool is_whitespace(UChar32 c) {
  return u_isspace(c) != 0;
}
bool is_cased(UChar32 c) {
  return u_hasBinaryProperty(c, UCHAR_CASED) != 0;
}

namespace {

/// What ICU's title-casing takes for a word's first character, skipping others ("_abc", "_Abc"):
/// letters, numbers, symbols and private use, of the modifier letters only those with case.
bool can_head(UChar32 c) {
  const std::uint32_t category = U_GET_GC_MASK(c);
  if ((category & U_GC_LM_MASK) != 0)
    return is_cased(c);
  return (category & (U_GC_L_MASK | U_GC_N_MASK | U_GC_S_MASK | U_GC_CO_MASK)) != 0;
}

}  // namespace

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

std::string collapse_whitespace(std::string_view text) {
  std::string result;
  for (const Word& word : runs(text, [](UChar32 c) { return !is_whitespace(c); })) {
    if (!result.empty())
      result += ' ';
    result += text.substr(word.head, word.end - word.head);
  }
  return result;
}

}  // namespace mqtt_bridge
