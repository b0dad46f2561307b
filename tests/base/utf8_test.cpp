#include "base/utf8.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::string_view_literals;

struct Row {
  std::string_view bytes;
  std::string_view what;
};

constexpr Row well_formed[] = {
    {""sv, "nothing"},
    {"plain ASCII, more than eight bytes"sv, "ASCII"},
    {"\0"sv, "U+0000"},
    {"\x7F"sv, "U+007F, the last of one byte"},
    {"\xC2\x80"sv, "U+0080, the first of two"},
    {"\xDF\xBF"sv, "U+07FF, the last of two"},
    {"\xE0\xA0\x80"sv, "U+0800, the first of three"},
    {"\xED\x9F\xBF"sv, "U+D7FF, the last before the surrogates"},
    {"\xEE\x80\x80"sv, "U+E000, the first after the surrogates"},
    {"\xEF\xBF\xBF"sv, "U+FFFF, a noncharacter"},
    {"\xF0\x90\x80\x80"sv, "U+10000, the first of four"},
    {"\xF4\x8F\xBF\xBF"sv, "U+10FFFF, the last"},
};

constexpr Row ill_formed[] = {
    {"\x80"sv, "a lone trail byte"},
    {"\xBF"sv, "a lone trail byte"},
    {"\xC0\x80"sv, "U+0000, overlong"},
    {"\xC1\xBF"sv, "U+007F, overlong"},
    {"\xE0\x80\x80"sv, "U+0000, overlong"},
    {"\xE0\x9F\xBF"sv, "U+07FF, overlong"},
    {"\xF0\x80\x80\x80"sv, "U+0000, overlong"},
    {"\xF0\x8F\xBF\xBF"sv, "U+FFFF, overlong"},
    {"\xED\xA0\x80"sv, "U+D800, the first surrogate"},
    {"\xED\xBF\xBF"sv, "U+DFFF, the last surrogate"},
    {"\xED\xA0\xBD\xED\xB8\x80"sv, "a pair of surrogates"},
    {"\xF4\x90\x80\x80"sv, "U+110000"},
    {"\xF5\x80\x80\x80"sv, "a lead byte of nothing"},
    {"\xF8\x88\x80\x80\x80"sv, "five bytes"},
    {"\xFE"sv, "FE"},
    {"\xFF"sv, "FF"},
    {"\xC3"sv, "two bytes cut after one"},
    {"\xE2\x82"sv, "three bytes cut after two"},
    {"\xF0\x9F\x98"sv, "four bytes cut after three"},
    {"\xC3\x28"sv, "a lead byte and no trail byte"},
    {"\xE2\x28\xA1"sv, "a wrong second byte"},
    {"\xE2\x82\x28"sv, "a wrong third byte"},
    {"\xF0\x9F\x98\x28"sv, "a wrong fourth byte"},
};

/// ASCII is looked at in words of eight bytes: `bytes` must count wherever it lies in one.
std::string at_offset(std::size_t offset, std::string_view bytes, std::string_view after) {
  return std::string(offset, 'x').append(bytes).append(after);
}

TEST(Utf8, AcceptsWhatIsWellFormedWhereverItStands) {
  for (const Row& row : well_formed) {
    for (std::size_t offset = 0; offset <= 17; ++offset) {
      EXPECT_TRUE(is_utf8(at_offset(offset, row.bytes, ""))) << row.what << " at " << offset;
      EXPECT_TRUE(is_utf8(at_offset(offset, row.bytes, "and more"))) << row.what;
    }
  }
}

TEST(Utf8, RefusesWhatIsIllFormedWhereverItStands) {
  for (const Row& row : ill_formed) {
    for (std::size_t offset = 0; offset <= 17; ++offset) {
      EXPECT_FALSE(is_utf8(at_offset(offset, row.bytes, ""))) << row.what << " at " << offset;
      EXPECT_FALSE(is_utf8(at_offset(offset, row.bytes, "and more"))) << row.what;
      EXPECT_FALSE(is_utf8(at_offset(offset, row.bytes, "é"))) << row.what;
    }
  }
}

TEST(Utf8, ReadsNothingBehindTheEnd) {
  constexpr std::string_view euro = "€";
  EXPECT_TRUE(is_utf8(euro));
  EXPECT_FALSE(is_utf8(euro.substr(0, 2)));
  EXPECT_FALSE(is_utf8(euro.substr(0, 1)));
  EXPECT_TRUE(is_utf8(euro.substr(0, 0)));
  EXPECT_TRUE(is_utf8(std::string_view()));
}

TEST(Ascii, IsWhatHasNoByteAbove7F) {
  std::string text = "twenty bytes of text";
  EXPECT_TRUE(is_ascii(text));
  EXPECT_TRUE(is_ascii(""));
  for (char& c : text) {
    const char was = std::exchange(c, '\x80');
    EXPECT_FALSE(is_ascii(text)) << text;
    c = was;
  }
}

TEST(Utf8, FindsTheOneBadByteOfAMebibyte) {
  std::string text(1024 * 1024, 'x');
  EXPECT_TRUE(is_utf8(text));
  text.back() = '\xC3';
  EXPECT_FALSE(is_utf8(text));
}

TEST(Unprintable, IsWhatBreaksALineOrTellsATerminalToDoSomething) {
  const std::pair<std::string_view, std::size_t> rows[] = {
      {"", 0},
      {"a", 0},
      {" ", 0},
      {"\n", 1},
      {"\x1b[1m", 1},
      {"\x7f", 1},
      {"\0"sv, 1},
      {"\xc2\x80", 2},
      {"\xc2\x9b", 2},
      {"\xc2\xa0", 0},
      {"\xc3\xa9", 0},
      {"\xc2", 0},
      {"\xe2\x80", 0},
      {"\xe2\x80\x8d", 0},
      {"\xe2\x80\x8e", 3},
      {"\xe2\x80\xa8", 3},
      {"\xe2\x80\xae", 3},
      {"\xe2\x80\xaf", 0},
      {"\xe2\x81\xa5", 0},
      {"\xe2\x81\xa6", 3},
      {"\xe2\x81\xa9", 3},
      {"\xe2\x81\xaa", 0},
  };
  for (const auto& [text, bytes] : rows)
    EXPECT_EQ(unprintable_at(text), bytes) << testing::PrintToString(text);
}

}  // namespace
}  // namespace mqtt_bridge
