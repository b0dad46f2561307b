#include "client/option_table.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

SettingLayer layer(std::vector<std::pair<std::string_view, std::string>> settings,
                   const std::string& source) {
  SettingLayer given;
  for (auto& [name, text] : settings)
    given.push_back({name, std::move(text), source + std::string(name)});
  return given;
}

ClientOptions taken(const std::vector<SettingLayer>& layers) {
  ClientOptions options;
  EXPECT_EQ(take_layers(layers, options), "");
  return options;
}

std::string fault(const std::vector<SettingLayer>& layers) {
  ClientOptions options;
  return take_layers(layers, options);
}

TEST(ClientSettings, TakeEachFromTheStrongestSourceThatHasIt) {
  const auto options = taken({layer({{"timeout", "1s"}}, "--"),
                              layer({{"timeout", "2s"}, {"username", "weak"}}, "MQTT_CLIENT_"),
                              layer({{"username", "weaker"}, {"broker", "b:1"}}, "client.toml: ")});
  EXPECT_EQ(options.timeout, std::chrono::seconds(1));
  EXPECT_EQ(options.username, "weak");
  EXPECT_EQ(to_string(options.broker), "mqtt://b:1");
  EXPECT_TRUE(options.names_broker);
}

TEST(ClientSettings, TakeTheLastOfTwoInOneSource) {
  EXPECT_EQ(taken({layer({{"username", "a"}, {"username", "b"}}, "--")}).username, "b");
}

TEST(ClientSettings, LookAtNoTextThatIsOverruled) {
  EXPECT_EQ(taken({layer({{"timeout", "1s"}}, "--"), layer({{"timeout", "soon"}}, "X_")}).timeout,
            std::chrono::seconds(1));
}

TEST(ClientSettings, SendNoPasswordToAnotherBrokerThanTheOneItWasWrittenDownWith) {
  const auto home = layer({{"broker", "mqtts://home"},
                           {"username", "alice"},
                           {"password-file", "/p"},
                           {"ca-file", "/ca"},
                           {"cert-file", "/c"},
                           {"key-file", "/k"}},
                          "client.toml: ");
  for (const auto& [name, text] :
       {std::pair("broker", "mqtt://other"), std::pair("host", "other"), std::pair("port", "99")}) {
    const auto options = taken({layer({{name, text}}, "--"), home});
    EXPECT_EQ(options.username + options.password_file + options.ca_file + options.cert_file +
                  options.key_file,
              "")
        << name;
    EXPECT_EQ(options.broker.scheme, BrokerUrl::Scheme::mqtt);
  }
  EXPECT_EQ(taken({layer({{"timeout", "1s"}}, "--"), home}).username, "alice");
}

TEST(ClientSettings, TakeAUserNameThatNamesNoBrokerForEachBroker) {
  const auto options = taken({layer({{"broker", "mqtt://other"}}, "--"),
                              layer({{"username", "alice"}}, "MQTT_CLIENT_"),
                              layer({{"broker", "home"}, {"username", "bob"}}, "client.toml: ")});
  EXPECT_EQ(options.username, "alice");
  EXPECT_EQ(options.broker.host, "other");
}

TEST(ClientSettings, SendNoTokenToAnotherDaemonThanItsOwn) {
  const auto home = layer({{"daemon", "http://home:1"}, {"token-file", "/t"}}, "client.toml: ");
  EXPECT_EQ(taken({layer({{"daemon", "http://other:1"}}, "--"), home}).token_file, "");
  EXPECT_EQ(taken({layer({{"token-file", "/mine"}}, "--"), home}).daemon, "http://home:1");
  EXPECT_EQ(taken({layer({{"daemon", "http://other:1"}}, "--"),
                   layer({{"token-file", "/t"}}, "MQTT_CLIENT_")})
                .token_file,
            "/t");
}

TEST(ClientSettings, TakeOneWayTheStrongestSources) {
  const auto daemon = [](const std::string& source) {
    return layer({{"daemon", "unix:/d"}}, source);
  };
  const auto direct = layer({{"direct", "true"}}, "--");
  const auto either = layer({{"direct", "false"}}, "--");
  EXPECT_TRUE(taken({direct, daemon("X_")}).direct);
  EXPECT_EQ(taken({direct, daemon("X_")}).daemon, "");
  EXPECT_FALSE(taken({daemon("X_"), direct}).direct);
  EXPECT_EQ(taken({daemon("X_"), direct}).daemon, "unix:/d");
  EXPECT_EQ(taken({either, daemon("X_")}).daemon, "unix:/d");
  EXPECT_FALSE(taken({either, direct}).direct);
}

TEST(ClientSettings, SayWhichOfThemExcludeOrNeedEachOther) {
  const std::vector<std::pair<std::vector<SettingLayer>, std::string>> rows{
      {{layer({{"broker", "b"}, {"port", "1"}}, "--")}, "--broker and --port exclude each other"},
      {{layer({{"password-file", "/p"}}, "MQTT_CLIENT_")},
       "MQTT_CLIENT_password-file needs --username as well"},
      {{layer({{"broker", "mqtts://b"}, {"key-file", "/k"}}, "--")},
       "--key-file: --cert-file and --key-file need each other"},
      {{layer({{"broker", "mqtts://b"}, {"cert-file", "/k"}}, "--")},
       "--cert-file: --cert-file and --key-file need each other"},
      {{layer({{"host", "b"}, {"ca-file", "/k"}}, "--")},
       "--ca-file needs a broker with TLS, such as --broker mqtts://b, not mqtt://b:1883"},
      {{layer({{"direct", "true"}, {"daemon", "unix:/d"}}, "f: ")},
       "f: direct asks the broker itself; leave out f: daemon, or f: direct"},
      {{layer({{"route", "/r"}}, "--"), layer({{"direct", "true"}}, "f: ")},
       "--route needs mqtt_bridged; leave out f: direct"},
      {{layer({{"broker", "ftp://b"}}, "--")},
       "--broker: 'ftp' is not a broker's scheme; use mqtt:// or mqtts://"},
      {{layer({{"username", ""}}, "--")}, "--username: must not be empty"},
      {{layer({{"direct", "yes"}}, "f: ")}, "f: direct: 'yes' is neither true nor false"},
  };
  for (const auto& [layers, sentence] : rows)
    EXPECT_EQ(fault(layers), sentence);
}

TEST(ClientSettings, NeverRepeatAPasswordThatStandsInAUrl) {
  EXPECT_EQ(fault({layer({{"broker", "mqtt://u:geheim@b"}}, "--")}).find("geheim"),
            std::string::npos);
}

TEST(ClientSettings, HaveAVariableEach) {
  std::string names;
  for (const ClientFlag& flag : client_flags()) {
    if (flag.name == "token-file" || flag.name == "daemon")
      names += variable_of(flag) + " ";
  }
  EXPECT_EQ(names, "MQTT_BRIDGE_URL MQTT_CLIENT_TOKEN_FILE ");
}

}  // namespace
}  // namespace mqtt_bridge
