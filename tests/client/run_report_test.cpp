#include "client/run_report.hpp"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

TEST(ProgressLine, SaysHowFarItHasComeAndWhatIsLeft) {
  EXPECT_EQ(progress_line({.ended = 500, .failed = 2, .part = 0.25, .spent = 2s}, 80),
            "[#####---------------] 25%  500 calls, 250/s, 2 failed, 6 s left");
  EXPECT_EQ(progress_line({.ended = 10, .part = 1.0, .spent = 1s}, 80),
            "[####################] 100%  10 calls, 10/s");
  EXPECT_EQ(progress_line({.ended = 0, .part = 0.0, .spent = 0s}, 80),
            "[--------------------] 0%  0 calls, 0/s");
}

TEST(ProgressLine, SaysOnlyHowManyWhereTheWholeIsNotKnown) {
  EXPECT_EQ(progress_line({.ended = 500, .spent = 2s}, 80), "500 calls, 250/s");
}

TEST(ProgressLine, FitsTheTerminal) {
  EXPECT_EQ(progress_line({.ended = 500, .part = 0.5, .spent = 2s}, 20).size(), 20U);
}

TEST(LatencySummary, SaysWhatTheMiddleAndTheSlowestTook) {
  LatencySummary summary;
  for (int ms = 100; ms >= 1; --ms)
    summary.answered(std::chrono::milliseconds(ms));
  summary.failed();
  EXPECT_EQ(summary.in_words(2s),
            "101 calls in 2.00 s: 100 answered, 1 failed, 50/s\n"
            "milliseconds: min 1.00, p50 50.00, p90 90.00, p99 99.00, max 100.00\n");
  EXPECT_EQ(summary.in_json(2s),
            R"({"answered":100,"failed":1,"seconds":2.000,"milliseconds":{"min":1.000,)"
            R"("p50":50.000,"p90":90.000,"p99":99.000,"max":100.000}})"
            "\n");
}

TEST(LatencySummary, SaysOfOneCallTheSameThroughout) {
  LatencySummary summary;
  summary.answered(1234us);
  EXPECT_EQ(summary.in_words(1s),
            "1 calls in 1.00 s: 1 answered, 0 failed, 1/s\n"
            "milliseconds: min 1.23, p50 1.23, p90 1.23, p99 1.23, max 1.23\n");
}

TEST(LatencySummary, HasNothingToSayOfNoAnswer) {
  LatencySummary summary;
  summary.failed();
  EXPECT_EQ(summary.in_words(1s), "1 calls in 1.00 s: 0 answered, 1 failed, 0/s\n");
  EXPECT_EQ(summary.in_json(1s),
            "{\"answered\":0,\"failed\":1,\"seconds\":1.000,\"milliseconds\":{}}\n");
}

}  // namespace
}  // namespace mqtt_bridge
