#include "client/request_head.hpp"

#include <chrono>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

ClientCall call_to(std::string netid, std::string host, std::string message) {
  return {"title-case", std::move(netid), std::move(host), 1883, std::move(message), 5s};
}

TEST(RequestHead, IsThisFixedText) {
  EXPECT_EQ(request_head(call_to("alice", "localhost", "h\xc3\xa9llo"), "127.0.0.1:8426", 4999ms),
            "POST /transform/title-case?netid=alice&broker=localhost%3A1883&timeout=4999ms"
            " HTTP/1.1\r\n"
            "Host: 127.0.0.1:8426\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Length: 6\r\n"
            "Connection: close\r\n"
            "Accept: */*\r\n"
            "\r\n");
}

TEST(RequestHead, EncodesEverythingThatCouldEndOrSplitTheTarget) {
  const auto head =
      request_head(call_to("a b&c=d%?\xc3\xa9~-._", "localhost", ""), "localhost", 1s);
  EXPECT_NE(head.find("?netid=a%20b%26c%3Dd%25%3F%C3%A9~-._&broker="), std::string::npos) << head;
}

TEST(RequestHead, PutsAnIpv6BrokerInBracketsOnce) {
  for (const char* const host : {"::1", "[::1]"}) {
    const auto head = request_head(call_to("a", host, ""), "localhost", 1s);
    EXPECT_NE(head.find("&broker=%5B%3A%3A1%5D%3A1883&"), std::string::npos) << head;
  }
}

/// What one answer came to, on one line.

TEST(RequestHead, MayAskForJsonAndKeepTheConnection) {
  ClientCall call = call_to("a", "b", "");
  call.as_json = true;
  call.keeps_connection = true;
  const auto head = request_head(call, "localhost", 1s);
  EXPECT_TRUE(head.ends_with("\r\nContent-Length: 0\r\nAccept: application/json\r\n\r\n")) << head;
}

TEST(RequestHead, SendsTheToken) {
  ClientCall call = call_to("a", "b", "");
  EXPECT_EQ(request_head(call, "localhost", 1s).find("Authorization"), std::string::npos);
  call.token = "abc+/==";
  EXPECT_NE(request_head(call, "localhost", 1s).find("\r\nAuthorization: Bearer abc+/==\r\n"),
            std::string::npos);
}

TEST(BearerToken, IsWhatRfc6750SaysAndNothingElse) {
  for (const char* const good : {"a", "A-._~+/0", "a=", "a=="})
    EXPECT_TRUE(is_bearer_token(good)) << good;
  for (const char* const bad : {"", "=", "a b", "a=b", "a\r\nX: y", "\xc3\xa9", "a\""})
    EXPECT_FALSE(is_bearer_token(bad)) << bad;
}

TEST(RequestHead, NamesARouteAsItIsEncoded) {
  const ClientCall call{"", "", "", 1883, "{}", 5s, "/z2m/a b%2F/\u00fc"};
  EXPECT_EQ(request_head(call, "localhost", 5s),
            "POST /z2m/a%20b%2F/%C3%BC?timeout=5000ms HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Length: 2\r\nConnection: close\r\nAccept: */*\r\n\r\n");
}

}  // namespace
}  // namespace mqtt_bridge
