// The case mappings that responders use, by all and by part of Unicode, and what they take for
// words. Pure functions; texts are UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unicode/uchar.h>

namespace mqtt_bridge {

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

/// The code point at `at`, which moves behind it. REQUIRES: is_utf8(text), at < text.size().
UChar32 next_code_point(std::string_view text, std::size_t& at);

std::string upper(std::string_view text, Mapping mapping);
std::string lower(std::string_view text, Mapping mapping);
std::string title(std::string_view text, const Words& words, Mapping mapping, Head form);

/// `text` with each "Σ" in lower case: "ς" at the end of a word, "σ" elsewhere. That is the one
/// full mapping that depends on its surroundings; without it, the parts of a text can be mapped one
/// by one. In upper and title case the three letters are the same.
std::string settle_sigmas(std::string_view text);

/// Python's too: str.isspace() has U+001C to U+001F, which Unicode's White_Space lacks.
bool is_whitespace(UChar32 c);
bool is_cased(UChar32 c);

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

/// UAX #29's words, each from its first letter, number or symbol on ("_abc", "_Abc").
Words words_by_boundaries(std::string_view text);

/// What Python's string.capwords() makes of the spaces: one between two words, none around them.
std::string collapse_whitespace(std::string_view text);

}  // namespace mqtt_bridge
