#include "http/accept.hpp"

#include <string_view>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TEST(Accept, AsksForJsonWhereItGivesItMoreWeightOrNamesItAlone) {
  for (const std::string_view accept :
       {"application/json", "Application/JSON", "text/plain;q=0.5, application/json",
        "application/json;q=0.1", "application/*", "text/plain;q=0, */*;q=0.1, application/json",
        "*/*;q=0.1, application/json;q=0.2", "application/json;charset=utf-8;q=0.9, text/*;q=0.8",
        " application/json ;Q=1.000 ,,", "application/json, */*", "*/*, text/plain;q=0"}) {
    EXPECT_TRUE(prefers_json(accept)) << accept;
  }
}

TEST(Accept, AsksForTextOtherwise) {
  for (const std::string_view accept :
       {"", "*/*", "text/plain", "text/plain, application/json",
        // axios and Angular: neither is preferred, and where it stands says nothing.
        "application/json, text/plain, */*", "application/json, text/*",
        "application/json;q=0.5, text/plain;q=0.5", "application/*, text/plain", "text/*",
        "application/json;q=0", "application/json;q=0.5, text/plain;q=0.6",
        "text/html, application/xhtml+xml, */*;q=0.8", "application/json-seq", "application/jsonp",
        "xapplication/json", "application", "application/json;q=x", "application/json;q=1.5x",
        "application/json;q=0.0000", ",;,q=,"}) {
    EXPECT_FALSE(prefers_json(accept)) << accept;
  }
}

TEST(Accept, AsksForAPageWhereItNamesHtmlAndPrefersNoText) {
  for (const std::string_view accept :
       {"text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "TEXT/HTML;q=0.5", "text/html, text/plain", "application/json;q=0.5, text/html"})
    EXPECT_TRUE(prefers_html(accept)) << accept;
  for (const std::string_view accept :
       {"", "*/*", "text/*", "text/plain", "text/html;q=0", "text/html;q=0.5, text/plain",
        "application/json", "text/htmlx", "image/avif,image/webp,*/*;q=0.8"})
    EXPECT_FALSE(prefers_html(accept)) << accept;
}

TEST(Accept, TakesTheMostSpecificRange) {
  EXPECT_FALSE(prefers_json("application/*, application/json;q=0.1, text/plain;q=0.2"));
  EXPECT_TRUE(prefers_json("text/*;q=0.9, text/plain;q=0.1, application/json;q=0.2"));
}

}  // namespace
}  // namespace mqtt_bridge
