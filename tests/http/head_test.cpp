#include "http/head.hpp"

#include <string>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

#include "base/limits/http.hpp"
#include "http/parsed_head.hpp"

namespace mqtt_bridge {
namespace {

using Framing = HttpHead::Framing;

/// "more", "ok" or the slug of the problem.
std::string verdict(std::string_view bytes) {
  const auto result = parse_http_head(bytes);
  if (std::holds_alternative<NeedMore>(result))
    return "more";
  if (std::holds_alternative<HttpHead>(result))
    return "ok";
  const auto& bad = std::get<BadHead>(result);
  EXPECT_FALSE(bad.detail.empty());
  return std::string(describe(bad.problem).slug);
}

/// The first verdict that is not "more" when the bytes come one by one.
std::string trickled_verdict(std::string_view bytes) {
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    if (auto word = verdict(bytes.substr(0, size)); word != "more")
      return word;
  }
  return "more";
}

void expect_verdict(std::string_view bytes, std::string_view expected) {
  EXPECT_EQ(verdict(bytes), expected) << bytes;
  EXPECT_EQ(trickled_verdict(bytes), expected) << "byte by byte: " << bytes;
}

TEST(HttpHead, IsTakenApart) {
  const std::string_view text =
      "POST /transform/reverse?netid=a HTTP/1.1\r\nHost: localhost:8426\r\nX-Empty:\r\n"
      "Accept: \t text/plain , */* \t\r\nContent-Length: 5\r\nx-text: \xc3\xa9\r\n\r\nhello";
  const HttpHead head = parsed(text);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/transform/reverse?netid=a");
  EXPECT_EQ(head.minor_version, 1);
  EXPECT_EQ(head.fields.size(), 5u);
  EXPECT_EQ(head.field("HOST"), "localhost:8426");
  EXPECT_EQ(head.field("accept"), "text/plain , */*");
  EXPECT_EQ(head.field("X-Empty"), "");
  EXPECT_EQ(head.field("X-Text"), "\xc3\xa9");
  EXPECT_EQ(head.field("Origin"), std::nullopt);
  EXPECT_EQ(head.framing, Framing::length);
  EXPECT_EQ(head.content_length, 5u);
  EXPECT_EQ(text.substr(head.bytes), "hello");
}

TEST(HttpHead, NeedsMoreUntilItsLastByteHasCome) {
  const std::string text = "\r\n\r\n" + post("Accept: */*\r\n");
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(verdict(std::string_view(text).substr(0, size)), "more") << size;
  }
  EXPECT_EQ(parsed(text).bytes, text.size());
  EXPECT_EQ(parsed(text + "\nG\r\x01").bytes, text.size()) << "what follows is not looked at";
}

TEST(HttpHead, MayFollowTwoBlankLinesButNotThree) {
  expect_verdict("\r\n" + post(""), "ok");
  expect_verdict("\r\n\r\n" + post(""), "ok");
  expect_verdict("\r\n\r\n\r\n" + post(""), "malformed-request");
  expect_verdict("\n" + post(""), "malformed-request");
  expect_verdict("\r" + post(""), "malformed-request");
}

TEST(HttpHead, SpeaksHttp11AndHttp10Only) {
  expect_verdict("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "ok");
  expect_verdict("GET / HTTP/1.0\r\n\r\n", "ok");
  EXPECT_EQ(parsed("GET / HTTP/1.0\r\n\r\n").minor_version, 0);
  for (const std::string_view version :
       {"HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/2", "HTTP/1", "HTTP/1.", "HTTP/1.10", "HTTP/01.1",
        "http/1.1", "HTTP/1.1 ", "HTTP/ 1.1", "HTTPS/1.1", "XHTTP/1.1", ""}) {
    expect_verdict("GET / " + std::string(version) + "\r\nHost: a\r\n\r\n", "malformed-request");
  }
  expect_verdict("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "malformed-request");
  expect_verdict("GET /\r\n\r\n", "malformed-request");
}

TEST(HttpHead, RefusesARequestLineThatIsNotThreeWordsBetweenSingleSpaces) {
  for (const std::string_view line :
       {"", " ", "GET", "GET ", "GET  ", "GET  HTTP/1.1", "GET /  HTTP/1.1", "GET  / HTTP/1.1",
        " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1",
        "GET / / HTTP/1.1", "GET /a b HTTP/1.1", "G(T / HTTP/1.1", "G\x7fT / HTTP/1.1",
        "\xc3\xa9 / HTTP/1.1", "GET: / HTTP/1.1", "Host: localhost"}) {
    expect_verdict(std::string(line) + "\r\nHost: a\r\n\r\n", "malformed-request");
  }
  expect_verdict("brew!#$%&'*+-.^_`|~09 / HTTP/1.1\r\nHost: a\r\n\r\n", "ok");
}

TEST(HttpHead, TakesATargetInOriginFormAbsoluteFormOrAsteriskForm) {
  struct Row {
    std::string_view method;
    std::string_view sent;
    std::string_view target;
  };
  const Row rows[] = {
      {"GET", "/", "/"},
      {"GET", "//a", "//a"},
      {"GET", "/a%2Fb?c=d&e=%00?", "/a%2Fb?c=d&e=%00?"},
      {"GET", "/?q=a|b{c}^[d]\"<>\\`", "/?q=a|b{c}^[d]\"<>\\`"},
      {"GET", "http://h:1/a?b", "/a?b"},
      {"GET", "HTTP://H:1/", "/"},
      {"GET", "http://h:1", "/"},
      {"GET", "http://h:1?a=b", "?a=b"},
      {"OPTIONS", "*", "*"},
  };
  for (const Row& row : rows) {
    const std::string text =
        std::string(row.method) + " " + std::string(row.sent) + " HTTP/1.1\r\nHost: h:1\r\n\r\n";
    expect_verdict(text, "ok");
    EXPECT_EQ(parsed(text).target, row.target);
  }
}

TEST(HttpHead, RefusesEveryOtherTarget) {
  for (const std::string_view target :
       {"*",         "a",       "a/b",      "?a",         "#",           "/#a",
        "/a#",       "/%",      "/%4",      "/%4g",       "/%u0041",     "/a?b=%zz",
        "/\xc3\xa9", "/\x7f",   "/\x01",    "https://h/", "ftp://h/",    "http:/h/",
        "http:h/",   "http://", "http:///", "http://?a",  "http://u@h/", "http://h:x/"}) {
    expect_verdict("GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n",
                   "malformed-request");
  }
}

TEST(HttpHead, SaysOfConnectThatItIsNotImplemented) {
  for (const std::string_view target : {"h:80", "/", "*", "http://h/", "\xc3\xa9"}) {
    expect_verdict("CONNECT " + std::string(target) + " HTTP/1.1\r\nHost: h:80\r\n\r\n",
                   "not-implemented");
  }
}

TEST(HttpHead, IsForTheAuthorityOfAbsoluteFormElseForHost) {
  struct Row {
    std::string_view line;
    std::string_view fields;
    std::optional<std::string_view> authority;
  };
  const Row rows[] = {
      {"GET / HTTP/1.1", "Host: h:1\r\n", "h:1"},
      {"GET / HTTP/1.1", "Host:\r\n", ""},
      {"GET / HTTP/1.0", "Host: h\r\n", "h"},
      {"GET / HTTP/1.0", "", std::nullopt},
      {"GET http://a:1/ HTTP/1.1", "Host: h:1\r\n", "a:1"},
      {"GET HTTP://A?b HTTP/1.1", "Host:\r\n", "A"},
      {"GET http://[::1] HTTP/1.0", "", "[::1]"},
      {"GET /http://a/ HTTP/1.1", "Host: h\r\n", "h"},
  };
  for (const Row& row : rows) {
    const std::string text = std::string(row.line) + "\r\n" + std::string(row.fields) + "\r\n";
    expect_verdict(text, "ok");
    EXPECT_EQ(parsed(text).authority, row.authority) << text;
  }
  for (const std::string_view fields : {"", "Host: a/b\r\n", "Host: h\r\nHost: h\r\n"}) {
    expect_verdict("GET http://h/ HTTP/1.1\r\n" + std::string(fields) + "\r\n",
                   "malformed-request");
  }
}

TEST(HttpHead, RefusesABareLineEndWhereverItIs) {
  const std::string good = post("Accept: */*\r\nX: y\r\n");
  for (std::size_t at = 0; at < good.size(); ++at) {
    if (good[at] == '\r') {
      std::string bare_lf = good;
      bare_lf.erase(at, 1);
      expect_verdict(bare_lf, "malformed-request");
    } else if (good[at] == '\n' && at + 1 < good.size()) {
      std::string bare_cr = good;
      bare_cr.erase(at, 1);
      expect_verdict(bare_cr, "malformed-request");
    }
  }
  expect_verdict("GET / HTTP/1.1\nHost: a\n\n", "malformed-request");
}

TEST(HttpHead, RefusesControlCharactersWhereverTheyAre) {
  const std::string good = post("Accept: a\r\n");
  for (std::size_t at = 0; at <= good.size() - 4; ++at) {
    for (const char control : {'\0', '\x01', '\x0b', '\x1f', '\x7f'}) {
      std::string text = good;
      text.insert(at, 1, control);
      expect_verdict(text, "malformed-request");
    }
  }
  expect_verdict(post("Accept: a\tb\r\n"), "ok");
}

TEST(HttpHead, RefusesWhatIsNotAFieldLine) {
  for (const std::string_view line :
       {"Accept", "Accept : a", "Accept\t: a", ": a", " Accept: a", "\tAccept: a", "Acc ept: a",
        "(Accept): a", "Acc\xc3\xa9pt: a", "A: b\r\n folded", "A: b\r\n\tfolded", "A:b\r\n :"}) {
    expect_verdict(post(std::string(line) + "\r\n"), "malformed-request");
  }
  expect_verdict(post("a!#$%&'*+-.^_`|~09:b:c\r\n"), "ok");
}

TEST(HttpHead, HasExactlyOneHost) {
  const auto with = [](std::string_view version, std::string_view lines) {
    return "GET / " + std::string(version) + "\r\n" + std::string(lines) + "\r\n";
  };
  expect_verdict(with("HTTP/1.1", ""), "malformed-request");
  expect_verdict(with("HTTP/1.0", ""), "ok");
  for (const std::string_view version : {"HTTP/1.1", "HTTP/1.0"}) {
    expect_verdict(with(version, "Host: a\r\nhost: a\r\n"), "malformed-request");
    for (const std::string_view host : {"", "a", "a:1", "a:", "127.0.0.1:1", "[::1]", "[::1]:1"}) {
      expect_verdict(with(version, "Host: " + std::string(host) + "\r\n"), "ok");
    }
    for (const std::string_view host :
         {":1", "a b", "a/", "u@a", "::1", "[::1", "[::x]", "a:b", "a:65536", "\xc3\xa9"}) {
      expect_verdict(with(version, "Host: " + std::string(host) + "\r\n"), "malformed-request");
    }
  }
}

TEST(HttpHead, KnowsTheLengthOfTheBodyOrRefuses) {
  struct Row {
    std::string_view lines;
    std::string_view verdict;
    Framing framing = Framing::none;
    std::size_t length = 0;
  };
  const Row rows[] = {
      {"", "ok"},
      {"Content-Length: 0\r\n", "ok", Framing::length, 0},
      {"content-length: 0042\r\n", "ok", Framing::length, 42},
      {"Content-Length: 18446744073709551615\r\n", "ok", Framing::length, 18446744073709551615u},
      {"Content-Length: 18446744073709551616\r\n", "payload-too-large"},
      {"Content-Length: 99999999999999999999999999\r\n", "payload-too-large"},
      {"Content-Length:\r\n", "malformed-request"},
      {"Content-Length: +1\r\n", "malformed-request"},
      {"Content-Length: -1\r\n", "malformed-request"},
      {"Content-Length: 0x1\r\n", "malformed-request"},
      {"Content-Length: 1 \t\r\n", "ok", Framing::length, 1},
      {"Content-Length: 1 1\r\n", "malformed-request"},
      {"Content-Length: 1,1\r\n", "malformed-request"},
      {"Content-Length: 1.0\r\n", "malformed-request"},
      {"Content-Length: 1\r\nContent-Length: 1\r\n", "malformed-request"},
      {"Content-Length: 1\r\ncontent-length: 2\r\n", "malformed-request"},
      {"Transfer-Encoding: chunked\r\n", "ok", Framing::chunked},
      {"transfer-encoding: CHUNKED\r\n", "ok", Framing::chunked},
      {"Transfer-Encoding:\r\n", "malformed-request"},
      {"Transfer-Encoding: identity\r\n", "malformed-request"},
      {"Transfer-Encoding: gzip, chunked\r\n", "not-implemented"},
      {"Transfer-Encoding: x;a=b;c=\"d\" ,,deflate\t, Chunked\r\n", "not-implemented"},
      {"Transfer-Encoding: identity,chunked\r\n", "not-implemented"},
      {"Transfer-Encoding: chunked, gzip\r\n", "malformed-request"},
      {"Transfer-Encoding: chunked, gzip, chunked\r\n", "malformed-request"},
      {"Transfer-Encoding: gzip, chunked;a=b\r\n", "malformed-request"},
      {"Transfer-Encoding: chunked;a=b, chunked\r\n", "malformed-request"},
      {"Transfer-Encoding: g(zip, chunked\r\n", "malformed-request"},
      {"Transfer-Encoding: ;a, chunked\r\n", "malformed-request"},
      {"Transfer-Encoding: gzip, chunked,\r\n", "malformed-request"},
      {"Transfer-Encoding: , chunked\r\n", "malformed-request"},
      {"Transfer-Encoding: chunked,\r\n", "malformed-request"},
      {"Transfer-Encoding: ,\r\n", "malformed-request"},
      {"Transfer-Encoding: chunked, chunked\r\n", "malformed-request"},
      {"Transfer-Encoding: chunked;q=1\r\n", "malformed-request"},
      {"Transfer-Encoding: xchunked\r\n", "malformed-request"},
      {"Transfer-Encoding: \"chunked\"\r\n", "malformed-request"},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "malformed-request"},
      {"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "malformed-request"},
      {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "malformed-request"},
  };
  for (const Row& row : rows) {
    const std::string text = post(row.lines);
    expect_verdict(text, row.verdict);
    if (row.verdict != "ok")
      continue;
    EXPECT_EQ(parsed(text).framing, row.framing) << text;
    EXPECT_EQ(parsed(text).content_length, row.length) << text;
  }
  expect_verdict("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "malformed-request");
}

TEST(HttpHead, RefusesTwoValuesWhereOneDecides) {
  for (const std::string_view name :
       {"Content-Type", "Authorization", "Origin", "Sec-Fetch-Site", "Expect"}) {
    const std::string line = std::string(name) + ": 100-continue\r\n";
    expect_verdict(post(line), "ok");
    expect_verdict(post(line + line), "malformed-request");
  }
  expect_verdict(post("Accept: a\r\nAccept: b\r\n"), "ok");
}

TEST(HttpHead, SaysWhetherTheConnectionStays) {
  struct Row {
    std::string_view version;
    std::string_view lines;
    bool keep_alive;
  };
  const Row rows[] = {
      {"1.1", "", true},
      {"1.0", "", false},
      {"1.1", "Connection: close\r\n", false},
      {"1.1", "Connection: CLOSE\r\n", false},
      {"1.1", "Connection: a, close ,b\r\n", false},
      {"1.1", "Connection: a,close\r\n", false},
      {"1.1", "Connection: a\r\nConnection: close\r\n", false},
      {"1.1", "Connection: closed, xclose\r\n", true},
      {"1.1", "Connection:\r\n", true},
      {"1.0", "Connection: keep-alive\r\n", true},
      {"1.0", "Connection: ,,Keep-Alive,\r\n", true},
      {"1.0", "Connection: keep-alive, close\r\n", false},
      {"1.0", "Connection: keep-aliv\r\n", false},
  };
  for (const Row& row : rows) {
    const std::string text = "GET / HTTP/" + std::string(row.version) + "\r\nHost: a\r\n" +
                             std::string(row.lines) + "\r\n";
    EXPECT_EQ(parsed(text).keep_alive, row.keep_alive) << text;
  }
}

TEST(HttpHead, ExpectsContinueOnlyForABodyOfHttp11) {
  const std::string expect = "Expect: 100-Continue\r\n";
  EXPECT_TRUE(parsed(post(expect + "Content-Length: 1\r\n")).expect_continue);
  EXPECT_TRUE(parsed(post(expect + "Transfer-Encoding: chunked\r\n")).expect_continue);
  EXPECT_FALSE(parsed(post(expect + "Content-Length: 0\r\n")).expect_continue);
  EXPECT_FALSE(parsed(post(expect)).expect_continue);
  EXPECT_FALSE(parsed(post("Content-Length: 1\r\n")).expect_continue);
  const std::string old = "POST / HTTP/1.0\r\nContent-Length: 1\r\n" + expect + "\r\n";
  EXPECT_FALSE(parsed(old).expect_continue);
  expect_verdict(post("Expect: 200-ok\r\n"), "malformed-request");
  expect_verdict(post("Expect: 100-continue, x\r\n"), "malformed-request");
  expect_verdict(post("Expect:\r\n"), "malformed-request");
}

TEST(HttpHead, MayBeAsLargeAsTheLimitAndNotAByteLarger) {
  const std::string head = post("X: \r\n");
  const auto of_size = [&head](std::size_t size) {
    return post("X: " + std::string(size - head.size(), 'x') + "\r\n");
  };
  EXPECT_EQ(of_size(limits::head_bytes).size(), limits::head_bytes);
  expect_verdict(of_size(limits::head_bytes), "ok");
  expect_verdict(of_size(limits::head_bytes + 1), "headers-too-large");
  const std::string endless = post("X: " + std::string(2 * limits::head_bytes, 'x'));
  EXPECT_EQ(verdict(endless.substr(0, limits::head_bytes - 1)), "more");
  EXPECT_EQ(verdict(endless.substr(0, limits::head_bytes)), "headers-too-large");
  expect_verdict(std::string(limits::head_bytes, 'G'), "headers-too-large");
}

TEST(HttpHead, CountsTheBlankLinesBeforeItAsPartOfIt) {
  const std::string head = post("X: \r\n");
  const std::string full =
      post("X: " + std::string(limits::head_bytes - head.size(), 'x') + "\r\n");
  expect_verdict("\r\n" + full, "headers-too-large");
}

TEST(HttpHead, MayHaveAsManyFieldsAsTheLimitAndNotOneMore) {
  std::string lines;
  for (std::size_t i = 1; i < limits::header_fields; ++i)
    lines += "a:\r\n";
  expect_verdict(post(lines), "ok");
  expect_verdict(post(lines + "a:\r\n"), "headers-too-large");
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\n" + lines + "a:\r\na:\r\n"), "headers-too-large")
      << "already before its end";
}

TEST(HttpHead, MayHaveATargetAsLongAsTheLimitAndNotAByteLonger) {
  const auto with_target = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  expect_verdict(with_target(limits::target_bytes), "ok");
  expect_verdict(with_target(limits::target_bytes + 1), "uri-too-long");
  const std::string endless = "GET /" + std::string(limits::target_bytes, 'a');
  EXPECT_EQ(verdict(endless.substr(0, endless.size() - 1)), "more");
  EXPECT_EQ(verdict(endless), "uri-too-long");
}

TEST(HttpHead, IsRefusedAsSoonAsItsFirstLineIsBad) {
  for (const std::string_view beginning :
       {"GET / HTTP/2.0\r\n", "GET /\r\n", "\x16\x03\x01", "\x10", "\r\n\r\n\r\n", " ", "{",
        "GET /\n", "GET / HTTP/1.1\r\nHost: a\n", "GET / HTTP/1.1\r\nHost: a\rb"}) {
    EXPECT_EQ(verdict(beginning), "malformed-request") << beginning;
  }
}

}  // namespace
}  // namespace mqtt_bridge
