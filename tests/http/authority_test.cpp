#include "http/authority.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

TEST(Authority, IsAHostAndPerhapsAPort) {
  struct Row {
    std::string_view text;
    std::string_view host;
    int port;  // -1: none
  };
  const Row rows[] = {
      {"localhost", "localhost", -1},
      {"localhost:8426", "localhost", 8426},
      {"localhost:", "localhost", -1},
      {"localhost:0", "localhost", 0},
      {"localhost:00080", "localhost", 80},
      {"localhost:65535", "localhost", 65535},
      {"127.0.0.1:80", "127.0.0.1", 80},
      {"[::1]", "[::1]", -1},
      {"[::1]:", "[::1]", -1},
      {"[::1]:80", "[::1]", 80},
      {"[2001:db8::192.0.2.1]:80", "[2001:db8::192.0.2.1]", 80},
      {"a_b-c.~!$&'()*+,;=%C3%A9", "a_b-c.~!$&'()*+,;=%C3%A9", -1},
  };
  for (const Row& row : rows) {
    const auto parsed = parse_authority(row.text);
    ASSERT_TRUE(parsed) << row.text;
    EXPECT_EQ(parsed->host, row.host);
    EXPECT_EQ(parsed->port ? *parsed->port : -1, row.port) << row.text;
  }
}

TEST(Authority, IsNothingElse) {
  for (const std::string_view text :
       {"",          ":80",    "a:b",  "a:80:80",  "a:65536",      "a:000080", "a:-1",
        "a:+1",      "a: 80",  "a b",  "a/b",      "a?b",          "a#b",      "user@a",
        "user:pw@a", "a\\b",   "a\tb", "\xc3\xa9", "a%",           "a%4",      "a%4g",
        "[]",        "[::1",   "::1",  "[::1]80",  "[::1%25eth0]", "[v1.a]",   "[127.0.0.1]",
        "[[::1]]",   "a[::1]", "<a>",  "a\"",      "a|b",          "a^b",      "{a}"}) {
    EXPECT_FALSE(parse_authority(text)) << text;
  }
  EXPECT_FALSE(parse_authority(std::string_view("a\0b", 3)));
}

TEST(Ipv4, IsFourPlainDecimalNumbers) {
  EXPECT_EQ(parse_ipv4("127.0.0.1"), (Ipv4{127, 0, 0, 1}));
  EXPECT_EQ(parse_ipv4("0.0.0.0"), (Ipv4{0, 0, 0, 0}));
  EXPECT_EQ(parse_ipv4("255.255.255.255"), (Ipv4{255, 255, 255, 255}));
  for (const std::string_view text :
       {"", "127", "127.1", "127.0.1", "127.0.0.1.", "127.0.0.1.1", ".127.0.0.1", "127..0.1",
        "127.0.0.256", "127.0.0.01", "0127.0.0.1", "00.0.0.0", "0x7f.0.0.1", "127.0.0.1a",
        "127.0.0.-1", "127.0.0. 1", "127.0.0.1000"}) {
    EXPECT_FALSE(parse_ipv4(text)) << text;
  }
}

TEST(Ipv6, IsReadInEverySpelling) {
  struct Row {
    std::string_view text;
    Ipv6 address;
  };
  const Row rows[] = {
      {"::", {}},
      {"::1", {0, 0, 0, 0, 0, 0, 0, 1}},
      {"0:0:0:0:0:0:0:1", {0, 0, 0, 0, 0, 0, 0, 1}},
      {"0000:0::0001", {0, 0, 0, 0, 0, 0, 0, 1}},
      {"1::", {1}},
      {"fe80::A:b", {0xfe80, 0, 0, 0, 0, 0, 0xa, 0xb}},
      {"1:2:3:4:5:6:7::", {1, 2, 3, 4, 5, 6, 7, 0}},
      {"::2:3:4:5:6:7:8", {0, 2, 3, 4, 5, 6, 7, 8}},
      {"1:2:3:4:5:6:7:8", {1, 2, 3, 4, 5, 6, 7, 8}},
      {"::ffff:127.0.0.1", {0, 0, 0, 0, 0, 0xffff, 0x7f00, 1}},
      {"1:2:3:4:5:6:1.2.3.4", {1, 2, 3, 4, 5, 6, 0x102, 0x304}},
  };
  for (const Row& row : rows)
    EXPECT_EQ(parse_ipv6(row.text), row.address) << row.text;
}

TEST(Ipv6, IsNothingElse) {
  for (const std::string_view text : {"",
                                      ":",
                                      "1",
                                      ":::",
                                      "1:::2",
                                      "1::2::3",
                                      ":1:2:3:4:5:6:7:8",
                                      "1:2:3:4:5:6:7:8:",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4::5:6:7:8",
                                      "::12345",
                                      "::g",
                                      "::1 ",
                                      "1.2.3.4::",
                                      "1:1.2.3.4::",
                                      "::1.2.3.4:1",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "::1.2.3",
                                      "::1%lo",
                                      "::-1",
                                      "[::1]"}) {
    EXPECT_FALSE(parse_ipv6(text)) << text;
  }
}

}  // namespace
}  // namespace mqtt_bridge
