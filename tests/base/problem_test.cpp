#include "base/problem.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TEST(Problem, DescribesEveryEnumeratorByItsOwnRow) {
  for (std::size_t i = 0; i < all_problems().size(); ++i) {
    const auto problem = static_cast<Problem>(i);
    EXPECT_EQ(describe(problem).problem, problem) << i;
    EXPECT_EQ(&describe(problem), &all_problems()[i]) << i;
  }
}

TEST(Problem, HasSlugsThatAreUniqueAndFitForAUrl) {
  std::set<std::string_view> slugs;
  for (const ProblemKind& kind : all_problems()) {
    EXPECT_TRUE(slugs.insert(kind.slug).second) << kind.slug;
    EXPECT_FALSE(kind.slug.empty());
    EXPECT_EQ(kind.slug.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos)
        << kind.slug;
    EXPECT_FALSE(kind.title.empty()) << kind.slug;
  }
}

TEST(Problem, IsAClientErrorOrAServerError) {
  for (const ProblemKind& kind : all_problems()) {
    EXPECT_GE(kind.status, 400) << kind.slug;
    EXPECT_LE(kind.status, 599) << kind.slug;
  }
}

TEST(Problem, IsRetryableOnlyWhereNothingWasPublishedAndTheSameRequestMayYetSucceed) {
  const std::set<Problem> retryable{Problem::request_timeout,   Problem::broker_unavailable,
                                    Problem::no_responder,      Problem::turn_pending,
                                    Problem::overloaded,        Problem::shutting_down,
                                    Problem::state_unavailable, Problem::turns_elsewhere};
  for (const ProblemKind& kind : all_problems()) {
    EXPECT_EQ(kind.retryable == Retryable::yes, retryable.contains(kind.problem)) << kind.slug;
  }
}

TEST(Problem, HasTheStatusThatTheDocumentsPromise) {
  struct Row {
    Problem problem;
    std::string_view slug;
    int status;
  };
  const Row rows[] = {
      {Problem::invalid_netid, "invalid-netid", 400},
      {Problem::malformed_request, "malformed-request", 400},
      {Problem::unauthorized, "unauthorized", 401},
      {Problem::forbidden_origin, "forbidden-origin", 403},
      {Problem::unknown_action, "unknown-action", 404},
      {Problem::method_not_allowed, "method-not-allowed", 405},
      {Problem::request_timeout, "request-timeout", 408},
      {Problem::payload_too_large, "payload-too-large", 413},
      {Problem::uri_too_long, "uri-too-long", 414},
      {Problem::unsupported_media_type, "unsupported-media-type", 415},
      {Problem::wrong_broker, "wrong-broker", 421},
      {Problem::headers_too_large, "headers-too-large", 431},
      {Problem::internal_error, "internal-error", 500},
      {Problem::unmatched_response, "unmatched-response", 502},
      {Problem::responder_error, "responder-error", 502},
      {Problem::broker_refused, "broker-refused", 502},
      {Problem::turn_pending, "turn-pending", 503},
      {Problem::turns_elsewhere, "turns-elsewhere", 503},
      {Problem::no_responder, "no-responder", 503},
      {Problem::response_timeout, "response-timeout", 504},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(describe(row.problem).slug, row.slug);
    EXPECT_EQ(describe(row.problem).status, row.status) << row.slug;
  }
}

}  // namespace
}  // namespace mqtt_bridge
