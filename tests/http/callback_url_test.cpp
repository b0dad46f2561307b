#include "http/callback_url.hpp"

#include <string>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TEST(CallbackUrl, IsAllowedByWhatBeginsItUpToASegment) {
  const std::vector<std::string> prefixes{"https://a.example/hooks", "http://b.example:8080",
                                          "https://c.example/d/"};
  for (const std::string url :
       {"https://a.example/hooks", "https://a.example/hooks/", "https://a.example/hooks/1?x=%2F",
        "https://a.example/hooks?x=../..", "http://b.example:8080", "http://b.example:8080/x",
        "http://b.example:8080?x", "https://c.example/d/", "https://c.example/d/e"})
    EXPECT_TRUE(is_allowed_callback(url, prefixes)) << url;
  for (const std::string url :
       {"", "https://a.example/hook", "https://a.example/hooks1", "http://a.example/hooks",
        "https://a.example/hooks/../x", "https://a.example/hooks/%2e./x",
        "https://a.example/hooks/./x", "http://b.example:80801/",
        "http://b.example:8080@e.example/", "http://b.example:8080.e.example/",
        "https://c.example/d", "https://a.example/hooks/ x", "https://a.example/hooks/\\x",
        "https://a.example/hooks#x", "https://a.example/hooks/\xff"})
    EXPECT_FALSE(is_allowed_callback(url, prefixes)) << url;
  EXPECT_FALSE(is_allowed_callback("https://c.example/d/" + std::string(2000, 'x'), prefixes));
  EXPECT_FALSE(is_allowed_callback("https://a.example/hooks", {}));
}

TEST(CallbackUrl, MayBeAllowedWhereItIsAnOriginAndAPath) {
  for (const std::string text :
       {"https://a.example", "http://localhost:8080/", "https://a.example/hooks/x"})
    EXPECT_TRUE(is_callback_prefix(text)) << text;
  for (const std::string text :
       {"", "a.example", "ftp://a.example/", "https://", "https:///x", "https://u@a.example/",
        "https://a.example/?x", "https://a.example/..", "https://a.example/ x"})
    EXPECT_FALSE(is_callback_prefix(text)) << text;
}

TEST(CallbackUrl, HasAnOriginAndATarget) {
  EXPECT_EQ(callback_target("https://a.example:1/b/c?d").origin, "https://a.example:1");
  EXPECT_EQ(callback_target("https://a.example:1/b/c?d").target, "/b/c?d");
  EXPECT_EQ(callback_target("https://a.example").target, "/");
  EXPECT_EQ(callback_target("https://a.example?d").target, "/?d");
}

}  // namespace
}  // namespace mqtt_bridge
