#include "http/idempotency_key.hpp"

#include <string>

#include <gtest/gtest.h>

#include "base/limits/later.hpp"

namespace mqtt_bridge {
namespace {

/// The key, or "-".
std::string key_in(const std::string& field) {
  const auto key = parse_idempotency_key(field);
  const auto* const failure = std::get_if<Failure>(&key);
  if (failure == nullptr)
    return std::get<std::string>(key);
  EXPECT_EQ(failure->problem, Problem::invalid_idempotency_key);
  EXPECT_NE(failure->detail.find("quoted string"), std::string::npos) << failure->detail;
  return "-";
}

TEST(IdempotencyKey, IsAStringOrATokenAsPeopleSendIt) {
  EXPECT_EQ(key_in("\"8e03978e-40d5-43e8-bc93-6894a57f9324\""),
            "8e03978e-40d5-43e8-bc93-6894a57f9324");
  EXPECT_EQ(key_in("8e03978e-40d5-43e8-bc93-6894a57f9324"), "8e03978e-40d5-43e8-bc93-6894a57f9324");
  EXPECT_EQ(key_in("\"a \\\"b\\\" \\\\ c, d; e\""), "a \"b\" \\ c, d; e");
  EXPECT_EQ(key_in("KG5LxwFBepaKHyUD=="), "KG5LxwFBepaKHyUD==");
  EXPECT_EQ(key_in("100%"), "100%");
}

TEST(IdempotencyKey, IsNothingElse) {
  for (const std::string field :
       {"", "\"", "\"\"", "\"a", "a\"", "\"a\"b\"", "\"a\"b", "a b", "a,b", "\"a\", \"b\"", "a;b",
        "\"a\\n\"", "\"a\\\"", "a\\", "\xc3\xa9", "\"\xc3\xa9\"", "a\tb", "\"a\x7f\""})
    EXPECT_EQ(key_in(field), "-") << field;
}

TEST(IdempotencyKey, HasALimit) {
  const std::string longest(limits::idempotency_key_bytes, 'k');
  EXPECT_EQ(key_in(longest), longest);
  EXPECT_EQ(key_in("\"" + longest + "\""), longest);
  EXPECT_EQ(key_in(longest + "k"), "-");
  EXPECT_EQ(key_in("\"" + longest + "k\""), "-");
}

}  // namespace
}  // namespace mqtt_bridge
