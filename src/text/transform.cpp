#include "text/transform.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/utext.h>

#include "text/icu.hpp"

namespace mqtt_bridge {

namespace {

constexpr const char* root_locale = "";  // null would be the machine's own

/// Calls `visit` with each extended grapheme cluster of `text`, in order.
template <typename Visit>
void for_each_grapheme(std::string_view text, Visit visit) {
  UErrorCode status = U_ZERO_ERROR;
  UText utext = UTEXT_INITIALIZER;
  utext_openUTF8(&utext, text.data(), static_cast<std::int64_t>(text.size()), &status);
  const std::unique_ptr<UText, decltype(&utext_close)> closes(&utext, &utext_close);
  icu::BreakIterator& breaks = grapheme_breaks();
  breaks.setText(&utext, status);
  check(status);
  auto begin = static_cast<std::size_t>(breaks.first());
  for (std::int32_t end = breaks.next(); end != icu::BreakIterator::DONE; end = breaks.next()) {
    visit(text.substr(begin, static_cast<std::size_t>(end) - begin));
    begin = static_cast<std::size_t>(end);
  }
}

/// UAX #29: within ASCII only CR LF is a cluster of more than one byte.
bool is_one_grapheme_per_byte(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c < 0x80 && c != '\r'; });
}

std::string uppercase(std::string_view text) {
  std::string result;
  icu::StringByteSink<std::string> sink(&result, static_cast<std::int32_t>(text.size()));
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToUpper(root_locale, 0, text, sink, nullptr, status);
  check(status);
  return result;
}

std::string lowercase(std::string_view text) {
  std::string result;
  icu::StringByteSink<std::string> sink(&result, static_cast<std::int32_t>(text.size()));
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower(root_locale, 0, text, sink, nullptr, status);
  check(status);
  return result;
}

std::string title_case(std::string_view text) {
  std::string result;
  icu::StringByteSink<std::string> sink(&result, static_cast<std::int32_t>(text.size()));
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToTitle(root_locale, 0, &word_breaks(), text, sink, nullptr, status);
  check(status);
  return result;
}

std::string reverse(std::string_view text) {
  if (is_one_grapheme_per_byte(text))
    return {text.rbegin(), text.rend()};
  std::string result(text.size(), '\0');
  auto at = result.end();
  for_each_grapheme(text, [&](std::string_view grapheme) {
    at -= static_cast<std::ptrdiff_t>(grapheme.size());
    std::ranges::copy(grapheme, at);
  });
  return result;
}

/// Fisher-Yates: with fair numbers every order is equally likely.
template <typename Sequence>
void shuffle_in_place(Sequence& sequence, const RandomBelow& random_below) {
  for (std::size_t left = sequence.size(); left > 1; --left) {
    std::swap(sequence[left - 1], sequence[random_below(static_cast<std::uint32_t>(left))]);
  }
}

std::string shuffle(std::string_view text, const RandomBelow& random_below) {
  std::string result;
  if (is_one_grapheme_per_byte(text)) {
    result = text;
    shuffle_in_place(result, random_below);
    return result;
  }
  std::vector<std::string_view> graphemes;
  for_each_grapheme(text, [&](std::string_view grapheme) { graphemes.push_back(grapheme); });
  shuffle_in_place(graphemes, random_below);
  result.reserve(text.size());
  for (const std::string_view grapheme : graphemes)
    result += grapheme;
  return result;
}

}  // namespace

std::string transform(Action action, std::string_view text, const RandomBelow& random_below) {
  switch (action) {
    case Action::uppercase:
      return uppercase(text);
    case Action::lowercase:
      return lowercase(text);
    case Action::title_case:
      return title_case(text);
    case Action::reverse:
      return reverse(text);
    case Action::shuffle:
      return shuffle(text, random_below);
  }
  return {};
}

}  // namespace mqtt_bridge
