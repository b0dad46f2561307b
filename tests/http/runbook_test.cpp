// docs/problems.md, as it is compiled in.
#include "http/runbook.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/problem.hpp"

namespace mqtt_bridge {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Runbook, HasAnEntryForEachProblem) {
  for (const ProblemKind& kind : all_problems()) {
    const std::string entry(runbook_entry(kind.slug));
    EXPECT_THAT(entry, HasSubstr("\n- Look at: ")) << kind.slug;
    EXPECT_THAT(entry, HasSubstr("\n- Do: ")) << kind.slug;
    EXPECT_THAT(entry, Not(HasSubstr("\n#"))) << kind.slug;
    EXPECT_EQ(entry.back(), '\n') << kind.slug;
  }
}

TEST(Runbook, HasNoOtherEntry) {
  for (const char* const slug : {"", "nothing", "no-", "no-responder\n", "no-responder\n\nNo", "#"})
    EXPECT_THAT(runbook_entry(slug), IsEmpty()) << slug;
}

}  // namespace
}  // namespace mqtt_bridge
