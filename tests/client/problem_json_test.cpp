#include "client/problem_json.hpp"

#include <gtest/gtest.h>

#include "client/problem_reader.hpp"

namespace mqtt_bridge {
namespace {

TEST(ProblemJson, IsOneLineThatSaysTheSentence) {
  EXPECT_EQ(problem_json("no \"x\" at \\y"),
            "{\"type\":\"about:blank\",\"detail\":\"no \\\"x\\\" at \\\\y\"}\n");
}

TEST(ProblemJson, IsJsonWhateverTheSentenceHolds) {
  for (const char* const detail : {"", "a\nb", "\xff\x01", "\xe2\x80\xae"})
    EXPECT_TRUE(read_problem(problem_json(detail)).has_value()) << detail;
}

}  // namespace
}  // namespace mqtt_bridge
