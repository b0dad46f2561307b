#include "http/chunked.hpp"

#include <string>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

#include "base/limits/http.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t room = 1000;

/// What the decoder says to `text`, in words, when it comes in pieces of `piece` bytes.
std::string decoded(std::string_view text, std::size_t piece, std::size_t max_body = room) {
  ChunkedBody body(max_body);
  std::string out;
  std::size_t at = 0;
  for (;;) {
    const std::string_view in = text.substr(at, piece);
    const auto progress = body.decode(in, out);
    EXPECT_LE(out.size(), max_body);
    at += progress.consumed;
    if (std::holds_alternative<BodyComplete>(progress.outcome)) {
      return "'" + out + "' then '" + std::string(text.substr(at)) + "'";
    }
    if (const auto* bad = std::get_if<BadBody>(&progress.outcome)) {
      EXPECT_FALSE(bad->detail.empty());
      return std::string(describe(bad->problem).slug);
    }
    EXPECT_EQ(progress.consumed, in.size());
    if (at >= text.size())
      return "more";
  }
}

/// The same, having made sure that it does not depend on how the bytes are cut.
std::string decoded(std::string_view text) {
  const std::string whole = decoded(text, text.size() + 1);
  for (const std::size_t piece : {1u, 2u, 3u, 7u})
    EXPECT_EQ(decoded(text, piece), whole) << text;
  return whole;
}

TEST(ChunkedBody, PutsTheChunksTogetherAndLeavesWhatFollows) {
  struct Row {
    std::string_view text;
    std::string_view expected;
  };
  const Row rows[] = {
      {"0\r\n\r\n", "'' then ''"},
      {"5\r\nhello\r\n0\r\n\r\n", "'hello' then ''"},
      {"5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n", "'hello, world' then ''"},
      {"A\r\n0123456789\r\n000\r\n\r\nGET /", "'0123456789' then 'GET /'"},
      {"9\r\n0\r\n\r\n0\r\n\r\r\n0\r\n\r\n", "'0\r\n\r\n0\r\n\r' then ''"},
      {"0000000000000001\r\nx\r\n0\r\n\r\n", "'x' then ''"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(decoded(row.text), row.expected) << row.text;
}

TEST(ChunkedBody, IgnoresExtensionsAndTrailers) {
  for (const std::string_view text :
       {"1;a\r\nx\r\n0\r\n\r\n", "1;a=b;c=\"d;e\"\r\nx\r\n0;last\r\n\r\n",
        "1 \t;\ta = b\r\nx\r\n0\r\n\r\n", "1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n",
        "1\r\nx\r\n0\r\nHost: \xc3\xa9 other\r\n\r\n"}) {
    EXPECT_EQ(decoded(text), "'x' then ''") << text;
  }
}

TEST(ChunkedBody, ReadsExtensionsByTheirGrammar) {
  const auto with = [](const std::string& extension) {
    return decoded("1" + extension + "\r\nx\r\n0" + extension + "\r\n\r\n");
  };
  for (const std::string extension :
       {";a", ";a;b", ";a=b;c", " ; a = b ; c", "\t;\ta\t=\t\"b\"\t;\tc", ";a=\"\"",
        ";a=\";=\\\"\\\\ \t\xff\"", ";!#$%&'*+-.^_`|~=~"}) {
    EXPECT_EQ(with(extension), "'x' then ''") << extension;
  }
  for (const std::string extension : {";",           "; ",
                                      ";=",          ";=b",
                                      ";a=",         ";a= ",
                                      ";a=;b",       ";a;",
                                      ";;a",         " ",
                                      ";a ",         ";a=b ",
                                      ";a=\"b\" ",   ";a b",
                                      ";a =b c",     ";a=b=c",
                                      ";\"a\"",      ";a=\"b",
                                      ";a=\"b\"c",   ";a=b\"c\"",
                                      ";a\"b\"",     ";a=\"\\\x01\"",
                                      ";a=\"\x7f\"", ";\xc3\xa9",
                                      ";a=\xc3\xa9", ";a,b",
                                      ";a=(b)"}) {
    EXPECT_EQ(with(extension), "malformed-request") << extension;
  }
}

TEST(ChunkedBody, WaitsForEveryByteUpToTheLast) {
  const std::string_view text = "3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n";
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(decoded(text.substr(0, size)), "more") << size;
  }
  EXPECT_EQ(decoded(text), "'abc' then ''");
}

TEST(ChunkedBody, RefusesWhatIsNotExactlyTheCoding) {
  for (const std::string_view text :
       {"\r\n",         "\n",          "x\r\n",          "-1\r\n",      "+1\r\n",
        "0x1\r\n",      " 1\r\n",      "1 \r\n",         "1 2\r\n",     "1,\r\n",
        ";a\r\n",       "1\n",         "1\rx",           "1\r\r",       "1;a\n",
        "1;a\rb",       "1;\x01",      "1;\x7f",         "1\r\nxy",     "1\r\nx\n",
        "1\r\nx\rx",    "1\r\nx0\r\n", "1\r\nx\r\n\r\n", "0\r\nx\r\n",  "0\r\n:v\r\n",
        "0\r\n folded", "0\r\na b: c", "0\r\na : b",     "0\r\na: b\n", "0\r\na: b\rc",
        "0\r\na: \x01", "0\r\n\n",     "0\r\n\rx",       "0\n",         "00000000000000001"}) {
    EXPECT_EQ(decoded(text), "malformed-request") << text;
  }
  EXPECT_EQ(decoded(std::string_view("1;a\0", 4)), "malformed-request");
}

TEST(ChunkedBody, MayFillTheRoomButNotPassIt) {
  const auto chunk = [](std::string_view size, std::size_t count) {
    return std::string(size) + "\r\n" + std::string(count, 'x') + "\r\n";
  };
  const std::string end = "0\r\n\r\n";
  const std::string full = "'" + std::string(room, 'x') + "' then ''";
  EXPECT_EQ(decoded(chunk("3e8", 1000) + end), full);
  EXPECT_EQ(decoded(chunk("3e9", 0)), "payload-too-large");
  EXPECT_EQ(decoded(chunk("3e7", 999) + chunk("1", 1) + end), full);
  EXPECT_EQ(decoded(chunk("3e7", 999) + chunk("2", 0)), "payload-too-large");
  EXPECT_EQ(decoded(chunk("3e8", 1000) + "1"), "payload-too-large");
}

TEST(ChunkedBody, IsNotFooledBySizesThatOverflow) {
  for (const std::string_view size :
       {"ffffffff", "100000000", "ffffffffffffffff", "10000000000000000", "fffffffffffffffff"}) {
    EXPECT_EQ(decoded(std::string(size) + "\r\n"), "payload-too-large") << size;
    const std::size_t all = static_cast<std::size_t>(-1);
    const std::string verdict = decoded(std::string(size) + "\r\n", 99, all);
    EXPECT_EQ(verdict, size.size() > 16 ? "malformed-request" : "more") << size;
  }
}

TEST(ChunkedBody, WithNoRoomTakesOnlyTheEmptyBody) {
  EXPECT_EQ(decoded("0\r\n\r\n", 99, 0), "'' then ''");
  EXPECT_EQ(decoded("1\r\nx\r\n0\r\n\r\n", 99, 0), "payload-too-large");
}

TEST(ChunkedBody, BoundsExtensionsAndTrailersTogether) {
  constexpr std::size_t half = limits::chunk_overhead_bytes / 2;
  const auto body = [](std::size_t trailer) {
    std::string text;
    for (std::size_t i = 0; i < half / 2; ++i)
      text += "1;a\r\nx\r\n";
    return text + "0\r\n" + "T:" + std::string(trailer - 2, 'v') + "\r\n\r\n";
  };
  const auto slug = [](const std::string& text) { return decoded(text, text.size(), half); };
  EXPECT_EQ(slug(body(half)), "'" + std::string(half / 2, 'x') + "' then ''");
  EXPECT_EQ(slug(body(half + 1)), "malformed-request");
  EXPECT_EQ(slug("1;" + std::string(2 * half, 'a')), "malformed-request");
}

TEST(ChunkedBody, SaysTheSameAgainOnceItHasEnded) {
  std::string out;
  ChunkedBody complete(room);
  complete.decode("0\r\n\r\n", out);
  const auto after = complete.decode("1\r\nx\r\n", out);
  EXPECT_EQ(after.consumed, 0u);
  EXPECT_TRUE(std::holds_alternative<BodyComplete>(after.outcome));

  ChunkedBody bad(room);
  bad.decode("x", out);
  const auto again = bad.decode("0\r\n\r\n", out);
  EXPECT_EQ(again.consumed, 0u);
  EXPECT_TRUE(std::holds_alternative<BadBody>(again.outcome));
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace mqtt_bridge
