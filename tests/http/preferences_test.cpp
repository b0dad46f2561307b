#include "http/preferences.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TEST(Preferences, AreAsRfc7240WritesThem) {
  struct Row {
    const char* field;
    const char* meaning;  // as Preference-Applied would say it
  };
  for (const Row& row : {
           Row{"", ""},
           {"respond-async", "respond-async"},
           {"Respond-Async", "respond-async"},
           {"wait=2", "wait=2"},
           {"wait = 2", "wait=2"},
           {"wait=\"2\"", "wait=2"},
           {"WAIT=0", "wait=0"},
           {"respond-async, wait=10", "respond-async, wait=10"},
           {"wait=10,respond-async", "respond-async, wait=10"},
           {"respond-async; foo=bar ,\twait=1;x", "respond-async, wait=1"},
           {"return=minimal, respond-async", "respond-async"},
           {"foo=\"a, respond-async\"", ""},
           {"foo=\"a\\\", respond-async\", wait=3", "wait=3"},
           {"respond-async=\"\"", "respond-async"},
           {", ,respond-async,", "respond-async"},
           {"wait=5, wait=7", "wait=5"},
           {"wait=99999999999999999999", "wait=2147483647"},
       })
    EXPECT_EQ(applied(parse_preferences(row.field)), row.meaning) << row.field;
}

TEST(Preferences, AreIgnoredWhereTheyAreNone) {
  for (const std::string field :
       {"async", "respond-asyncs", "respond-async=no", "wait", "wait=", "wait=-1", "wait=1.5",
        "wait=2s", "wait=soon", "\"respond-async", "\"wait=1\"", "=,;", "\\"}) {
    EXPECT_FALSE(parse_preferences(field).are_for_later()) << field;
  }
}

TEST(Preferences, CountTheFirstTimeThatTheyCome) {
  EXPECT_EQ(applied(parse_preferences("wait=soon, wait=7")), "");
  EXPECT_EQ(applied(parse_preferences("respond-async=no, respond-async")), "");
}

}  // namespace
}  // namespace mqtt_bridge
