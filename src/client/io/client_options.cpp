#include "client/io/client_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/duration.hpp"
#include "base/nearest.hpp"
#include "base/utf8.hpp"
#include "client/io/daemon_call.hpp"
#include "config/io/arguments.hpp"
#include "exchange/topic.hpp"
#include "mqtt/broker_url.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::string_view program = "mqtt_client";

class Usage final : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: " + std::string(client_usage) + "\n";
  }
};

std::string actions() {
  std::string names;
  for (const Action action : all_actions) {
    names += (names.empty() ? "" : ", ") + std::string(to_string(action));
  }
  return names;
}

/// The texts of the command line, before they are understood.
struct Texts {
  std::string host, port, netid, action, route, message, daemon, timeout, not_asked;
};

/// Binds no value to a type of CLI11's and no limit on repetition: the last one counts.
void declare(CLI::App& app, const std::string& names, std::string& to, const std::string& type,
             const std::string& help) {
  const auto take_last = [&to](const CLI::results_t& texts) {
    to = original_argument(texts.back());
    return true;
  };
  app.add_option(names, take_last, help)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name(type);
}

void declare_all(CLI::App& app, ClientOptions& options, Texts& texts) {
  app.formatter(std::make_shared<Usage>());
  app.set_help_flag("-h,--help", "Print this help, and exit");
  app.set_version_flag("--version", std::string(program) + " " + MQTT_BRIDGE_VERSION,
                       "Print the version, and exit");
  app.add_flag("-v,--verbose", options.verbose, "Say on stderr what is being done");
  declare(app, "--host", texts.host, "HOST", "The MQTT broker's host; localhost by default");
  declare(app, "-p,--port", texts.port, "PORT", "The MQTT broker's port; 1883 by default");
  declare(app, "--timeout", texts.timeout, "DURATION",
          "How long to wait for the answer, such as 1500ms or 2s, or in seconds; " +
              duration_text(options.timeout) + " by default");
  declare(app, "--daemon", texts.daemon, "URL",
          "Where mqtt_bridged is: http://host:port or unix:PATH; also MQTT_BRIDGE_URL");
  app.add_flag("--direct", options.direct, "Ask the broker itself, without mqtt_bridged");
  declare(app, "--route", texts.route, "PATH",
          "Call a route of mqtt_bridged instead of an action: mqtt_client --route PATH [BODY]");
}

void declare_positionals(CLI::App& app, Texts& texts, bool is_route) {
  if (is_route) {
    declare(app, "BODY", texts.message, "", "What to send; empty by default");
    return;
  }
  declare(app, "NETID", texts.netid, "", "Whose topics to use");
  declare(app, "ACTION", texts.action, "",
          "One of " + actions() + ", or another that mqtt_bridged serves");
  declare(app, "MESSAGE", texts.message, "",
          "The text to transform; whatever follows ACTION, and after -- even the text --");
  for (const char* name : {"NETID", "ACTION", "MESSAGE"})
    app.get_option(name)->required();
}

std::string take_host(std::string_view text, std::string& to) {
  if (text.starts_with('[') && text.ends_with(']'))
    text = text.substr(1, text.size() - 2);
  if (!is_host(text)) {
    return "--host: '" + std::string(text) + "' is not a host name or an address, without a port";
  }
  to = text;
  return {};
}

std::string take_port(std::string_view text, std::uint16_t& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  if (error == std::errc{} && end == text.data() + text.size() && to != 0)
    return {};
  return "--port: '" + std::string(text) + "' is not a port from 1 to 65535";
}

std::string take_timeout(std::string_view text, std::chrono::milliseconds& to) {
  const auto duration = parse_duration(text);
  if (!duration || *duration < limits::min_timeout || *duration > limits::max_timeout) {
    return "--timeout: '" + std::string(text) + "' is not a duration from " +
           duration_text(limits::min_timeout) + " to " + duration_text(limits::max_timeout) +
           ", such as 1500ms or 2s";
  }
  to = *duration;
  return {};
}

std::string take_daemon(const std::string& text, const std::string& origin, std::string& to) {
  if (!parse_daemon_url(text)) {
    return origin + ": '" + text + "' is neither http://host:port nor unix:PATH";
  }
  to = text;
  return {};
}

std::string take_route(const Texts& texts, ClientOptions& to) {
  if (!texts.route.starts_with('/') || texts.route.find_first_of("?#") != std::string::npos)
    return "--route: '" + texts.route + "' is not a path, such as /z2m/device/rename";
  to.route = texts.route;
  to.message = texts.message;
  return to.direct ? "--route needs mqtt_bridged; leave out --direct" : "";
}

std::string take_call(const Texts& texts, ClientOptions& to) {
  if (const auto why = why_not_netid(texts.netid))
    return "NETID: " + *why;
  if (!is_action_name(texts.action) || (to.direct && !parse_action(texts.action)))
    return unknown_action(texts.action);
  if (!is_utf8(texts.message))
    return "MESSAGE: not UTF-8";
  to.netid = texts.netid;
  to.action = texts.action;
  to.message = texts.message;
  return {};
}

/// The first fault; empty when there is none. Other variables with our prefix are mqtt_bridged's.
std::string take_environment(const char* const* environment, ClientOptions& to) {
  constexpr std::array known{std::string_view("MQTT_BRIDGE_URL")};
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const auto end_of_name = std::min(variable.find('='), variable.size());
    const auto name = variable.substr(0, end_of_name);
    const auto value = variable.substr(std::min(end_of_name + 1, variable.size()));
    if (!name.starts_with("MQTT_BRIDGE_") || value.empty())
      continue;
    std::string fault;
    if (name == known.front())
      fault = take_daemon(std::string(value), std::string(name), to.daemon);
    else if (!nearest(name, known).empty())
      fault = std::string(name) + ": no option has this variable" + did_you_mean(name, known);
    if (!fault.empty())
      return fault;
  }
  return {};
}

/// The first fault; empty when there is none.
std::string take_all(const CLI::App& app, const Texts& texts, const char* const* environment,
                     ClientOptions& to) {
  const auto given = [&app](const char* name) { return app.count(name) > 0; };
  std::string fault = given("--route") ? take_route(texts, to) : take_call(texts, to);
  to.names_broker = given("--host") || given("--port");
  if (fault.empty() && given("--host"))
    fault = take_host(texts.host, to.host);
  if (fault.empty() && given("--port"))
    fault = take_port(texts.port, to.port);
  if (fault.empty() && given("--timeout"))
    fault = take_timeout(texts.timeout, to.timeout);
  if (!fault.empty())
    return fault;
  if (given("--daemon") && to.direct)
    return "--direct asks the broker itself; leave out --daemon, or --direct";
  if (given("--daemon"))
    return take_daemon(texts.daemon, "--daemon", to.daemon);
  return to.direct ? "" : take_environment(environment, to);
}

/// The help and the version are asked for before NETID; after ACTION those words are a text.
std::string misplaced_help(std::span<const Argument> arguments) {
  using Kind = Argument::Kind;
  bool netid_came = false;
  for (const auto& [kind, text] : arguments) {
    netid_came = netid_came || kind == Kind::positional;
    if (kind == Kind::option && netid_came &&
        (text == "-h" || text == "--help" || text == "--version")) {
      return text + " goes before NETID";
    }
  }
  return {};
}

bool names_route(std::span<const Argument> arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const Argument& argument) {
    return argument.kind == Argument::Kind::option &&
           (argument.text == "--route" || argument.text.starts_with("--route="));
  });
}

ExitNow usage_fault_with_reminder(const std::string& fault) {
  return usage_error(program, fault + (fault.ends_with('?') ? " Usage: " : "; usage: ") +
                                  std::string(client_usage));
}

/// Nothing when all was taken.
std::optional<ExitNow> parse(CLI::App& app, ClientOptions& options, Texts& texts, int argc,
                             const char* const* argv, const char* const* environment) {
  constexpr std::size_t message_at = 2;  // after NETID and ACTION
  const std::vector<Argument> arguments = classify_arguments(argc, argv, app, message_at);
  for (const std::string& fault :
       {short_option_fault(arguments, "--host"), misplaced_help(arguments)}) {
    if (!fault.empty())
      return usage_fault_with_reminder(fault);
  }
  declare_positionals(app, texts, names_route(arguments));
  try {
    app.parse(arguments_for_cli11(arguments));
  } catch (const CLI::CallForHelp&) {
    return ExitNow{0, app.help(), ""};
  } catch (const CLI::CallForVersion&) {
    return ExitNow{0, std::string(program) + " " + MQTT_BRIDGE_VERSION + "\n", ""};
  } catch (const CLI::ParseError& error) {
    return usage_fault_with_reminder(usage_fault(app, error));
  }
  const std::string fault = take_all(app, texts, environment, options);
  if (!fault.empty())
    return usage_error(program, fault);
  return std::nullopt;
}

}  // namespace

std::string unknown_action(std::string_view action) {
  return "ACTION: '" + std::string(action) + "' is none of " + actions();
}

std::variant<ClientOptions, ExitNow> parse_client_options(int argc, const char* const* argv,
                                                          const char* const* environment) {
  CLI::App app{"Has a text transformed by the service behind an MQTT broker.",
               std::string(program)};
  ClientOptions options;
  Texts texts;
  declare_all(app, options, texts);
  if (auto exit = parse(app, options, texts, argc, argv, environment))
    return *std::move(exit);
  return options;
}

std::variant<ClientOptions, ExitNow> parse_direct_options(int argc, const char* const* argv) {
  CLI::App app{"Carries out a call of mqtt_client.", std::string(program)};
  ClientOptions options;
  Texts texts;
  declare_all(app, options, texts);
  declare(app, "--not-asked", texts.not_asked, "REASON", "Why no daemon was of use");
  declare(app, "--left-aside", texts.not_asked, "REASON", "The same, and there is one");
  if (auto exit = parse(app, options, texts, argc, argv, nullptr))
    return *std::move(exit);
  if (!options.route.empty() || !parse_action(options.action))
    return usage_error(program, unknown_action(options.action));
  options.not_asked = texts.not_asked;
  options.is_left_aside = app.count("--left-aside") > 0;
  return options;
}

}  // namespace mqtt_bridge
