// activity.hpp: what it tells, as the text that goes out.
#include "daemon/activity.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits/activity.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr Instant start = Instant{} + 1h;

Activity::Call call_that(std::string_view outcome, std::optional<Duration> took) {
  return {.request_id = "r1",
          .netid = "alice",
          .action = "reverse",
          .route = {},
          .outcome = outcome,
          .matched_by = outcome == "ok" ? "content" : "",
          .took = took};
}

/// How often `part` is in `text`.
std::size_t count_of(std::string_view part, std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

TEST(Activity, TellsAtFirstOfEverythingAlsoWhereThereIsNothing) {
  Activity activity(start);
  Activity::Seen seen;
  EXPECT_EQ(activity.events_since(seen, start),
            "event: seconds\ndata: []\n\nevent: calls\ndata: []\n\nevent: dropped\ndata: []\n\n");
  EXPECT_EQ(activity.events_since(seen, start), "");
}

TEST(Activity, TellsOfASecondOnceItIsOver) {
  Activity activity(start);
  Activity::Seen seen;
  activity.events_since(seen, start);
  activity.ended(call_that("ok", 1ms), start + 100ms);
  activity.ended(call_that("response-timeout", 4ms), start + 200ms);
  activity.ended(call_that("overloaded", std::nullopt), start + 999ms);
  EXPECT_THAT(activity.events_since(seen, start + 999ms), Not(HasSubstr("event: seconds")));
  EXPECT_EQ(activity.events_since(seen, start + 1s),
            "event: seconds\n"
            R"(data: [{"calls":3,"errors":2,"p50_ms":0.992,"p99_ms":3.968}])"
            "\n\n");
  EXPECT_EQ(activity.events_since(seen, start + 2s),
            "event: seconds\n"
            R"(data: [{"calls":0,"errors":0,"p50_ms":null,"p99_ms":null}])"
            "\n\n");
}

TEST(Activity, TellsOfACallWithoutItsText) {
  Activity activity(start);
  Activity::Seen seen;
  activity.events_since(seen, start);
  activity.ended(call_that("ok", 1234us), start);
  Activity::Call of_route = call_that("no-responder", std::nullopt);
  of_route.netid = of_route.action = {};
  of_route.route = "/lamp/{name}";
  activity.ended(of_route, start + 100ms);
  EXPECT_EQ(activity.events_since(seen, start + 150ms),
            "event: calls\n"
            R"(data: [{"ago_ms":150,"request_id":"r1","netid":"alice","action":"reverse",)"
            R"("route":"","outcome":"ok","matched_by":"content","milliseconds":1.234},)"
            R"({"ago_ms":50,"request_id":"r1","netid":"","action":"","route":"/lamp/{name}",)"
            R"("outcome":"no-responder","matched_by":"","milliseconds":null}])"
            "\n\n");
}

TEST(Activity, TellsOfADroppedResponseWhateverItsTopicHolds) {
  Activity activity(start);
  Activity::Seen seen;
  activity.events_since(seen, start);
  activity.dropped("a\"\xff", 5, "late", start);
  EXPECT_EQ(activity.events_since(seen, start + 7ms),
            "event: dropped\ndata: [{\"ago_ms\":7,\"topic\":\"a\\\"\xEF\xBF\xBD\","
            "\"reason\":\"late\",\"bytes\":5}]\n\n");
  activity.dropped(std::string(2 * limits::shown_text_bytes, 'x'), 5, "late", start);
  const std::string text = activity.events_since(seen, start);
  EXPECT_EQ(count_of("x", text), limits::shown_text_bytes);
}

TEST(Activity, LosesNothingButTheOldest) {
  Activity activity(start);
  Activity::Seen seen;
  activity.events_since(seen, start);
  const auto tell = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string id = "<" + std::to_string(i) + ">";
      Activity::Call call = call_that("ok", 1ms);
      call.request_id = id;
      activity.ended(call, start);
      activity.dropped(id, 1, "late", start);
    }
    return activity.events_since(seen, start);
  };
  for (const std::size_t count : {limits::shown_calls, limits::shown_calls + 1}) {
    const std::string text = tell(count);
    EXPECT_EQ(count_of("\"request_id\"", text), limits::shown_calls);
    EXPECT_EQ(count_of("\"topic\"", text), limits::shown_calls);
    EXPECT_EQ(count_of("<0>", text), count == limits::shown_calls ? 2U : 0U);
    EXPECT_EQ(count_of("<" + std::to_string(count - 1) + ">", text), 2U);
  }
}

TEST(Activity, RemembersSoManySecondsAlsoAfterALongSilence) {
  constexpr std::chrono::seconds all(limits::shown_seconds);
  for (const auto silence : {all, all + 1s, 1000s, std::chrono::seconds(24h)}) {
    Activity activity(start);
    activity.ended(call_that("ok", 1ms), start + 500ms);
    Activity::Seen seen;
    const std::string text = activity.events_since(seen, start + silence);
    EXPECT_EQ(count_of("\"p50_ms\"", text), limits::shown_seconds);
    EXPECT_EQ(count_of("\"calls\":1", text), silence == all ? 1U : 0U);
    // The seconds still begin when they did.
    EXPECT_EQ(count_of("p50_ms", activity.events_since(seen, start + silence + 999ms)), 0U);
    EXPECT_EQ(count_of("p50_ms", activity.events_since(seen, start + silence + 1s)), 1U);
  }
}

TEST(Activity, KnowsALatencyToASixteenth) {
  for (std::chrono::nanoseconds took = 1us; took < 200s; took = took * 9 / 8 + 1us) {
    Activity activity(start);
    Activity::Seen seen;
    activity.events_since(seen, start);
    activity.ended(call_that("ok", took), start);
    const std::string text = activity.events_since(seen, start + 1s);
    const double told = std::stod(text.substr(text.find("\"p50_ms\":") + 9)) * 1e6;
    const auto true_one = static_cast<double>(took.count());
    EXPECT_NEAR(told, true_one, std::max(true_one / 16, 1000.0)) << text;
  }
}

TEST(Activity, TakesALatencyOfAnySize) {
  Activity activity(start);
  for (const Duration took : {Duration(-5s), Duration(0), Duration(1000h)})
    activity.ended(call_that("ok", took), start);
  Activity::Seen seen;
  EXPECT_THAT(activity.events_since(seen, start + 1s), HasSubstr("\"calls\":3"));
}

}  // namespace
}  // namespace mqtt_bridge
