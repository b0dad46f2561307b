// What the operator is told of a wrong option, word for word.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "parse_options.hpp"

namespace mqtt_bridge {
namespace {

TEST(BridgedOptions, SayInOneLineWhichFlagIsWrongAndWhatIsWanted) {
  const std::string_view listen =
      "is not an address to listen on, such as 127.0.0.1:8426, [::1]:8426 or "
      "unix:/run/bridge.sock";
  const auto no_listen = [listen](const std::string& text) {
    return "--listen: '" + text + "' " + std::string(listen);
  };
  const std::vector<std::pair<Arguments, std::string>> rows{
      {{"--broker", "tcp://b"},
       "--broker: 'tcp' is not a broker's scheme; use mqtt:// or mqtts://"},
      {{"--broker", "mqtt://u:hush@b"},
       "--broker: a broker's URL holds no user or password; they belong in --username and "
       "--password-file"},
      {{"--broker="}, "--broker: the host is missing"},
      {{"--broker", "a", "--broker", "mqtt://a:1883"}, "--broker: mqtt://a:1883 is given twice"},
      {{"--broker", "a", "--broker", "mqtts://b"},
       "--broker: mqtt:// and mqtts:// exclude each other: what is meant for TLS is not sent "
       "without it"},
      {{"--broker", "a,b"},
       "--broker: 'a,b' is not a host name or an address; for more than one, repeat --broker"},
      {{"--protocol", "4"}, "--protocol: '4' is none of auto, 5, 3.1.1"},
      {{"--timeout", "soon"},
       "--timeout: 'soon' is not a duration, such as 1500ms, 2s, 1.5s or 1m"},
      {{"--timeout", "61"}, "--timeout: must be from 1ms to 1m, not 61"},
      {{"--timeout", "0ms"}, "--timeout: must be from 1ms to 1m, not 0ms"},
      {{"--timeout", "60001ms"}, "--timeout: must be from 1ms to 1m, not 60001ms"},
      {{"--max-timeout", "1h"},
       "--max-timeout: '1h' is not a duration, such as 1500ms, 2s, 1.5s or 1m"},
      {{"--timeout", "3s", "--max-timeout", "2s"},
       "--timeout (3s) is longer than --max-timeout (2s)"},
      {{"--host", "a:1"}, "--host: 'a:1' is not a host name or an address, without a port"},
      {{"--log-level", "loud"}, "--log-level: 'loud' is none of trace, debug, info, warn, error"},
      {{"--log-level", "inf"},
       "--log-level: 'inf' is none of trace, debug, info, warn, error; did you mean 'info'?"},
      {{"--log-format", "xml"}, "--log-format: 'xml' is none of auto, human, json, journal"},
      {{"--client-id", ""}, "--client-id: needs a value"},
      {{"--client-id", "a\nb"}, "--client-id: must be UTF-8 without control characters"},
      {{"--username", "\xff"}, "--username: must be UTF-8 without control characters"},
      {{"--token-file="}, "--token-file: needs the path of a file"},
      {{"--token-file", ""}, "--token-file: needs the path of a file"},
      {{"--allow-remote=maybe"}, "--allow-remote: 'maybe' is neither true nor false"},
      {{"--listen", "8426"}, no_listen("8426")},
      {{"--listen", ":8426"}, no_listen(":8426")},
      {{"--listen", "*:8426"}, no_listen("*:8426")},
      {{"--listen", "::1:8426"}, no_listen("::1:8426")},
      {{"--listen", "[127.0.0.1]:1"}, no_listen("[127.0.0.1]:1")},
      {{"--listen", "box:8426"}, no_listen("box:8426")},
      {{"--listen", "127.0.0.1:65536"}, no_listen("127.0.0.1:65536")},
      {{"--listen", "127.0.0.1:"}, no_listen("127.0.0.1:")},
      {{"--listen", "[]:1"}, no_listen("[]:1")},
      {{"--listen", ""}, no_listen("")},
      {{"--listen", "unix:"}, "--listen: after unix: comes the path of the socket"},
      {{"--listen", "unix:" + std::string(108, 'x')},
       "--listen: the path of a unix socket has at most 107 bytes"},
      {{"--password-file", "x"}, "--password-file needs --username or --username-file as well"},
      {{"--broker", "mqtts://b", "--cert-file", "x"}, "--cert-file and --key-file need each other"},
      {{"--ca-file", "x"},
       "--ca-file, --cert-file and --key-file need a --broker with mqtts://, not "
       "mqtt://localhost:1883"},
      {{"--timout", "1s"},
       "unknown option '--timout'; did you mean '--timeout'? --help lists the options"},
      {{"--brokr=b"},
       "unknown option '--brokr=b'; did you mean '--broker'? --help lists the options"},
      {{"--nonsense"}, "unknown option '--nonsense'; --help lists the options"},
      {{"-hello"},
       "unknown option '-hello': short options are given one by one; --help lists the options"},
      {{"-h", "localhost"},
       "-h prints the help and takes no value; did you mean '--broker localhost'? --help lists "
       "the options"},
      {{"-x"}, "unknown option '-x'; --help lists the options"},
      {{"stray"}, "unexpected argument 'stray'; --help lists the options"},
      {{"--", "--timeout"}, "unexpected argument '--timeout'; --help lists the options"},
      {{"--timeout"}, "--timeout: needs a value; --help lists the options"},
  };
  for (const auto& [arguments, sentence] : rows) {
    Arguments all{"--netid", "alice"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    EXPECT_EQ(fault(all), sentence);
  }
  EXPECT_EQ(options({"--netid", "a", "--listen", "unix:" + std::string(107, 'x')}).listen.size(),
            1U);
}

TEST(BridgedOptions, RefuseWhatIsNoNetid) {
  for (const std::string netid : {"", "a/b", "+", "#", "$SYS"}) {
    EXPECT_EQ(fault({"--netid", netid}).substr(0, 9), "--netid: ") << netid;
    EXPECT_EQ(fault({"--netids", netid}).substr(0, 10), "--netids: ") << netid;
  }
  EXPECT_EQ(fault({"--netid", "*"}), "no fault") << "to a topic it is a letter like any other";
}

TEST(BridgedOptions, SeparateByCommasInVariablesOnly) {
  const Variables blanks{{"MQTT_BRIDGE_NETIDS", " bob, carol ,\tdave"},
                         {"MQTT_BRIDGE_LISTEN", "127.0.0.1:3, [::1]:4"}};
  const BridgedOptions parsed = options({}, blanks);
  EXPECT_EQ(parsed.netids, (std::vector<std::string>{"bob", "carol", "dave"}));
  EXPECT_EQ(parsed.listen, (std::vector<Listen>{TcpListen{"127.0.0.1", 3}, TcpListen{"::1", 4}}));

  for (const std::string value : {"a,,b", "a,", " "}) {
    EXPECT_EQ(fault({}, {{"MQTT_BRIDGE_NETIDS", value}}).substr(0, 20), "MQTT_BRIDGE_NETIDS: ")
        << value;
  }

  EXPECT_EQ(
      fault({"--netids", "bob,carol"}),
      "--netids: 'bob,carol' has a comma, so it is not taken for one NetID; for more than one, "
      "repeat --netids");
  EXPECT_EQ(fault({"--netid", "a,b"}),
            "--netid: 'a,b' has a comma, so it is not taken for one NetID; more than one go into "
            "--netids");
  EXPECT_EQ(fault({"--allow-user", "ann,bo"}),
            "--allow-user: 'ann,bo' is not the name or the number of a user; for more than one, "
            "repeat --allow-user");
  EXPECT_EQ(fault({"--host", "a.example,b.example"}),
            "--host: 'a.example,b.example' is not a host name or an address, without a port; for "
            "more than one, repeat --host");
  const ConfigFile file("netids = ['bob,carol']");
  EXPECT_EQ(
      fault({"--config", file.path()}),
      file.path() +
          ":1: netids: 'bob,carol' has a comma, so it is not taken for one NetID; for more than "
          "one, write [\"a\", \"b\"]");
  EXPECT_EQ(options({"--listen", "unix:/run/b,c.sock"}).listen.size(), 1U);
}

TEST(BridgedOptions, RefuseAVariableThatNoOptionHas) {
  for (const Arguments& arguments : {Arguments{}, Arguments{"--check-config"}}) {
    EXPECT_EQ(fault(arguments, {{"MQTT_BRIDGE_BROKR", "x"}}),
              "MQTT_BRIDGE_BROKR: no option has this variable; did you mean 'MQTT_BRIDGE_BROKER'?");
  }
  EXPECT_EQ(fault({}, {{"MQTT_BRIDGE_COLOUR", "x"}}),
            "MQTT_BRIDGE_COLOUR: no option has this variable");
  EXPECT_EQ(fault({}, {{"MQTT_BRIDGE_PORT", "8426"}}),
            "MQTT_BRIDGE_PORT: no option has this variable; did you mean 'MQTT_BRIDGE_HOST'?");
  for (const char* const flag : {"MQTT_BRIDGE_CHECK_CONFIG", "MQTT_BRIDGE_CHECK_HEALTH"}) {
    EXPECT_EQ(fault({}, {{flag, "true"}}), std::string(flag) + ": no option has this variable")
        << "only as a flag";
  }
  EXPECT_EQ(fault<Responder>({}, {{"MQTT_RESPONDER_SHARES", "x"}}),
            "MQTT_RESPONDER_SHARES: no option has this variable; did you mean "
            "'MQTT_RESPONDER_SHARE'?");
}

TEST(BridgedOptions, LeaveVariablesOfOthersAlone) {
  const Variables others{
      {"MQTT_BRIDGE_URL", "unix:/run/x"},  // mqtt_client's
      {"MQTT_BRIDGE_EMPTY", ""},
      {"MQTT_BRIDGE", "x"},
      {"MQTT_RESPONDER_NONSENSE", "x"},
      // Kubernetes makes these of a service "mqtt-bridge", and Docker of a link.
      {"MQTT_BRIDGE_SERVICE_HOST", "10.0.0.1"},
      {"MQTT_BRIDGE_SERVICE_PORT", "8426"},
      {"MQTT_BRIDGE_SERVICE_PORT_HTTP", "8426"},
      {"MQTT_BRIDGE_PORT", "tcp://10.0.0.1:8426"},
      {"MQTT_BRIDGE_PORT_8426_TCP", "tcp://10.0.0.1:8426"},
      {"MQTT_BRIDGE_PORT_8426_TCP_ADDR", "10.0.0.1"},
  };
  EXPECT_EQ(fault({}, others), "no fault");
  EXPECT_EQ(fault<Responder>(
                {}, {{"MQTT_RESPONDER_SERVICE_HOST", "10.0.0.1"}, {"MQTT_BRIDGE_NONSENSE", "x"}}),
            "no fault");
}

TEST(BridgedOptions, NameTheSourceOfAWrongValue) {
  EXPECT_EQ(fault({"--netid", "a"}, {{"MQTT_BRIDGE_MAX_TIMEOUT", "x"}}),
            "MQTT_BRIDGE_MAX_TIMEOUT: 'x' is not a duration, such as 1500ms, 2s, 1.5s or 1m");
  const std::vector<std::pair<std::string, std::string>> rows{
      {"\ntimeout = 'x'", ":2: timeout: 'x' is not a duration, such as 1500ms, 2s, 1.5s or 1m"},
      {"timeout = 5", ":1: 'timeout' must be a string in quotes, not an integer"},
      {"timeout = ''", ":1: timeout: '' is not a duration, such as 1500ms, 2s, 1.5s or 1m"},
      {"netids = ['a', 'b/c']", ":1: netids: A NetID must not contain '/'."},
      {"brokr = 'x'", ":1: unknown key 'brokr'; did you mean 'broker'?"},
      {"config = 'x'", ":1: unknown key 'config'"},
      {"check-config = true", ":1: unknown key 'check-config'"},
      {"client-id = \"a\\u0000\"", ":1: client-id: must be UTF-8 without control characters"},
      {"listen = [\"127.0.0.1\\u0000x:1\"]",
       ":1: listen: '127.0.0.1 x:1' is not an address to listen on, such as 127.0.0.1:8426, "
       "[::1]:8426 or unix:/run/bridge.sock"},
  };
  for (const auto& [toml, sentence] : rows) {
    const ConfigFile file(toml);
    EXPECT_EQ(fault({"--netid", "a", "--config", file.path()}), file.path() + sentence);
  }
}

TEST(BridgedOptions, AreReachableFromOtherMachinesOnlyOnPurpose) {
  for (const char* const address : {"0.0.0.0:1", "192.0.2.7:1", "[::]:1", "[2001:db8::1]:1"}) {
    const Arguments arguments{"--netid", "a", "--listen", "127.0.0.1:1", "--listen", address};
    EXPECT_EQ(fault(arguments), "--listen: " + std::string(address) +
                                    " can be reached from other machines; give a --token-file, or "
                                    "--allow-remote to let anybody call");
    Arguments with_token = arguments;
    with_token.insert(with_token.end(), {"--token-file", "x"});
    EXPECT_EQ(fault(with_token), "no fault");
    Arguments allowed = arguments;
    allowed.push_back("--allow-remote");
    EXPECT_EQ(fault(allowed), "no fault");
  }
  for (const char* const address :
       {"127.0.0.1:1", "127.1.2.3:1", "localhost:1", "[::1]:1", "[0:0::1]:1", "unix:x"}) {
    EXPECT_EQ(fault({"--netid", "a", "--listen", address}), "no fault") << address;
  }
}

TEST(ResponderOptions, HaveNamesThatAreOneLevelOfATopic) {
  for (const std::string name : {"", "a/b", "a+", "#"}) {
    for (const std::string flag : {"--share", "--id"}) {
      EXPECT_EQ(fault<Responder>({flag, name}),
                flag + ": '" + name +
                    "' is not one level of a topic: not empty, and without '/', '+' and '#'");
    }
  }
}

TEST(ResponderOptions, SayWhatIsWrongWithAProgramToServe) {
  EXPECT_EQ(fault<Responder>({"--serve", "cat"}), "--serve: 'cat' is not NAME=COMMAND");
  EXPECT_EQ(fault<Responder>({"--serve", "uppercase=cat"}),
            "--serve: 'uppercase' is served anyway");
  EXPECT_EQ(fault<Responder>({"--serve", "a/b=cat"}),
            "--serve: 'a/b' is not the name of an action: 1 to 64 of A-Z, a-z, 0-9, '-', '.', '_'");
  EXPECT_EQ(fault<Responder>({"--serve", "a=cat", "--serve", "a=tac"}),
            "--serve: 'a' is given twice");
  EXPECT_EQ(fault<Responder>({}, {{"MQTT_RESPONDER_SERVE", "a=sh -c 'b"}}),
            "MQTT_RESPONDER_SERVE: in the command of 'a' a quote (') is not closed");
  const ConfigFile file("\nserve = [\"a=cat\", \"b=\"]\n");
  EXPECT_EQ(fault<Responder>({"--config", file.path()}),
            file.path() + ":2: serve: 'b=' names no program");
}

TEST(ResponderOptions, ServeAsManyActionsAsOneAnnouncementHolds) {
  Arguments arguments;
  for (int i = 0; i < 59; ++i)
    arguments.insert(arguments.end(), {"--serve", "a" + std::to_string(i) + "=cat"});
  EXPECT_EQ(fault<Responder>(arguments), "no fault");
  arguments.insert(arguments.end(), {"--serve", "one-more=cat"});
  EXPECT_EQ(fault<Responder>(arguments), "--serve: more than 59 actions cannot be announced");
}

TEST(ResponderOptions, BoundTheProgramsToServe) {
  EXPECT_EQ(fault<Responder>({"--serve-jobs", "128"}), "no fault");
  EXPECT_EQ(fault<Responder>({"--serve-jobs", "129"}),
            "--serve-jobs: must be a number from 1 to 128, not '129'");
  EXPECT_EQ(fault<Responder>({"--serve-timeout", "61s"}),
            "--serve-timeout: must be from 1ms to 1m, not 61s");
}

}  // namespace
}  // namespace mqtt_bridge
