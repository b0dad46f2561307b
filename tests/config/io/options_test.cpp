#include "config/io/options.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "parse_options.hpp"

namespace mqtt_bridge {
namespace {

using namespace std::chrono_literals;

TEST(BridgedOptions, NeedOnlyANetid) {
  BridgedOptions expected;
  expected.netid = "alice";
  expected.listen = {TcpListen{"localhost", 8426}};
  expected.listens_by_default = true;
  EXPECT_EQ(options({"--netid", "alice"}), expected);
  ASSERT_EQ(expected.broker.urls.size(), 1);
  EXPECT_EQ(to_string(expected.broker.urls.front()), "mqtt://localhost:1883");
  EXPECT_EQ(expected.timeout, 5s);
}

TEST(BridgedOptions, HaveANetidWithoutBeingGivenOne) {
  const BridgedOptions parsed = options({"--netids", "alice", "--netids", "*"});
  EXPECT_EQ(parsed.netid, "bridge");
  EXPECT_EQ(parsed.netids, (std::vector<std::string>{"alice", "*"}));
}

TEST(BridgedOptions, TakeEveryFlag) {
  BridgedOptions expected;
  expected.broker.urls = {{BrokerUrl::Scheme::mqtts, "b", 8883}};
  expected.broker.protocol = Protocol::v3_1_1;
  expected.broker.client_id = "id";
  expected.broker.username = "user";
  expected.broker.password_file = "pw";
  expected.broker.ca_file = "ca";
  expected.broker.cert_file = "cert";
  expected.broker.key_file = "key";
  expected.netid = "alice";
  expected.netids = {"bob", "carol"};
  expected.listen = {TcpListen{"0.0.0.0", 0}, TcpListen{"::1", 2}, UnixListen{"/run/b,c.sock"}};
  expected.host = {"bridge.example", "2001:db8::7"};
  expected.timeout = 1500ms;
  expected.max_timeout = 2s;
  expected.token_file = "token";
  expected.state_dir = "/state";
  expected.open_health = true;
  expected.allow_remote = true;
  expected.run.log_level = LogLevel::trace;
  expected.run.log_format = LogFormat::json;
  expected.run.check_config = true;
  expected.check_health = true;
  EXPECT_EQ(options({"--broker",
                     "mqtts://b",
                     "--protocol",
                     "3.1.1",
                     "--client-id",
                     "id",
                     "--username",
                     "user",
                     "--password-file",
                     "pw",
                     "--ca-file",
                     "ca",
                     "--cert-file",
                     "cert",
                     "--key-file=key",
                     "--netid",
                     "alice",
                     "--netids",
                     "bob",
                     "--netids=carol",
                     "--listen",
                     "0.0.0.0:0",
                     "--listen",
                     "[::1]:2",
                     "--listen",
                     "unix:/run/b,c.sock",
                     "--host",
                     "Bridge.Example",
                     "--host",
                     "[2001:DB8::7]",
                     "--timeout",
                     "1.5s",
                     "--max-timeout",
                     "2s",
                     "--token-file",
                     "token",
                     "--open-health",
                     "--allow-remote",
                     "--state-dir",
                     "/state",
                     "--log-level",
                     "trace",
                     "--log-format",
                     "json",
                     "--check-config",
                     "--check-health"}),
            expected);
}

TEST(BridgedOptions, ListenOnSystemdsSocketAsWellUnlessToldWhere) {
  const Variables systemd{{"RUNTIME_DIRECTORY", "/run/a:/run/b"}, {"STATE_DIRECTORY", "/var/a:/b"}};
  const BridgedOptions parsed = options({"--netid", "a"}, systemd);
  EXPECT_EQ(parsed.listen,
            (std::vector<Listen>{TcpListen{"localhost", 8426}, UnixListen{"/run/a/bridge.sock"}}));
  EXPECT_EQ(parsed.state_dir, "/var/a");
  const BridgedOptions told =
      options({"--netid", "a", "--listen", "unix:/x", "--state-dir", "/y"}, systemd);
  EXPECT_EQ(told.listen, (std::vector<Listen>{UnixListen{"/x"}}));
  EXPECT_EQ(told.state_dir, "/y");
}

TEST(BridgedOptions, AreFlagThenEnvironmentThenFileThenDefault) {
  const ConfigFile file(
      "netid = 'file'\nlog-level = 'warn'\nlisten = ['127.0.0.1:1', '127.0.0.1:2']\n");
  const Variables environment{{"MQTT_BRIDGE_NETID", "environment"},
                              {"MQTT_BRIDGE_LISTEN", "127.0.0.1:3,[::1]:4"},
                              {"MQTT_BRIDGE_LOG_LEVEL", ""}};
  const Arguments config{"--config", file.path()};

  BridgedOptions parsed = options(config);
  EXPECT_EQ(parsed.netid, "file");
  EXPECT_EQ(parsed.listen.size(), 2U);
  EXPECT_EQ(parsed.run.config, file.path());

  parsed = options(config, environment);
  EXPECT_EQ(parsed.netid, "environment");
  EXPECT_EQ(parsed.listen, (std::vector<Listen>{TcpListen{"127.0.0.1", 3}, TcpListen{"::1", 4}}));
  EXPECT_EQ(parsed.run.log_level, LogLevel::warn) << "an empty variable is as good as none";

  parsed =
      options({"--config", file.path(), "--netid", "flag", "--listen", "[::1]:5"}, environment);
  EXPECT_EQ(parsed.netid, "flag");
  EXPECT_EQ(parsed.listen, (std::vector<Listen>{TcpListen{"::1", 5}}));
}

TEST(BridgedOptions, FindTheFileByTheEnvironmentToo) {
  const ConfigFile file("netid = 'file'\nallow-remote = true\nlisten = ['0.0.0.0:1']");
  const Variables environment{{"MQTT_BRIDGE_CONFIG", file.path()}};
  EXPECT_EQ(options({}, environment).run.config, file.path());
  EXPECT_TRUE(options({}, environment).allow_remote);
  EXPECT_EQ(fault({"--config", "/no/such"}, environment),
            "/no/such: cannot be read: No such file or directory");
  EXPECT_NE(fault({"--allow-remote=false"}, environment), "no fault");
}

TEST(BridgedOptions, TakeTheLastOfSeveralFlagsAndBooleansFromTheEnvironment) {
  EXPECT_EQ(options({"--netid", "a", "--netid", "b", "--timeout", "1s", "--timeout=2s"}).timeout,
            2s);
  EXPECT_TRUE(options({"--netid", "a"}, {{"MQTT_BRIDGE_ALLOW_REMOTE", "true"}}).allow_remote);
  EXPECT_FALSE(
      options({"--netid", "a", "--allow-remote=false"}, {{"MQTT_BRIDGE_ALLOW_REMOTE", "true"}})
          .allow_remote);
}

TEST(BridgedOptions, TakeOneBrokerOrSeveral) {
  using Scheme = BrokerUrl::Scheme;
  const std::vector<BrokerUrl> one{{Scheme::mqtt, "a", 1}};
  const std::vector<BrokerUrl> two{{Scheme::mqtt, "a", 1}, {Scheme::mqtt, "b", 1883}};
  EXPECT_EQ(options({"--broker", "a:1"}).broker.urls, one);
  EXPECT_EQ(options({"--broker", "a:1", "--broker=mqtt://b"}).broker.urls, two);
  EXPECT_EQ(options({}, {{"MQTT_BRIDGE_BROKER", "a:1"}}).broker.urls, one);
  EXPECT_EQ(options({}, {{"MQTT_BRIDGE_BROKER", "a:1, b"}}).broker.urls, two);
  for (const auto& [toml, expected] :
       {std::pair("broker = 'a:1'\n", one), {"broker = ['a:1', 'b']\n", two}}) {
    const ConfigFile file(toml);
    EXPECT_EQ(options({"--config", file.path()}).broker.urls, expected) << toml;
  }
}

TEST(BridgedOptions, KeepTextsExactly) {
  const ConfigFile file("netid = 'a'\nclient-id = \"x # [y], 'z'\"\n");
  EXPECT_EQ(options({"--config", file.path()}).broker.client_id, "x # [y], 'z'");
  for (const char* const text : {"[a,b]", "[[aa]]", "{}", "%%", "-5", "a,b"}) {
    EXPECT_EQ(options({"--netid", "a", "--client-id", text}).broker.client_id, text);
    EXPECT_EQ(options({"--netid", "a"}, {{"MQTT_BRIDGE_CLIENT_ID", text}}).broker.client_id, text);
  }
}

TEST(ResponderOptions, NeedNothing) {
  EXPECT_EQ(options<Responder>({}), ResponderOptions{});
  EXPECT_EQ(options<Responder>({}, {{"MQTT_BRIDGE_SHARE", "not ours"}}), ResponderOptions{});
}

TEST(ResponderOptions, AreFlagsOrEnvironment) {
  ResponderOptions expected;
  expected.broker.urls.front().host = "b";
  expected.share = "group";
  expected.id = "one";
  expected.run.log_level = LogLevel::error;
  EXPECT_EQ(options<Responder>({"--broker", "b", "--share", "group", "--id", "one"},
                               {{"MQTT_RESPONDER_LOG_LEVEL", "error"}}),
            expected);
}

TEST(ResponderOptions, ServeProgramsByFlagsAVariableOrTheFile) {
  const std::vector<ServedCommand> expected{{"shout", {"tr", "a-z", "A-Z"}},
                                            {"twice", {"sh", "-c", "tee /dev/stderr"}}};
  const std::string shout = "shout=tr a-z A-Z";
  const std::string twice = "twice=sh -c 'tee /dev/stderr'";
  EXPECT_EQ(options<Responder>({"--serve", shout, "--serve", twice}).serve, expected);
  EXPECT_EQ(options<Responder>({}, {{"MQTT_RESPONDER_SERVE", shout + ", " + twice}}).serve,
            expected);
  const ConfigFile file("serve = [\"" + shout + "\", \"" + twice + "\"]\n");
  EXPECT_EQ(options<Responder>({"--config", file.path()}).serve, expected);
}

}  // namespace
}  // namespace mqtt_bridge
