#include "base/duration.hpp"

#include <chrono>
#include <string_view>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

TEST(Duration, IsANumberAndAUnitOrANumberOfSeconds) {
  struct Row {
    std::string_view text;
    milliseconds duration;
  };
  const Row rows[] = {
      {"0ms", 0ms},
      {"0s", 0ms},
      {"1ms", 1ms},
      {"1500ms", 1500ms},
      {"2s", 2s},
      {"007s", 7s},
      {"1.5s", 1500ms},
      {"0.5s", 500ms},
      {"0.001s", 1ms},
      {"1.500000000000s", 1500ms},
      {"3.000ms", 3ms},
      {"1m", 60s},
      {"0.5m", 30s},
      {"5", 5s},
      {"0", 0s},
      {"1.5", 1500ms},
      {"0.001", 1ms},
      {"9223372036854775.807", milliseconds::max()},
      {"9223372036854775807ms", milliseconds::max()},
      {"9223372036854775.807s", milliseconds::max()},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(parse_duration(row.text), row.duration) << row.text;
  }
}

TEST(Duration, IsNothingElse) {
  for (const std::string_view text :
       {"",           "s",     "ms",   "m",    ".",    ".s",  ".5s", "5.s",  "1.2.3s", " 1s",
        "1s ",        "1 s",   "1s1s", "1sx",  "-1s",  "+1s", "-0s", "1e9s", "1E3ms",  "inf",
        "infs",       "nan",   "nans", "0x1s", "1,5s", "1S",  "1MS", "1h",   "1us",    "1min",
        "1\xc2\xb5s", "1.-5s", "--1s", "5.",   ".5",   "1\n", "5,0", "1\ns"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  EXPECT_FALSE(parse_duration(std::string_view("1\0s", 3)));
  EXPECT_FALSE(parse_duration(std::string_view("1s\0", 3)));
}

TEST(Duration, IsNeverRounded) {
  for (const std::string_view text :
       {"0.5ms", "1.0005", "1.0005s", "0.0001s", "0.00001m", "1.0000000001s"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, NeverOverflows) {
  for (const std::string_view text :
       {"9223372036854775808ms", "9223372036854775.808s", "9223372036854776s", "9223372036854776",
        "153722867280913m", "99999999999999999999999s", "0.99999999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, IsWrittenInTheLargestUnitThatFits) {
  struct Row {
    milliseconds duration;
    std::string_view text;
  };
  const Row rows[] = {
      {0ms, "0s"},
      {1ms, "1ms"},
      {999ms, "999ms"},
      {1s, "1s"},
      {1500ms, "1500ms"},
      {5s, "5s"},
      {60s, "1m"},
      {90s, "90s"},
      {61s, "61s"},
      {3600s, "60m"},
      {milliseconds::max(), "9223372036854775807ms"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(duration_text(row.duration), row.text);
    EXPECT_EQ(parse_duration(row.text), row.duration);
  }
}

}  // namespace
}  // namespace mqtt_bridge
