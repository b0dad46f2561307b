#include "http/bearer.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TEST(Bearer, IsTheTokenBehindTheScheme) {
  struct Row {
    std::string_view authorization;
    std::string_view token;
  };
  const Row rows[] = {
      {"Bearer abc", "abc"},
      {"bearer abc", "abc"},
      {"BEARER abc", "abc"},
      {"Bearer   abc", "abc"},
      {"Bearer aZ09-._~+/==", "aZ09-._~+/=="},
  };
  for (const Row& row : rows)
    EXPECT_EQ(parse_bearer(row.authorization), row.token);
}

TEST(Bearer, IsNothingInAnyOtherForm) {
  for (const std::string_view text :
       {"", " ", "Bearer", "Bearer ", "Bearer  ", "Bearerabc", "Basic abc", "Bearer\tabc",
        "Bearer abc ", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b", "Bearer \"abc\"",
        "Bearer a%62c", "Bearer \xc3\xa9", " Bearer abc", "abc"}) {
    EXPECT_FALSE(parse_bearer(text)) << text;
  }
}

TEST(ConstantTimeEqual, TellsEqualFromDifferent) {
  struct Row {
    std::string_view presented;
    std::string_view expected;
    bool equal;
  };
  const Row rows[] = {
      {"", "", true},
      {"a", "", false},
      {"", "a", false},
      {"secret", "secret", true},
      {"secreT", "secret", false},
      {"Secret", "secret", false},
      {"secre", "secret", false},
      {"secrets", "secret", false},
      {"abab", "ab", false},
      {"ab", "abab", false},
      {"\xff", "\x7f", false},
      {"\xff", "\xff", true},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(constant_time_equal(row.presented, row.expected), row.equal)
        << row.presented << " and " << row.expected;
  }
}

TEST(ConstantTimeEqual, SeesADifferenceInEveryBit) {
  const std::string secret = "0123456789abcdef";
  for (std::size_t i = 0; i < secret.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string guess = secret;
      guess[i] = static_cast<char>(guess[i] ^ (1 << bit));
      EXPECT_FALSE(constant_time_equal(guess, secret)) << i << ' ' << bit;
    }
  }
}

TEST(ConstantTimeEqual, TakesAnEmbeddedNulForAByteLikeAnyOther) {
  EXPECT_FALSE(constant_time_equal(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
  EXPECT_FALSE(constant_time_equal(std::string_view("\0", 1), ""));
}

}  // namespace
}  // namespace mqtt_bridge
