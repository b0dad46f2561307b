#include "http/query.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

/// `name=value` for each parameter, in brackets.
std::string read(std::string_view query) {
  std::string text;
  for (const QueryParameter& parameter : parse_query(query))
    text += "[" + parameter.name + "=" + parameter.value + "]";
  return text;
}

TEST(Query, IsTakenApartInItsOrder) {
  struct Row {
    std::string_view query;
    std::string_view parameters;
  };
  const Row rows[] = {
      {"", ""},
      {"netid=a&timeout=5s&netid=b", "[netid=a][timeout=5s][netid=b]"},
      {"&&a=b&&c&", "[a=b][c=]"},
      {"a", "[a=]"},
      {"a=", "[a=]"},
      {"=a", "[=a]"},
      {"a=b=c==", "[a=b=c==]"},
      {"a=b?c", "[a=b?c]"},
      {"a;b=c", "[a;b=c]"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(read(row.query), row.parameters) << row.query;
}

TEST(Query, IsDecodedAfterItWasTakenApart) {
  EXPECT_EQ(read("%6eet%69D=%41%2f"), "[netiD=A/]");
  EXPECT_EQ(read("a=b%26c%3Dd"), "[a=b&c=d]");
  EXPECT_EQ(read("a=b+c%2B"), "[a=b c+]");
  EXPECT_EQ(read("a=%c3%A9%00%0d"), std::string("[a=\xc3\xa9\0\r]", 8));
  EXPECT_EQ(read("a=%&b=%4&c=%4g&d=%%41"), "[a=%][b=%4][c=%4g][d=%A]");
}

}  // namespace
}  // namespace mqtt_bridge
