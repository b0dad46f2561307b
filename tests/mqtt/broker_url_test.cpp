#include "mqtt/broker_url.hpp"

#include <string>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using Scheme = BrokerUrl::Scheme;

BrokerUrl url(std::string_view text) {
  const auto parsed = parse_broker_url(text);
  const auto* const found = std::get_if<BrokerUrl>(&parsed);
  EXPECT_TRUE(found != nullptr) << text << ": " << std::get<std::string>(parsed);
  return found != nullptr ? *found : BrokerUrl{};
}

std::string fault(std::string_view text) {
  const auto parsed = parse_broker_url(text);
  const auto* const found = std::get_if<std::string>(&parsed);
  EXPECT_TRUE(found != nullptr) << text;
  return found != nullptr ? *found : "";
}

TEST(BrokerUrl, IsAHostWithPerhapsASchemeAndAPort) {
  struct Row {
    std::string_view text;
    BrokerUrl url;
    std::string_view written;
  };
  const Row rows[] = {
      {"mqtt://localhost:1883", {Scheme::mqtt, "localhost", 1883}, "mqtt://localhost:1883"},
      {"mqtt://broker", {Scheme::mqtt, "broker", 1883}, "mqtt://broker:1883"},
      {"mqtts://broker", {Scheme::mqtts, "broker", 8883}, "mqtts://broker:8883"},
      {"mqtts://broker:1", {Scheme::mqtts, "broker", 1}, "mqtts://broker:1"},
      {"MQTTS://Broker.Example.",
       {Scheme::mqtts, "Broker.Example.", 8883},
       "mqtts://Broker.Example.:8883"},
      {"broker:65535", {Scheme::mqtt, "broker", 65535}, "mqtt://broker:65535"},
      {"my_broker-2", {Scheme::mqtt, "my_broker-2", 1883}, "mqtt://my_broker-2:1883"},
      {"192.0.2.7", {Scheme::mqtt, "192.0.2.7", 1883}, "mqtt://192.0.2.7:1883"},
      {"[::1]", {Scheme::mqtt, "::1", 1883}, "mqtt://[::1]:1883"},
      {"[::1]:1884", {Scheme::mqtt, "::1", 1884}, "mqtt://[::1]:1884"},
      {"mqtts://[2001:DB8::7]", {Scheme::mqtts, "2001:DB8::7", 8883}, "mqtts://[2001:DB8::7]:8883"},
      {"[fe80::1%eth0]:1", {Scheme::mqtt, "fe80::1%eth0", 1}, "mqtt://[fe80::1%eth0]:1"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(url(row.text), row.url) << row.text;
    EXPECT_EQ(to_string(row.url), row.written);
    EXPECT_EQ(url(row.written), row.url) << row.written;
  }
}

TEST(BrokerUrl, IsRefusedWithASentence) {
  struct Row {
    std::string_view text;
    std::string_view sentence;
  };
  const Row rows[] = {
      {"", "the host is missing"},
      {"mqtt://", "the host is missing"},
      {":1883", "the host is missing"},
      {"mqtts://:8883", "the host is missing"},
      {"tcp://broker", "'tcp' is not a broker's scheme; use mqtt:// or mqtts://"},
      {"://broker", "'' is not a broker's scheme; use mqtt:// or mqtts://"},
      {"broker:0", "'0' is not a port from 1 to 65535"},
      {"broker:65536", "'65536' is not a port from 1 to 65535"},
      {"broker:99999999999999999999", "'99999999999999999999' is not a port from 1 to 65535"},
      {"broker:", "'' is not a port from 1 to 65535"},
      {"broker:-1", "'-1' is not a port from 1 to 65535"},
      {"broker:+1", "'+1' is not a port from 1 to 65535"},
      {"broker: 1", "' 1' is not a port from 1 to 65535"},
      {"broker:1x", "'1x' is not a port from 1 to 65535"},
      {"broker:1:2", "'1:2' is not a port from 1 to 65535"},
      {"broker:1883/", "a broker's URL ends after the port; it has no path"},
      {"mqtt://broker/path", "a broker's URL ends after the port; it has no path"},
      {"mqtt://broker?x", "a broker's URL ends after the port; it has no path"},
      {"mqtt://broker#x", "a broker's URL ends after the port; it has no path"},
      {"a b", "'a b' is not a host name or an address"},
      {" broker", "' broker' is not a host name or an address"},
      {"-broker", "'-broker' is not a host name or an address"},
      {"br\xc3\xb6ker", "'br\xc3\xb6ker' is not a host name or an address"},
      {"::1", "an IPv6 address is written in brackets: [::1]"},
      {"[::1", "the ']' after the IPv6 address is missing"},
      {"[]:1", "'' is not an IPv6 address"},
      {"[broker]:1", "'broker' is not an IPv6 address"},
      {"[fe80::1%]", "'fe80::1%' is not an IPv6 address"},
      {"[::1]1883", "after the ']' comes ':port' or nothing"},
      {"[::1]:0", "'0' is not a port from 1 to 65535"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(fault(row.text), row.sentence) << row.text;
}

TEST(BrokerUrl, NeverRepeatsAPassword) {
  for (const std::string_view text :
       {"mqtt://user:hush@broker", "user:hush@broker:1883", "mqtts://:hush@broker/x",
        "tcp://user:hush@broker", "mqtt://user:hush/@broker"}) {
    EXPECT_EQ(fault(text),
              "a broker's URL holds no user or password; they belong in --username and "
              "--password-file");
  }
}

TEST(HostPort, HasADefaultPort) {
  EXPECT_EQ(std::get<HostPort>(parse_host_port("box", 8426)), (HostPort{"box", 8426}));
  EXPECT_EQ(std::get<HostPort>(parse_host_port("[::1]", 8426)), (HostPort{"::1", 8426}));
  EXPECT_EQ(std::get<HostPort>(parse_host_port("box:80", 8426)), (HostPort{"box", 80}));
  EXPECT_TRUE(std::holds_alternative<std::string>(parse_host_port("mqtt://box", 8426)));
}

TEST(SameBroker, KnowsTheNamesOfThisMachineAndIgnoresCase) {
  struct Row {
    std::string_view broker;
    std::string_view host;
    std::uint16_t port;
    bool same;
  };
  const Row rows[] = {
      {"localhost", "localhost", 1883, true},
      {"localhost", "LocalHost", 1883, true},
      {"localhost", "127.0.0.1", 1883, true},
      {"127.0.0.1", "::1", 1883, true},
      {"[::1]", "localhost", 1883, true},
      {"localhost", "localhost", 1884, false},
      {"localhost", "127.0.0.2", 1883, false},
      {"localhost", "", 1883, false},
      {"localhost", "broker", 1883, false},
      {"Broker.Example", "bROKER.eXAMPLE", 1883, true},
      {"broker", "broker.example", 1883, false},
      {"mqtts://broker", "broker", 8883, true},
      {"[2001:DB8::7]", "2001:db8::7", 1883, true},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(same_broker(url(row.broker), row.host, row.port), row.same)
        << row.broker << " and " << row.host;
  }
}

}  // namespace
}  // namespace mqtt_bridge
