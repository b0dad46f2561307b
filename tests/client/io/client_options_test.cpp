#include "client/io/client_options.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace mqtt_bridge {
namespace {

using Arguments = std::vector<const char*>;

std::variant<ClientOptions, ExitNow> parse(Arguments arguments, const char* variable = nullptr) {
  arguments.insert(arguments.begin(), "mqtt_client");
  const std::array environment{"HOME=/root", variable, static_cast<const char*>(nullptr)};
  return parse_client_options(static_cast<int>(arguments.size()), arguments.data(),
                              environment.data());
}

ClientOptions options(const Arguments& arguments, const char* variable = nullptr) {
  const auto parsed = parse(arguments, variable);
  const auto* const found = std::get_if<ClientOptions>(&parsed);
  EXPECT_TRUE(found != nullptr) << std::get<ExitNow>(parsed).err;
  return found != nullptr ? *found : ClientOptions{};
}

/// The one line of a usage error, without the program's name and the reminder of the usage.
std::string fault(const Arguments& arguments, const char* variable = nullptr) {
  const auto parsed = parse(arguments, variable);
  const auto* const exit = std::get_if<ExitNow>(&parsed);
  if (exit == nullptr)
    return "no fault";
  EXPECT_EQ(exit->out, "");
  EXPECT_EQ(exit->err.substr(0, 13), "mqtt_client: ");
  EXPECT_EQ(exit->err.find('\n'), exit->err.size() - 1) << "one line";
  const std::string line = exit->err.substr(13, exit->err.size() - 14);
  return line.substr(0, std::min(line.find("; usage: "), line.find(" Usage: ")));
}

TEST(ClientOptions, HaveTheDefaultsOfTheProtocol) {
  ClientOptions expected;
  expected.netid = "alice";
  expected.action = "title-case";
  expected.message = "hello world";
  EXPECT_EQ(options({"alice", "title-case", "hello world"}), expected);
  EXPECT_EQ(expected.broker.host, "localhost");
  EXPECT_EQ(expected.broker.port, 1883);
  EXPECT_FALSE(expected.verbose || expected.direct);
}

TEST(ClientOptions, NameAnActionThatTheDaemonMayServe) {
  EXPECT_EQ(options({"alice", "translate", "x"}).action, "translate");
}

TEST(ClientOptions, NameARouteInsteadOfAnAction) {
  ClientOptions expected;
  expected.route = "/z2m/device/rename";
  expected.message_from = ClientOptions::MessageFrom::piped_input;
  EXPECT_EQ(options({"--route", "/z2m/device/rename"}), expected);
  expected.message_from = ClientOptions::MessageFrom::argument;
  expected.message = "{\"a\": 1}\xff";
  EXPECT_EQ(options({"--route=/z2m/device/rename", "{\"a\": 1}\xff"}), expected);
  EXPECT_EQ(options({"{\"a\": 1}\xff", "--route", "/z2m/device/rename"}), expected);
  EXPECT_EQ(options({"alice", "reverse", "--route"}).message, "--route");
}

TEST(ClientOptions, AreTakenBeforeBetweenAndAfterThePositionals) {
  ClientOptions expected;
  expected.verbose = true;
  expected.broker.host = "broker";
  expected.broker.port = 99;
  expected.names_broker = true;
  expected.netid = "alice";
  expected.action = "reverse";
  expected.message = "x";
  const std::vector<Arguments> rows{
      {"-v", "--host", "broker", "-p", "99", "alice", "reverse", "x"},
      {"alice", "-v", "--host=broker", "reverse", "x", "-p99"},
      {"alice", "reverse", "x", "--port", "99", "--host", "broker", "--verbose"},
      {"--port=99", "-v", "--host", "broker", "--", "alice", "reverse", "x"},
      {"-p", "1", "-v", "-p", "99", "--host", "a", "--host", "broker", "alice", "reverse", "x"},
  };
  for (const Arguments& row : rows)
    EXPECT_EQ(options(row), expected);
}

TEST(ClientOptions, TakeTheMessageByteForByte) {
  for (const char* const message :
       {"",   " ",     "-5",   "-.5",   "-0x1F",    "[a,b]",    "[[aabb]]", "[]", "{}",
        "%%", "\"q\"", "'q'",  "`q`",   "a=b",      "a,b",      "/x",       "++", "a\nb",
        "\t", "\\n",   "\x01", "\x01x", "\xc3\xa9", "B\"(x)\"", "true",     "#"}) {
    EXPECT_EQ(options({"alice", "reverse", message}).message, message);
    EXPECT_EQ(options({"-v", "--", "alice", "reverse", message}).message, message);
  }
}

TEST(ClientOptions, TakeAMessageThatBeginsWithADashAfterADoubleDash) {
  for (const char* const message :
       {"-v", "--", "-x", "--help", "--host", "--host=", "--x=", "-5"}) {
    EXPECT_EQ(options({"alice", "reverse", "--", message}).message, message);
    EXPECT_EQ(options({"--", "alice", "reverse", message}).message, message);
  }
  EXPECT_FALSE(options({"alice", "reverse", "--", "-v"}).verbose);
}

TEST(ClientOptions, TakeTheMessageFromStdinOrAFile) {
  using From = ClientOptions::MessageFrom;
  EXPECT_EQ(options({"a", "reverse", "-"}).message_from, From::standard_input);
  EXPECT_EQ(options({"--file", "-", "a", "reverse"}).message_from, From::standard_input);
  EXPECT_EQ(options({"--route", "/r", "-"}).message_from, From::standard_input);
  EXPECT_EQ(options({"a", "reverse"}).message_from, From::piped_input);
  EXPECT_EQ(options({"--route", "/r"}).message_from, From::piped_input);
  EXPECT_EQ(options({"--file", "x", "a", "reverse"}).message_from, From::file);
  EXPECT_EQ(options({"--file", "x", "a", "reverse"}).file, "x");
  EXPECT_EQ(options({"a", "reverse", "x"}).message_from, From::argument);
  EXPECT_EQ(fault({"--file", "x", "a", "reverse", "y"}), "--file has the message; leave out 'y'");
}

TEST(ClientOptions, TakeADashForTextAfterADoubleDash) {
  for (const Arguments& arguments :
       {Arguments{"a", "reverse", "--", "-"}, {"--", "a", "reverse", "-"}}) {
    EXPECT_EQ(options(arguments).message, "-");
    EXPECT_EQ(options(arguments).message_from, ClientOptions::MessageFrom::argument);
  }
}

TEST(ClientOptions, TakeWhatFollowsTheActionForText) {
  for (const char* const message :
       {"-hello", "-h", "--help", "--version", "-v", "-vx", "--nope", "--host", "--host=x", "-p"}) {
    EXPECT_EQ(options({"alice", "reverse", message}).message, message);
    EXPECT_EQ(options({"-p", "99", "alice", "reverse", message, "-v"}).message, message);
    EXPECT_TRUE(options({"-p", "99", "alice", "reverse", message, "-v"}).verbose);
  }
  EXPECT_FALSE(options({"alice", "reverse", "-v"}).verbose);
  EXPECT_EQ(options({"alice", "reverse", "--", "--"}).message, "--");
  EXPECT_EQ(options({"alice", "reverse", "--"}).message_from,
            ClientOptions::MessageFrom::piped_input)
      << "a script's unquoted variable may be empty";
  EXPECT_EQ(fault({"alice", "reverse", "-v", "hello"}), "unexpected argument 'hello'");
}

TEST(ClientOptions, TakeOneWayOnly) {
  EXPECT_EQ(fault({"--direct", "--daemon", "unix:/x", "alice", "reverse", "x"}),
            "--direct asks the broker itself; leave out --daemon, or --direct");
}

TEST(ClientOptions, TakeAnOptionsValueWhateverItLooksLike) {
  EXPECT_EQ(fault({"--daemon", "--direct", "alice", "reverse", "x"}),
            "--daemon: '--direct' is neither http://host:port nor unix:PATH");
  EXPECT_EQ(fault({"--host", "-h", "alice", "reverse", "x"}),
            "--host: '-h' is not a host name or an address, without a port");
}

TEST(ClientOptions, TakeShortOptionsOneByOne) {
  for (const char* const joined : {"-hello", "-hv", "-vx", "-vh", "-vp", "-help", "-v=1"}) {
    EXPECT_EQ(fault({joined, "alice", "reverse", "x"}),
              "unknown option '" + std::string(joined) + "': short options are given one by one");
    EXPECT_EQ(fault({"alice", joined, "reverse", "x"}),
              "unknown option '" + std::string(joined) + "': short options are given one by one");
  }
}

TEST(ClientOptions, NeverPrintTheHelpInPlaceOfAnAnswer) {
  EXPECT_EQ(fault({"-h", "localhost", "-p", "21883", "alice", "reverse", "x"}),
            "-h prints the help and takes no value; did you mean '--host localhost'?");
  EXPECT_EQ(fault({"-h", "-p", "21883", "alice", "reverse", "x"}),
            "-h prints the help, and nothing else is done then");
  for (const std::string flag : {"-h", "--help", "--version"}) {
    EXPECT_EQ(fault({"alice", flag.c_str(), "reverse"}).find("-h prints the help"),
              flag == "-h" ? 0U : std::string::npos);
    EXPECT_EQ(fault({"alice", "reverse", "x", flag.c_str()}), flag + " goes before NETID");
    EXPECT_EQ(fault({"alice", flag.c_str()}), flag + " goes before NETID");
  }
}

TEST(ClientOptions, SayWhichOptionMayBeMeant) {
  EXPECT_EQ(fault({"--hots", "x", "alice", "reverse", "x"}),
            "unknown option '--hots'; did you mean '--host'?");
  EXPECT_EQ(fault({"--timout=5", "alice", "reverse", "x"}),
            "unknown option '--timout=5'; did you mean '--timeout'?");
}

TEST(ClientOptions, TellWhyNoDaemonWasAskedOnlyToTheProgramThatAsksTheBroker) {
  const char* const argv[] = {
      "mqtt_client_direct", "--not-asked=it is away", "--", "a", "reverse", "--help"};
  const auto parsed = parse_direct_options(6, argv);
  ASSERT_TRUE(std::holds_alternative<ClientOptions>(parsed)) << std::get<ExitNow>(parsed).err;
  EXPECT_EQ(std::get<ClientOptions>(parsed).not_asked, "it is away");
  EXPECT_EQ(std::get<ClientOptions>(parsed).message, "--help");
  EXPECT_EQ(fault({"--not-asked=x", "a", "reverse", "x"}), "unknown option '--not-asked=x'");
}

TEST(ClientOptions, TakeANetidByteForByte) {
  for (const char* const netid : {"[[aa]]", "[a]", "{}", "%%", "-5", "a b", "a,b"}) {
    EXPECT_EQ(options({netid, "reverse", "x"}).netid, netid);
  }
}

TEST(ClientOptions, FindTheDaemonByFlagBeforeEnvironment) {
  EXPECT_EQ(options({"a", "reverse", "x"}).daemon, "");
  EXPECT_EQ(options({"a", "reverse", "x"}, "MQTT_BRIDGE_URL=").daemon, "");
  EXPECT_EQ(options({"a", "reverse", "x"}, "MQTT_BRIDGE_URL=unix:/run/b.sock").daemon,
            "unix:/run/b.sock");
  EXPECT_EQ(options({"--daemon", "http://[::1]:80", "a", "reverse", "x"}, "MQTT_BRIDGE_URL=unix:/b")
                .daemon,
            "http://[::1]:80");
  EXPECT_EQ(options({"--daemon", "http://box:80/", "a", "reverse", "x"}, "MQTT_BRIDGE_URL=nonsense")
                .daemon,
            "http://box:80/");
}

TEST(ClientOptions, AskTheBrokerDirectlyWhateverTheEnvironmentSays) {
  const ClientOptions direct =
      options({"--direct", "a", "reverse", "x"}, "MQTT_BRIDGE_URL=nonsense");
  EXPECT_TRUE(direct.direct);
  EXPECT_EQ(direct.daemon, "");
}

TEST(ClientOptions, TakeIpv6WithAndWithoutBrackets) {
  EXPECT_EQ(options({"--host", "::1", "a", "reverse", "x"}).broker.host, "::1");
  EXPECT_EQ(options({"--host", "[::1]", "a", "reverse", "x"}).broker.host, "::1");
  EXPECT_EQ(options({"--host=[::1]", "a", "reverse", "x"}).broker.host, "::1");
}

TEST(ClientOptions, TakeATimeoutWithinTheLimits) {
  using namespace std::chrono_literals;
  EXPECT_EQ(options({"--timeout", "1.5s", "a", "reverse", "x"}).timeout, 1500ms);
  EXPECT_EQ(options({"--timeout", "1ms", "a", "reverse", "x"}).timeout, 1ms);
  EXPECT_EQ(options({"--timeout", "60s", "a", "reverse", "x"}).timeout, 60s);
  EXPECT_EQ(options({"--timeout", "5", "a", "reverse", "x"}).timeout, 5s);
}

TEST(ClientOptions, SayInOneLineWhatIsWrong) {
  const auto timeout = [](const std::string& text) {
    return "--timeout: '" + text + "' is not a duration from 1ms to 1m, such as 1500ms or 2s";
  };
  const std::vector<std::pair<Arguments, std::string>> rows{
      {{}, "NETID is required"},
      {{"a"}, "ACTION is required"},
      {{"a", "reverse", "x", "y"}, "unexpected argument 'y'"},
      {{"a", "reverse", "x", ""}, "unexpected argument ''"},
      {{"-x", "a", "reverse", "y"}, "unknown option '-x'"},
      {{"a", "reverse", "y", "-x"}, "unknown option '-x'"},
      {{"--nope", "a", "reverse", "x"}, "unknown option '--nope'"},
      {{"--nope=1", "a", "reverse", "x"}, "unknown option '--nope=1'"},
      {{"-x0", "a"}, "unknown option '-x0'"},
      {{"--direct", "a", "shout", "x"},
       "ACTION: 'shout' is none of uppercase, lowercase, title-case, reverse, shuffle"},
      {{"--direct", "a", "Reverse", "x"},
       "ACTION: 'Reverse' is none of uppercase, lowercase, title-case, reverse, shuffle; did you "
       "mean 'reverse'?"},
      {{"a", "", "x"}, "ACTION: '' is none of uppercase, lowercase, title-case, reverse, shuffle"},
      {{"a", "re/verse", "x"},
       "ACTION: 're/verse' is none of uppercase, lowercase, title-case, reverse, shuffle; did you "
       "mean 'reverse'?"},
      {{"--route", "z2m", "x"}, "--route: 'z2m' is not a path, such as /z2m/device/rename"},
      {{"--route", "/z2m?x=1", "x"},
       "--route: '/z2m?x=1' is not a path, such as /z2m/device/rename"},
      {{"--route", "/z2m", "x", "y"}, "unexpected argument 'y'"},
      {{"--route", "/z2m", "--direct"}, "--route needs mqtt_bridged; leave out --direct"},
      {{"a", "reverse", "\xff"}, "MESSAGE: not UTF-8"},
      {{"-p", "0", "a", "reverse", "x"}, "--port: '0' is not a port from 1 to 65535"},
      {{"-p", "65536", "a", "reverse", "x"}, "--port: '65536' is not a port from 1 to 65535"},
      {{"-p", "-1", "a", "reverse", "x"}, "--port: '-1' is not a port from 1 to 65535"},
      {{"-p", "1x", "a", "reverse", "x"}, "--port: '1x' is not a port from 1 to 65535"},
      {{"--port=", "a", "reverse", "x"}, "--port: '' is not a port from 1 to 65535"},
      {{"a", "reverse", "x", "-p"}, "--port: needs a value"},
      {{"a", "reverse", "x", "--host"}, "--host: needs a value"},
      {{"--host", "mqtt://b", "a", "reverse", "x"},
       "--host: 'mqtt://b' is not a host name or an address, without a port; for a URL there is "
       "--broker"},
      {{"--host", "b:1", "a", "reverse", "x"},
       "--host: 'b:1' is not a host name or an address, without a port"},
      {{"--host", "", "a", "reverse", "x"},
       "--host: '' is not a host name or an address, without a port"},
      {{"--timeout", "soon", "a", "reverse", "x"}, timeout("soon")},
      {{"--timeout", "61", "a", "reverse", "x"}, timeout("61")},
      {{"--timeout", "0s", "a", "reverse", "x"}, timeout("0s")},
      {{"--timeout", "61s", "a", "reverse", "x"}, timeout("61s")},
      {{"--daemon", "ftp://b", "a", "reverse", "x"},
       "--daemon: 'ftp://b' is neither http://host:port nor unix:PATH"},
      {{"--daemon", "", "a", "reverse", "x"},
       "--daemon: '' is neither http://host:port nor unix:PATH"},
  };
  for (const auto& [arguments, sentence] : rows)
    EXPECT_EQ(fault(arguments), sentence);
  EXPECT_EQ(fault({"a", "reverse", "x"}, "MQTT_BRIDGE_URL=localhost"),
            "MQTT_BRIDGE_URL: 'localhost' is neither http://host:port nor unix:PATH");
}

TEST(ClientOptions, NameASecuredBroker) {
  const Arguments call{"a", "reverse", "x"};
  const ClientOptions secured = options(
      {"--broker", "mqtts://b", "--username", "u", "--password-file", "/p", "--ca-file", "/ca",
       "--cert-file", "/c", "--key-file=/k", "--token-file", "/t", "a", "reverse", "x"});
  EXPECT_EQ(to_string(secured.broker), "mqtts://b:8883");
  EXPECT_EQ(secured.username + secured.password_file + secured.ca_file + secured.cert_file +
                secured.key_file + secured.token_file,
            "u/p/ca/c/k/t");
  EXPECT_EQ(options(call, "MQTT_CLIENT_TOKEN_FILE=/t").token_file, "/t");
  EXPECT_EQ(options(call, "MQTT_CLIENT_BROKER=mqtts://b").broker.port, 8883);
  EXPECT_EQ(fault(call, "MQTT_CLIENT_BROKER=ftp://b"),
            "MQTT_CLIENT_BROKER: 'ftp' is not a broker's scheme; use mqtt:// or mqtts://");
}

TEST(ClientOptions, RefuseAVariableOfOursThatNoOptionHas) {
  EXPECT_EQ(fault({"a", "reverse", "x"}, "MQTT_CLIENT_PASSWD_FILE=/p"),
            "MQTT_CLIENT_PASSWD_FILE: no option has this variable; did you mean "
            "'MQTT_CLIENT_PASSWORD_FILE'?");
  EXPECT_EQ(fault({"a", "reverse", "x"}, "MQTT_CLIENT_HOST=b"),
            "MQTT_CLIENT_HOST: no option has this variable");
}

TEST(ClientOptions, RefuseAMisspeltVariableAndLeaveThoseOfTheDaemon) {
  for (const char* const name : {"MQTT_BRIDGE_URI", "MQTT_BRIDGE_URLS", "MQTT_BRIDGE_ULR"}) {
    EXPECT_EQ(fault({"a", "reverse", "x"}, (std::string(name) + "=unix:/b").c_str()),
              std::string(name) + ": no option has this variable; did you mean 'MQTT_BRIDGE_URL'?");
  }
  for (const char* const others : {"MQTT_BRIDGE_NETIDS=a", "MQTT_BRIDGE_URI=", "MQTT_BRIDGE_", "X"})
    EXPECT_EQ(options({"a", "reverse", "x"}, others).daemon, "");
}

TEST(ClientOptions, RefuseWhatIsNoNetid) {
  for (const char* const netid : {"", "a/b", "+", "#", "$SYS", "a\nb", "\xff"}) {
    EXPECT_EQ(fault({netid, "reverse", "x"}).substr(0, 7), "NETID: ") << netid;
  }
}

TEST(ClientOptions, RemindOfTheUsage) {
  const std::string usage =
      "mqtt_client [--help] [-v] [--host HOST] [-p PORT] NETID ACTION MESSAGE\n";
  EXPECT_EQ(std::get<ExitNow>(parse({"-x", "alice", "reverse", "x"})).err,
            "mqtt_client: unknown option '-x'; usage: " + usage);
  EXPECT_EQ(std::get<ExitNow>(parse({"--hots", "alice", "reverse", "x"})).err,
            "mqtt_client: unknown option '--hots'; did you mean '--host'? Usage: " + usage);
}

TEST(ClientOptions, HelpSaysTheUsageAndExitsWithZero) {
  for (const Arguments& arguments : std::initializer_list<Arguments>{
           {"--help"}, {"-h"}, {"-v", "-h"}, {"--help", "a"}, {"--nope", "--help"}}) {
    const auto parsed = parse(arguments, "nonsense");
    const auto& exit = std::get<ExitNow>(parsed);
    EXPECT_EQ(exit.code, 0);
    EXPECT_EQ(exit.err, "");
    for (const std::string_view part :
         {"mqtt_client [--help] [-v] [--host HOST] [-p PORT] NETID ACTION MESSAGE\n", "--daemon",
          "--direct", "--timeout", "MQTT_BRIDGE_URL",
          "uppercase, lowercase, title-case, reverse, shuffle"}) {
      EXPECT_NE(exit.out.find(part), std::string::npos) << part;
    }
  }
}

TEST(ClientOptions, VersionSaysNameAndVersion) {
  for (const char* const flag : {"--version", "-V"}) {
    const auto parsed = parse({flag});
    const auto& exit = std::get<ExitNow>(parsed);
    EXPECT_EQ(exit.code, 0);
    EXPECT_EQ(exit.out, std::string("mqtt_client ") + MQTT_BRIDGE_VERSION + "\n");
  }
}

}  // namespace
}  // namespace mqtt_bridge
