#include "http/access.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

const AllowList allow_list{
    .hosts = {"bridge.example.", "Box", "192.0.2.7", "2001:db8::7", "[2001:db8::8]"},
    .origins = {"https://app.example", "http://Other.example:8080"},
    .users = {1000, 1002}};

bool may_call(const Caller& caller) {
  return !why_forbidden(caller, allow_list);
}

Caller page(std::string_view host, std::string_view origin) {
  return {Caller::Via::tcp, host, origin, std::nullopt};
}

TEST(Access, IsOpenToLoopbackNamesAndAddresses) {
  for (const std::string_view host :
       {"localhost", "localhost:8426", "LocalHost", "localhost.", "localhost.:80", "localhost:",
        "a.localhost", "a.b.LOCALHOST.:1", "127.0.0.1", "127.0.0.1:8426", "127.0.0.1.",
        "127.255.255.254", "[::1]", "[::1]:8426", "[0:0:0:0:0:0:0:1]", "[0::0001]:80"}) {
    EXPECT_FALSE(why_forbidden({Caller::Via::tcp, host, {}, {}}, {})) << host;
  }
}

TEST(Access, IsOpenToConfiguredHostsUnderAnyPortAndSpelling) {
  for (const std::string_view host :
       {"bridge.example", "Bridge.Example.:80", "box", "BOX.:8426", "192.0.2.7:1", "[2001:db8::7]",
        "[2001:DB8:0::7]:80", "[2001:db8::8]"}) {
    EXPECT_TRUE(may_call({Caller::Via::tcp, host, {}, {}})) << host;
    EXPECT_TRUE(why_forbidden({Caller::Via::tcp, host, {}, {}}, {})) << host;
  }
}

TEST(Access, IsClosedToNamesThatOnlyLookLikeThisMachine) {
  for (const std::string_view host : {"",
                                      ".",
                                      "..",
                                      ":80",
                                      "evil.com",
                                      "evil.com:8426",
                                      "localhost.evil.com",
                                      "127.0.0.1.evil.com",
                                      "evil-localhost",
                                      "evillocalhost",
                                      ".localhost",
                                      "..localhost",
                                      "a..localhost",
                                      "localhost..",
                                      "local%68ost",
                                      "localhost@evil.com",
                                      "evil.com@localhost",
                                      "localhost:80@evil.com",
                                      "localhost:evil.com",
                                      "localhost evil.com",
                                      "localhost,evil.com",
                                      "localhost/evil",
                                      "localhost#",
                                      "127.1",
                                      "127.0.1",
                                      "0x7f.1",
                                      "0x7f.0.0.1",
                                      "0177.0.0.1",
                                      "2130706433",
                                      "127.0.0.01",
                                      "127.0.0.256",
                                      "128.0.0.1",
                                      "126.255.255.255",
                                      "0.0.0.0",
                                      "127.0.0.1..",
                                      "::1",
                                      "[::2]",
                                      "[::]",
                                      "[::1].evil.com",
                                      "[::ffff:128.0.0.1]",
                                      "[::1%25lo]",
                                      "xbox",
                                      "box.evil.com",
                                      "sub.bridge.example",
                                      "bridge.example.evil.com",
                                      "192.0.2.70",
                                      "[2001:db8::9]",
                                      "localhost:65536",
                                      "localhost:-1"}) {
    EXPECT_FALSE(may_call({Caller::Via::tcp, host, {}, {}})) << host;
  }
}

TEST(Access, NamesTheOptionThatWouldAllowIt) {
  struct Row {
    Caller caller;
    std::string_view option;
  };
  Caller user{Caller::Via::unix_socket, {}, {}, {}};
  user.user = 1001;
  const Row rows[] = {{{Caller::Via::tcp, "evil.com", {}, {}}, "--host"},
                      {page("localhost", "https://evil.com"), "--allow-origin"},
                      {page("localhost", "null"), "--allow-origin"},
                      {{Caller::Via::tcp, "localhost", {}, "cross-site"}, "--allow-origin"},
                      {user, "--allow-user"}};
  for (const Row& row : rows) {
    const auto forbidden = why_forbidden(row.caller, allow_list);
    ASSERT_TRUE(forbidden) << row.option;
    EXPECT_NE(forbidden->why.find(row.option), std::string::npos) << forbidden->why;
  }
}

TEST(Access, IsOpenToTheAddressThatTheConnectionCameTo) {
  struct Row {
    std::string_view own;
    std::string_view host;
    bool allowed;
  };
  const Row rows[] = {
      {"192.0.2.1", "192.0.2.1", true},
      {"192.0.2.1", "192.0.2.1:8426", true},
      {"192.0.2.1", "192.0.2.1.", true},
      {"192.0.2.1", "192.0.2.2", false},
      {"192.0.2.1", "192.0.2.1.evil.com", false},
      {"192.0.2.1", "192.0.2.01", false},
      {"192.0.2.1", "3221225985", false},
      {"192.0.2.1", "[::ffff:192.0.2.1]", false},
      {"2001:db8::1", "[2001:db8::1]:80", true},
      {"2001:db8::1", "[2001:DB8:0::0:1]", true},
      {"2001:db8::1", "[2001:db8::2]", false},
      {"2001:db8::1", "2001:db8::1", false},
      {"", "", false},
      {"", "0.0.0.0", false},
      {"127.0.0.1", "0.0.0.0", false},
      {"::1", "[::]", false},
  };
  for (const Row& row : rows) {
    Caller caller{Caller::Via::tcp, row.host, {}, {}};
    caller.own_address = row.own;
    EXPECT_EQ(!why_forbidden(caller, {}), row.allowed) << row.host << " at " << row.own;
    caller.origin = "http://evil.com";
    EXPECT_TRUE(why_forbidden(caller, {})) << row.host;
    caller.origin.reset();
    caller.sec_fetch_site = "cross-site";
    EXPECT_TRUE(why_forbidden(caller, {})) << row.host;
  }
  Caller own_page = page("192.0.2.1:8426", "http://192.0.2.1:8426");
  own_page.own_address = "192.0.2.1";
  EXPECT_FALSE(why_forbidden(own_page, {}));
  own_page.origin = "http://192.0.2.1:3000";
  EXPECT_TRUE(why_forbidden(own_page, {}));
}

TEST(Access, IsOpenToClientsThatSayNoHostUnlessTheyAreWebPages) {
  EXPECT_FALSE(why_forbidden({Caller::Via::tcp, std::nullopt, {}, {}}, {}));
  EXPECT_TRUE(why_forbidden({Caller::Via::tcp, "", {}, {}}, {}));
  EXPECT_TRUE(why_forbidden({Caller::Via::tcp, std::nullopt, "http://evil.com", {}}, {}));
  EXPECT_TRUE(why_forbidden({Caller::Via::tcp, std::nullopt, "http://localhost", {}}, {}));
  EXPECT_TRUE(why_forbidden({Caller::Via::tcp, std::nullopt, {}, "cross-site"}, {}));
}

TEST(Access, OverTheUnixSocketDoesNotAskForTheHost) {
  for (const std::string_view host : {"", "localhost", "evil.com", "no host at all"}) {
    EXPECT_TRUE(may_call({Caller::Via::unix_socket, host, {}, {}})) << host;
  }
}

TEST(Access, OverTheUnixSocketStillRefusesThePagesOfOtherSites) {
  const auto call = [](std::string_view host, std::string_view origin) {
    return may_call({Caller::Via::unix_socket, host, origin, {}});
  };
  EXPECT_TRUE(call("proxy.example", "https://proxy.example"));
  EXPECT_FALSE(call("proxy.example", "https://evil.com"));
  EXPECT_FALSE(call("", "https://evil.com"));
  EXPECT_FALSE(may_call({Caller::Via::unix_socket, "localhost", {}, "cross-site"}));
}

TEST(Access, IsOpenToItsOwnPages) {
  struct Row {
    std::string_view host;
    std::string_view origin;
  };
  const Row rows[] = {
      {"localhost:8426", "http://localhost:8426"},
      {"LOCALHOST:8426", "HTTP://localhost:8426"},
      {"127.0.0.1:8426", "http://127.0.0.1:8426"},
      {"[::1]:8426", "http://[::1]:8426"},
      {"[0:0::1]:8426", "http://[::1]:8426"},
      {"localhost", "http://localhost"},
      {"localhost:80", "http://localhost"},
      {"localhost", "http://localhost:80"},
      {"bridge.example", "https://bridge.example"},
      {"bridge.example:443", "https://bridge.example"},
  };
  for (const Row& row : rows) {
    EXPECT_TRUE(may_call(page(row.host, row.origin))) << row.host << " from " << row.origin;
  }
}

TEST(Access, IsClosedToThePagesOfOthers) {
  struct Row {
    std::string_view host;
    std::string_view origin;
  };
  const Row rows[] = {
      {"localhost:8426", ""},
      {"localhost:8426", "null"},
      {"localhost:8426", "localhost:8426"},
      {"localhost:8426", "//localhost:8426"},
      {"localhost:8426", "http:localhost:8426"},
      {"localhost:8426", "file://localhost:8426"},
      {"localhost:8426", "ftp://localhost:8426"},
      {"localhost:8426", "xhttp://localhost:8426"},
      {"localhost:8426", "http://localhost:3000"},
      {"localhost:8426", "http://localhost"},
      {"localhost:8426", "http://127.0.0.1:8426"},
      {"localhost:8426", "http://evil.com"},
      {"localhost:8426", "http://evil.com:8426"},
      {"localhost:8426", "http://localhost.evil.com:8426"},
      {"localhost:8426", "http://localhost:8426.evil.com"},
      {"localhost:8426", "http://localhost:8426@evil.com"},
      {"localhost:8426", "http://evil.com@localhost:8426"},
      {"localhost:8426", "http://localhost:8426/"},
      {"localhost:8426", "http://localhost:8426#"},
      {"localhost:8426", "http://localhost:8426 http://evil.com"},
      {"localhost:8426", "http://evil.com, http://localhost:8426"},
      {"localhost:8426", "http://a.localhost:8426"},
      {"localhost:8426", "http://localhost.:8426"},
      {"localhost", "https://localhost:80"},
      {"localhost:80", "https://localhost"},
      {"bridge.example", "http://bridge.example:8080"},
      {"bridge.example", "http://box"},
      {"evil.com", "http://evil.com"},
      {"evil.com:8426", "http://evil.com:8426"},
  };
  for (const Row& row : rows) {
    EXPECT_FALSE(may_call(page(row.host, row.origin))) << row.host << " from " << row.origin;
  }
}

TEST(Access, BelievesTheBrowserAboutTheSite) {
  struct Row {
    std::string_view site;
    bool allowed;
  };
  const Row rows[] = {{"same-origin", true},        {"none", true},     {"same-site", false},
                      {"cross-site", false},        {"", false},        {"None", false},
                      {"same-origin, none", false}, {"anything", false}};
  for (const Row& row : rows) {
    const Caller caller{Caller::Via::tcp, "localhost:8426", {}, row.site};
    EXPECT_EQ(may_call(caller), row.allowed) << row.site;
  }
  EXPECT_FALSE(may_call({Caller::Via::tcp, "localhost", "http://localhost", "cross-site"}));
}

TEST(Access, IsOpenToThePagesOfGuestsWhateverTheBrowserSays) {
  for (const std::string_view origin :
       {"https://app.example", "HTTPS://APP.example:443", "http://other.example:8080"}) {
    EXPECT_TRUE(may_call({Caller::Via::tcp, "localhost:8426", origin, "cross-site"})) << origin;
    EXPECT_FALSE(may_call({Caller::Via::tcp, "evil.example", origin, "cross-site"})) << origin;
  }
  for (const std::string_view origin :
       {"http://app.example", "https://app.example:8443", "https://app.example.evil.com",
        "https://evil.com", "https://sub.app.example", "http://other.example", "null", ""}) {
    EXPECT_FALSE(may_call({Caller::Via::tcp, "localhost:8426", origin, "cross-site"})) << origin;
  }
}

TEST(Access, OverTheUnixSocketIsOpenToTheUsersWhoAreListed) {
  const auto by = [](std::uint32_t user, const AllowList& these) {
    return why_forbidden({Caller::Via::unix_socket, "localhost", {}, {}, user}, these);
  };
  EXPECT_FALSE(by(1000, allow_list));
  EXPECT_FALSE(by(1002, allow_list));
  ASSERT_TRUE(by(1001, allow_list));
  EXPECT_EQ(by(1001, allow_list)->problem, Problem::forbidden_user);
  EXPECT_TRUE(by(0, allow_list));
  EXPECT_FALSE(by(1001, {}));
}

TEST(Access, SaysWhichFieldIsToBlame) {
  EXPECT_NE(why_forbidden({Caller::Via::tcp, "evil.com", {}, {}}, {})->why.find("Host"),
            std::string::npos);
  EXPECT_NE(why_forbidden(page("localhost", "null"), {})->why.find("Origin"), std::string::npos);
  EXPECT_NE(why_forbidden({Caller::Via::tcp, "localhost", {}, "cross-site"}, {})
                ->why.find("Sec-Fetch-Site"),
            std::string::npos);
}

TEST(Access, TakesAnEmptyConfiguredNameForNoName) {
  const AllowList empty{.hosts = {"", "."}, .origins = {}, .users = {}};
  EXPECT_TRUE(why_forbidden({Caller::Via::tcp, "", {}, {}}, empty));
  EXPECT_TRUE(why_forbidden({Caller::Via::tcp, ".", {}, {}}, empty));
}

}  // namespace
}  // namespace mqtt_bridge
