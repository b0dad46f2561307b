// head_for_httplib() of http/head.hpp.
#include <string>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

#include "http/parsed_head.hpp"

namespace mqtt_bridge {
namespace {

TEST(CanonicalHead, HandsOnOnlyWhatHandlersRead) {
  EXPECT_EQ(
      head_for_httplib(parsed(
          "POST /a?netid=c&b=c HTTP/1.0\r\nhost: localhost\r\nCookie: a\r\nRange: bytes=0-1\r\n"
          "Expect: 100-continue\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
          "Content-Length: 7\r\nAccept-Encoding: gzip\r\nACCEPT: application/json\r\n"
          "Content-Encoding: gzip\r\nX-Forwarded-For: 192.0.2.1\r\nOrigin: http://localhost\r\n"
          "REMOTE_ADDR: 192.0.2.1\r\nRequest-Id: r1\r\nX-Request-Id: r2\r\n"
          "Authorization: Bearer t\r\nContent-Type: text/plain;a=\"%\"\r\n"
          "traceparent: 00-1\r\ntracestate: a=b\r\n\r\n")),
      "POST /a HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
      "Authorization: Bearer t\r\nContent-Encoding: gzip\r\nRequest-Id: r1\r\n"
      "X-Request-Id: r2\r\ntraceparent: 00-1\r\n"
      "Origin: http://localhost\r\nContent-Length: 0\r\n\r\n");
}

TEST(CanonicalHead, IsAHeadThatTheCheckAcceptsUnchanged) {
  for (const std::string& text :
       {post("Accept: a\r\n"), post("Transfer-Encoding: chunked\r\n"),
        std::string("GET http://h/?a=b=c?d HTTP/1.1\r\nHost: g\r\n\r\n")}) {
    const std::string once = head_for_httplib(parsed(text));
    EXPECT_EQ(head_for_httplib(parsed(once)), once);
    EXPECT_EQ(parsed(once).bytes, once.size());
  }
}

TEST(CanonicalHead, JoinsRepeatedFieldsAndLeavesEmptyOnesOut) {
  const std::string text = head_for_httplib(
      parsed(post("traceparent: a=1\r\nAccept:\r\nTraceParent:\r\ntraceparent: b=2\r\n")));
  EXPECT_NE(text.find("\r\ntraceparent: a=1, b=2\r\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("Accept"), std::string::npos) << text;
}

TEST(CanonicalHead, LeavesOutValuesThatTheLibraryWouldPercentDecode) {
  for (const std::string_view value : {"a%0d%0aSet-Cookie: b", "%", "%41", "%u000d", "a%00"}) {
    const std::string text =
        head_for_httplib(parsed(post("Request-Id: " + std::string(value) + "\r\n")));
    EXPECT_EQ(text.find('%'), std::string::npos) << text;
    EXPECT_EQ(text.find("Request-Id"), std::string::npos) << text;
  }
}

TEST(CanonicalHead, LeavesOutValuesTooLongForTheLinesOfTheLibrary) {
  const auto with = [](std::size_t size) {
    return head_for_httplib(parsed(post("traceparent: " + std::string(size, 'a') + "\r\n")));
  };
  EXPECT_NE(with(8000).find("traceparent"), std::string::npos);
  EXPECT_EQ(with(8001).find("traceparent"), std::string::npos);
}

TEST(CanonicalHead, SaysOfAcceptOnlyWhetherJsonOrAPageIsPreferred) {
  for (const std::string_view value : {"Application/JSON;q=0.9, text/plain;q=0.5",
                                       "a/b;c=\"%41\",, application/json", "application/json,"}) {
    const std::string text =
        head_for_httplib(parsed(post("Accept: " + std::string(value) + "\r\n")));
    EXPECT_NE(text.find("\r\nAccept: application/json\r\n"), std::string::npos) << text;
  }
  const std::string of_browser =
      head_for_httplib(parsed(post("Accept: text/html,application/xml;q=0.9,*/*;q=0.8\r\n")));
  EXPECT_NE(of_browser.find("\r\nAccept: text/html\r\n"), std::string::npos) << of_browser;
  for (const std::string_view value :
       {"*/*", "text/plain", "text", ",", "application/json;q=2", "application/json;q="}) {
    const std::string text =
        head_for_httplib(parsed(post("Accept: " + std::string(value) + "\r\n")));
    EXPECT_EQ(text.find("Accept"), std::string::npos) << text;
  }
}

TEST(CanonicalHead, NamesAsHostWhomTheRequestIsFor) {
  EXPECT_NE(
      head_for_httplib(parsed("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n")).find("Host: a\r\n"),
      std::string::npos);
  EXPECT_EQ(head_for_httplib(parsed("GET / HTTP/1.0\r\n\r\n")).find("Host"), std::string::npos);
}

TEST(CanonicalHead, IsWithoutTheQuery) {
  struct Row {
    std::string_view sent;
    std::string_view path;
    std::string_view query;
  };
  const Row rows[] = {
      {"/a", "/a", ""},
      {"/a=b=c", "/a=b=c", ""},
      {"/?", "/", ""},
      {"/a%3Fb?netid=b&timeout=d", "/a%3Fb", "netid=b&timeout=d"},
      {"/a?b?c=d==&%6eetid", "/a", "b?c=d==&%6eetid"},
      {"http://localhost/a?netid=b?", "/a", "netid=b?"},
      {"http://localhost?netid=b", "/", "netid=b"},
      {"http://localhost?", "/", ""},
  };
  for (const Row& row : rows) {
    const std::string text =
        "GET " + std::string(row.sent) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const std::string line = "GET " + std::string(row.path) + " HTTP/1.1\r\n";
    EXPECT_TRUE(head_for_httplib(parsed(text)).starts_with(line)) << row.sent;
    EXPECT_EQ(parsed(text).query(), row.query) << row.sent;
  }
}

}  // namespace
}  // namespace mqtt_bridge
