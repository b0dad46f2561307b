#include "text/transform.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits/call.hpp"
#include "text/repeated.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::string_view_literals;

std::uint32_t no_randomness(std::uint32_t) {
  ADD_FAILURE() << "only shuffle is random";
  return 0;
}

/// Fisher-Yates with this swaps each unit with itself.
std::uint32_t keep_the_order(std::uint32_t bound) {
  return bound - 1;
}

struct Example {
  std::string_view text;
  std::string_view expected;
};

void expect_rows(Action action, const auto& rows) {
  for (const Example& row : rows)
    EXPECT_EQ(transform(action, row.text, no_randomness), row.expected) << row.text;
}

TEST(Transform, UppercasesByTheFullMappingsOfNoLanguage) {
  constexpr Example rows[] = {
      {"", ""},
      {"Hello, World! 123", "HELLO, WORLD! 123"},
      {"a\0b"sv, "A\0B"sv},
      {"straße", "STRASSE"},
      {"ẞ", "ẞ"},
      {"ﬁve", "FIVE"},
      {"ŉ", "ʼN"},
      {"ΐ", "Ι\u0308\u0301"},
      {"ᾳ", "ΑΙ"},
      {"ος", "ΟΣ"},
      {"άέ", "ΆΈ"},  // Greek itself would drop the accents
      {"iı", "II"},
      {"İ", "İ"},
      {"ǆ ǅ", "Ǆ Ǆ"},
      {"e\u0301", "E\u0301"},
      {"ᏸ ꭰ", "Ᏸ Ꭰ"},
      {"ა", "Ა"},
      {"𐐨", "𐐀"},
      {"한국어 日本 \u05E9\u05DC\u05D5\u05DD", "한국어 日本 \u05E9\u05DC\u05D5\u05DD"},
  };
  expect_rows(Action::uppercase, rows);
}

TEST(Transform, LowercasesByTheFullMappingsOfNoLanguage) {
  constexpr Example rows[] = {
      {"", ""},
      {"Hello, World! 123", "hello, world! 123"},
      {"A\0B"sv, "a\0b"sv},
      {"STRASSE ẞ", "strasse ß"},
      {"Iİ", "ii\u0307"},
      {"Ǆ ǅ", "ǆ ǆ"},
      {"K Å Ω", "k å ω"},
      {"Ა", "ა"},
      {"𐐀", "𐐨"},
  };
  expect_rows(Action::lowercase, rows);
}

TEST(Transform, LowercasesASigmaByItsPlaceInTheWord) {
  constexpr Example rows[] = {
      {"ΟΔΥΣΣΕΥΣ", "οδυσσευς"}, {"Σ", "σ"},
      {"ΑΣ ΣΑ", "ας σα"},       {"ΑΣ.", "ας."},
      {"Α.Σ", "α.ς"},           {"ΑΣ.Α", "ασ.α"},
      {"ΑΣ\u0301", "ας\u0301"}, {"1Σ", "1σ"},
      {"ΑΣ\u00AD", "ας\u00AD"}, {"ΑΣ\u00ADΑ", "ασ\u00ADα"},
      {"ΣΣΣ", "σσς"},
  };
  expect_rows(Action::lowercase, rows);
}

TEST(Transform, TitleCasesByWordBoundaries) {
  constexpr Example rows[] = {
      {"", ""},
      {"hello WORLD", "Hello World"},
      {"they're", "They're"},
      {"THEY'RE HERE", "They're Here"},
      {"l\u2019\u00E9t\u00E9", "L\u2019\u00E9t\u00E9"},
      {"'quoted' (words)", "'Quoted' (Words)"},
      {"one-two three_four", "One-Two Three_four"},
      {"_private", "_Private"},
      {"1st 2ND a1b", "1st 2nd A1b"},
      {"  two\tthree\r\nfour\nfive  ", "  Two\tThree\r\nFour\nFive  "},
      {"a\0b"sv, "A\0B"sv},
      {"ǆ Ǆ", "ǅ ǅ"},
      {"ßa", "Ssa"},
      {"ﬁve", "Five"},
      {"ΟΔΥΣΣΕΥΣ", "Οδυσσευς"},
      {"istanbul İZMİR", "Istanbul İzmi\u0307r"},
      {"ijs", "Ijs"},  // Dutch itself would write "IJs"
      {"e\u0301A\u0300", "E\u0301a\u0300"},
      {"привет МИР", "Привет Мир"},
      {"한국어 日本 \u05E9\u05DC\u05D5\u05DD", "한국어 日本 \u05E9\u05DC\u05D5\u05DD"},
  };
  expect_rows(Action::title_case, rows);
}

// Extended grapheme clusters of one text; joined they are the text.
const std::vector<std::vector<std::string_view>> clustered{
    {},
    {"a"},
    {"a", "b", "c"},
    {"a", "\0"sv, "b"},
    {"a", "\r\n", "b"},
    {"\n", "\r"},
    {"\r", "\r\n", "\n"},
    {"\r\n", "\r\n"},
    {"e\u0301", "x"},
    {"x", "a\u0323\u0301", "b"},
    {"\u0301", "a"},
    {"n", "o", "e\u0308", "l"},
    {"👨\u200D👩\u200D👧\u200D👦", "!"},
    {"👍\U0001F3FD", "👍"},
    {"✌\uFE0F", "1\uFE0F\u20E3"},
    {"🇦🇹", "🇩🇪", "🇦"},
    {"🏴\u200D☠\uFE0F", "🏳\uFE0F\u200D🌈"},
    {"\u1112\u1161\u11AB", "\u1100\u116E\u11A8"},
    {"한", "국", "어"},
    {"\u0E01\u0E33", "\u0E01"},
    {"\u05E9\u05C1", "\u05DC"},
    {"日", "本"},
};

std::string joined(const auto& graphemes) {
  std::string result;
  for (const std::string_view grapheme : graphemes)
    result += grapheme;
  return result;
}

TEST(Transform, ReversesByGraphemeCluster) {
  for (std::vector<std::string_view> graphemes : clustered) {
    const std::string text = joined(graphemes);
    std::ranges::reverse(graphemes);
    EXPECT_EQ(transform(Action::reverse, text, no_randomness), joined(graphemes)) << text;
  }
}

TEST(Transform, ShufflesByGraphemeClusterInTheOrderThatTheNumbersSay) {
  for (std::vector<std::string_view> graphemes : clustered) {
    const std::string text = joined(graphemes);
    EXPECT_EQ(transform(Action::shuffle, text, keep_the_order), text);
    // Always the first: the last cluster gets the first one's place, and so on downwards.
    const std::string shuffled = transform(Action::shuffle, text, [](auto) { return 0U; });
    if (!graphemes.empty())
      std::rotate(graphemes.begin(), graphemes.begin() + 1, graphemes.end());
    EXPECT_EQ(shuffled, joined(graphemes)) << text;
  }
}

TEST(Transform, AsksForOneNumberPerClusterButOne) {
  for (const std::vector<std::string_view>& graphemes : clustered) {
    std::vector<std::uint32_t> bounds;
    transform(Action::shuffle, joined(graphemes), [&](std::uint32_t bound) {
      bounds.push_back(bound);
      return bound - 1;
    });
    std::vector<std::uint32_t> expected;
    for (std::size_t left = graphemes.size(); left > 1; --left)
      expected.push_back(static_cast<std::uint32_t>(left));
    EXPECT_EQ(bounds, expected) << joined(graphemes);
  }
}

TEST(Transform, ShufflesToEachOrderEquallyOften) {
  for (const std::string_view text : {"abc"sv, "aä\u0323🇦🇹"sv}) {
    std::map<std::string, int> seen;
    for (std::uint32_t third = 0; third < 3; ++third) {
      for (std::uint32_t second = 0; second < 2; ++second) {
        const auto numbers = [=](std::uint32_t bound) { return bound == 3 ? third : second; };
        ++seen[transform(Action::shuffle, text, numbers)];
      }
    }
    EXPECT_EQ(seen.size(), 6U) << text;
  }
}

TEST(Transform, TreatsAsciiAsItTreatsOtherText) {
  // A letter in front that is not ASCII must not change what becomes of the rest.
  constexpr std::uint32_t seed = 20240229;
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string ascii;
    for (auto left = random() % 12; left > 0; --left)
      ascii += static_cast<char>(random() % 128);
    const std::string text = "日\n" + ascii;
    const std::string reversed = transform(Action::reverse, ascii, no_randomness);
    EXPECT_EQ(transform(Action::reverse, text, no_randomness), reversed + "\n日")
        << "seed " << seed;
    EXPECT_EQ(transform(Action::shuffle, ascii, keep_the_order), ascii);
  }
}

TEST(Transform, TransformsAMebibyte) {
  for (const std::string_view piece : {"hello WORLD, they're "sv, "Straße ΟΔΟΣ "sv,
                                       "👨\u200D👩\u200D👧 "sv, "\u0301"sv, "🇦"sv, "\r\n"sv}) {
    const std::string text = repeated(piece, limits::payload_bytes);
    for (const Action action : {Action::uppercase, Action::lowercase, Action::title_case}) {
      const std::string expected =
          repeated(transform(action, piece, no_randomness), limits::response_bytes);
      const std::string result = transform(action, text, no_randomness);
      EXPECT_LE(result.size(), limits::response_bytes);
      EXPECT_TRUE(expected.starts_with(result)) << piece;
    }
    const std::string reversed = transform(Action::reverse, text, no_randomness);
    EXPECT_TRUE(transform(Action::reverse, reversed, no_randomness) == text) << piece;
    EXPECT_TRUE(transform(Action::shuffle, text, keep_the_order) == text) << piece;
  }
}

TEST(Transform, StaysWithinTheLimitOfAResponseEvenWhereItGrowsMost) {
  const std::string text = repeated("ΐ", limits::payload_bytes);  // two bytes become six
  const std::string result = transform(Action::uppercase, text, no_randomness);
  EXPECT_EQ(result.size(), 3 * text.size());
  EXPECT_LE(result.size(), limits::response_bytes);
}

TEST(Transform, GivesTheSameInEveryThread) {
  // ICU sets up what its threads share on first use; ThreadSanitizer cannot see into its locking.
  transform(Action::title_case, "x", no_randomness);
  std::array<std::string, 4> results;
  {
    std::vector<std::jthread> threads;
    for (std::string& result : results) {
      threads.emplace_back([&result] {
        for (int i = 0; i < 100; ++i) {
          result = transform(Action::title_case, "they're 👨\u200D👩", no_randomness);
          result = transform(Action::reverse, result, no_randomness);
        }
      });
    }
  }
  for (const std::string& result : results)
    EXPECT_EQ(result, "👨\u200D👩 er'yehT");
}

}  // namespace
}  // namespace mqtt_bridge
