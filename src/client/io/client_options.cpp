#include "client/io/client_options.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/nearest.hpp"
#include "base/utf8.hpp"
#include "client/client_help.hpp"
#include "client/hand_over.hpp"
#include "client/io/client_config.hpp"
#include "config/io/arguments.hpp"
#include "exchange/topic.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::string_view program = "mqtt_client";
constexpr std::string_view variable_prefix = "MQTT_CLIENT_";

/// What stands on the command line, before it is understood.
struct Given {
  SettingLayer flags;
  std::string netid, action;
  std::optional<std::string> message;
  bool ends_options = false;  // by --, so that "-" is a text
};

/// Binds no value to a type of CLI11's and no limit on repetition: the last one counts.
template <typename Take>
void declare(CLI::App& app, const std::string& names, Take take) {
  const auto take_last = [take](const CLI::results_t& texts) {
    take(original_argument(texts.back()));
    return true;
  };
  app.add_option(names, take_last)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void declare_text(CLI::App& app, const std::string& names, std::string& to) {
  declare(app, names, [&to](std::string text) { to = std::move(text); });
}

std::string names_of(const ClientFlag& flag) {
  const std::string name = "--" + std::string(flag.name);
  return flag.letter == 0 ? name : std::string("-") + flag.letter + "," + name;
}

void declare_flags(CLI::App& app, Given& given) {
  for (const ClientFlag& flag : client_flags()) {
    const auto note = [&given, &flag](std::string text) {
      given.flags.push_back({flag.name, std::move(text), "--" + std::string(flag.name)});
    };
    if (flag.name == "help")
      app.set_help_flag(names_of(flag));
    else if (flag.name == "version")
      app.set_version_flag(names_of(flag), "");
    else if (flag.value_name.empty())
      app.add_flag_callback(names_of(flag), [note] { note("true"); });
    else
      declare(app, names_of(flag), note);
  }
}

void declare_positionals(CLI::App& app, Given& given, bool is_route) {
  if (is_route)
    return declare(app, "BODY", [&given](std::string text) { given.message = std::move(text); });
  declare_text(app, "NETID", given.netid);
  declare_text(app, "ACTION", given.action);
  declare(app, "MESSAGE", [&given](std::string text) { given.message = std::move(text); });
  for (const char* name : {"NETID", "ACTION"})
    app.get_option(name)->required();
}

/// Where it is to come from, and the message itself where it is an argument.
std::string take_source(const Given& given, ClientOptions& to) {
  using From = ClientOptions::MessageFrom;
  const bool is_dash =
      to.file == "-" || (given.message == "-" && (to.lines || !given.ends_options));
  if (!to.file.empty() && given.message)
    return "--file has the message; leave out '" + *given.message + "'";
  if (to.lines && given.message)
    to.file = *given.message;
  if (is_dash) {
    to.message_from = From::standard_input;
    to.file.clear();
  } else if (!to.file.empty())
    to.message_from = From::file;
  else if (!given.message)
    to.message_from = From::piped_input;
  else
    to.message = *given.message;
  return {};
}

std::string take_call(const Given& given, ClientOptions& to) {
  if (auto fault = take_source(given, to); !fault.empty() || !to.route.empty())
    return fault;
  if (const auto why = why_not_netid(given.netid))
    return "NETID: " + *why;
  if (!is_action_name(given.action) || (to.direct && !parse_action(given.action)))
    return unknown_action(given.action);
  if (!is_utf8(to.message))
    return "MESSAGE: not UTF-8";
  to.netid = given.netid;
  to.action = given.action;
  return {};
}

/// Variables of ours that no option has; those that begin with MQTT_BRIDGE_ are mqtt_bridged's, but
/// for what may be meant for MQTT_BRIDGE_URL.
std::string unknown_variable(std::string_view name) {
  std::vector<std::string> names;
  for (const ClientFlag& flag : client_flags()) {
    if (flag.where != ClientFlag::Where::flag_only)
      names.push_back(variable_of(flag));
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  if (!name.starts_with(variable_prefix) && nearest(name, known).empty())
    return {};
  return std::string(name) + ": no option has this variable" + did_you_mean(name, known);
}

/// What is wrong with the names of the variables, or nothing.
std::string take_environment(const char* const* environment, SettingLayer& to, ConfigChoice& config,
                             std::string& xdg_config_home) {
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const auto end_of_name = std::min(variable.find('='), variable.size());
    const auto name = variable.substr(0, end_of_name);
    const auto value = variable.substr(std::min(end_of_name + 1, variable.size()));
    if (name == "HOME")
      config.home = value;
    if (name == "XDG_CONFIG_HOME")
      xdg_config_home = value;
    const bool may_be_ours = name.starts_with(variable_prefix) || name.starts_with("MQTT_BRIDGE_");
    if (!may_be_ours || value.empty())
      continue;
    const auto flags = client_flags();
    const auto flag = std::find_if(flags.begin(), flags.end(), [name](const ClientFlag& each) {
      return each.where != ClientFlag::Where::flag_only && variable_of(each) == name;
    });
    if (flag != flags.end())
      to.push_back({flag->name, std::string(value), std::string(name)});
    else if (auto fault = unknown_variable(name); !fault.empty())
      return fault;
  }
  return {};
}

/// As the strongest source has it; without an origin where none does.
GivenSetting strongest(std::span<const SettingLayer> layers, std::string_view name) {
  for (const SettingLayer& layer : layers) {
    const auto found =
        std::find_if(layer.rbegin(), layer.rend(),
                     [name](const GivenSetting& given) { return given.name == name; });
    if (found != layer.rend())
      return *found;
  }
  return {};
}

/// The first fault; empty when there is none.
std::string take_all(Given given, const char* const* environment, ClientOptions& to) {
  std::vector<SettingLayer> layers{std::move(given.flags), {}};
  ConfigChoice config;
  std::string xdg_config_home;
  if (auto fault = take_environment(environment, layers[1], config, xdg_config_home);
      !fault.empty()) {
    return fault;
  }
  config.file = strongest(layers, "config");
  config.section = strongest(layers, "section");
  config.default_file = default_config_file(xdg_config_home, config.home);
  auto of_file = read_client_config(config);
  if (auto* const fault = std::get_if<std::string>(&of_file))
    return std::move(*fault);
  for (SettingLayer& layer : std::get<0>(of_file))
    layers.push_back(std::move(layer));
  auto fault = take_layers(layers, to);
  return fault.empty() ? take_call(given, to) : fault;
}

/// The help and the version are asked for before NETID; after ACTION those words are a text.
std::string misplaced_help(std::span<const Argument> arguments) {
  using Kind = Argument::Kind;
  bool netid_came = false;
  for (const auto& [kind, text] : arguments) {
    netid_came = netid_came || kind == Kind::positional;
    if (kind == Kind::option && netid_came &&
        (text == "-h" || text == "--help" || text == "-V" || text == "--version")) {
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
std::optional<ExitNow> parse(CLI::App& app, ClientOptions& options, Given& given, int argc,
                             const char* const* argv, const char* const* environment) {
  constexpr std::size_t message_at = 2;  // after NETID and ACTION
  const std::vector<Argument> arguments = classify_arguments(argc, argv, app, message_at);
  for (const std::string& fault :
       {short_option_fault(arguments, "--host"), misplaced_help(arguments)}) {
    if (!fault.empty())
      return usage_fault_with_reminder(fault);
  }
  declare_positionals(app, given, names_route(arguments));
  given.ends_options = std::any_of(arguments.begin(), arguments.end(), [](const Argument& each) {
    return each.kind == Argument::Kind::end_of_options;
  });
  try {
    app.parse(arguments_for_cli11(arguments));
  } catch (const CLI::CallForHelp&) {
    return ExitNow{0, client_help(), ""};
  } catch (const CLI::CallForVersion&) {
    return ExitNow{0, std::string(program) + " " + MQTT_BRIDGE_VERSION + "\n", ""};
  } catch (const CLI::ParseError& error) {
    return usage_fault_with_reminder(usage_fault(app, error));
  }
  const std::string fault = take_all(std::move(given), environment, options);
  if (!fault.empty())
    return usage_error(program, fault);
  return std::nullopt;
}

}  // namespace

std::variant<ClientOptions, ExitNow> parse_client_options(int argc, const char* const* argv,
                                                          const char* const* environment) {
  CLI::App app("", std::string(program));
  ClientOptions options;
  Given given;
  declare_flags(app, given);
  if (auto exit = parse(app, options, given, argc, argv, environment))
    return *std::move(exit);
  return options;
}

std::variant<ClientOptions, ExitNow> parse_direct_options(int argc, const char* const* argv) {
  CLI::App app("", std::string(program));
  ClientOptions options;
  Given given;
  std::string not_asked;
  declare_flags(app, given);
  declare_text(app, "--not-asked", not_asked);
  declare_text(app, "--left-aside", not_asked);
  app.add_flag("--message-on-stdin");
  if (auto exit = parse(app, options, given, argc, argv, nullptr))
    return *std::move(exit);
  if (app.count("--message-on-stdin") > 0)
    options.message_from = ClientOptions::MessageFrom::standard_input;
  // These may go through the daemon.
  const bool is_many = options.lines || options.repeat > 0 || options.explain;
  if (!is_many && (!options.route.empty() || !parse_action(options.action)))
    return usage_error(program, unknown_action(options.action));
  options.not_asked = not_asked;
  options.is_left_aside = app.count("--left-aside") > 0;
  return options;
}

}  // namespace mqtt_bridge
