#include "config/io/option_engine.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <variant>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "base/ascii.hpp"
#include "base/limit_table.hpp"
#include "base/nearest.hpp"
#include "config/io/arguments.hpp"

namespace mqtt_bridge {
namespace {

/// A setting's texts from the strongest source that has any, and how to name that source.
struct Given {
  std::string origin;
  std::vector<std::string> texts;
  std::string how_to_repeat = {};
};

void declare(CLI::App& app, const Setting& setting) {
  const std::string flag = "--" + setting.name;
  if (setting.type == KeyType::boolean) {
    app.add_flag(flag);
    return;
  }
  // Neither a bound vector nor envname(): CLI11 would take `[::1]` apart as a vector, and would
  // rank the file above the environment. Its part is the command line.
  app.add_option(flag)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

constexpr const char* help_flag = "-h,--help";
constexpr const char* version_flag = "-V,--version";
constexpr const char* limits_flag = "--help-limits";

void declare_all(CLI::App& app, const std::vector<Setting>& settings) {
  app.set_help_flag();  // ours, whose lines are the same with every release of the library
  for (const char* const flag : {help_flag, version_flag, limits_flag})
    app.add_flag(flag);
  for (const Setting& setting : settings) {
    if (setting.where != Where::only_in_file)
      declare(app, setting);
  }
}

ManualOption::Takes taken_by(const Setting& setting) {
  if (setting.type == KeyType::boolean)
    return ManualOption::Takes::nothing;
  if (!setting.values.empty())
    return ManualOption::Takes::one_of_values;
  if (setting.value_name == "FILE" || setting.value_name == "PATH")
    return ManualOption::Takes::file;
  return setting.value_name == "DIRECTORY" ? ManualOption::Takes::directory
                                           : ManualOption::Takes::text;
}

std::vector<ManualOption> help_options() {
  return {{.short_name = "-h", .name = "--help", .help = "Print this help, and exit"},
          {.name = "--help-limits", .help = "Print the limits of the program, and exit"},
          {.short_name = "-V", .name = "--version", .help = "Print the version, and exit"}};
}

std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t comma = text.find(',');
    parts.emplace_back(ascii::trim(text.substr(0, comma)));
    if (comma == std::string_view::npos)
      return parts;
    text.remove_prefix(comma + 1);
  }
}

std::optional<Given> given_as_flag(const Setting& setting, const CLI::App& app) {
  std::vector<std::string> texts = app.get_option("--" + setting.name)->results();
  if (texts.empty())
    return std::nullopt;
  for (std::string& text : texts)
    text = original_argument(text);
  // As everywhere, the last of several flags counts: a wrapper's defaults can be overridden.
  if (!is_list(setting.type))
    texts.erase(texts.begin(), texts.end() - 1);
  return Given{"--" + setting.name, std::move(texts), "repeat --" + setting.name};
}

std::optional<Given> given_in_environment(const Setting& setting, const Program& program,
                                          const Environment& environment) {
  if (setting.where == Where::only_as_flag)
    return std::nullopt;
  const auto variable = environment.find(environment_name(program, setting.name));
  if (variable == environment.end() || variable->second.empty())
    return std::nullopt;
  const auto& [name, value] = *variable;
  if (is_list(setting.type))
    return Given{name, split_at_commas(value)};
  return Given{name, {value}};
}

/// Variables that begin with our prefix and are not ours: Kubernetes and Docker's links name a
/// service's address so, after the service (MQTT_BRIDGE_PORT_8426_TCP_ADDR of a service
/// "mqtt-bridge"); and MQTT_BRIDGE_URL is mqtt_client's.
bool is_of_others(std::string_view name_after_prefix, std::string_view value) {
  const bool is_service = name_after_prefix == "SERVICE_HOST" ||
                          name_after_prefix == "SERVICE_PORT" ||
                          name_after_prefix.starts_with("SERVICE_PORT_");
  const bool is_port = name_after_prefix == "PORT" && value.find("://") != std::string_view::npos;
  return is_service || is_port || name_after_prefix.starts_with("PORT_") ||
         name_after_prefix == "URL";
}

/// The fault of the first variable of this program that it does not know; empty when there is none.
std::string unknown_variable(const Program& program, const std::vector<Setting>& settings,
                             const Environment& environment) {
  std::vector<std::string> names;
  for (const Setting& setting : settings) {
    if (setting.where != Where::only_as_flag && setting.where != Where::only_in_file)
      names.push_back(environment_name(program, setting.name));
  }
  const std::string& prefix = program.environment_prefix;
  for (auto each = environment.lower_bound(prefix);
       each != environment.end() && each->first.starts_with(prefix); ++each) {
    const auto& [name, value] = *each;
    const bool is_known = std::find(names.begin(), names.end(), name) != names.end();
    if (is_known || value.empty() ||
        is_of_others(std::string_view(name).substr(prefix.size()), value)) {
      continue;
    }
    return name + ": no option has this variable" +
           did_you_mean(name, std::vector<std::string_view>(names.begin(), names.end()));
  }
  return {};
}

std::optional<Given> given_in_file(const Setting& setting, const std::string& file,
                                   const std::vector<ConfigValue>& values) {
  const auto value = std::find_if(values.begin(), values.end(), [&setting](const ConfigValue& v) {
    return v.key == setting.name;
  });
  if (value == values.end())
    return std::nullopt;
  const bool means_none =
      setting.type == KeyType::text && setting.default_text.empty() && value->texts.front().empty();
  if (means_none)
    return std::nullopt;
  if (setting.type == KeyType::tables)
    return Given{file, {file}};
  return Given{file + ":" + std::to_string(value->line) + ": " + setting.name, value->texts,
               "write [\"a\", \"b\"]"};
}

/// The fault of the first text that is refused; empty when all are taken.
std::string take_all(const Setting& setting, const Given& given) {
  for (const std::string& text : given.texts) {
    const std::string fault = setting.set(text);
    if (fault.empty())
      continue;
    // Only in a variable do commas separate.
    const bool may_be_several = is_list(setting.type) && text.find(',') != std::string::npos;
    return given.origin + ": " + fault +
           (may_be_several ? "; for more than one, " + given.how_to_repeat : "");
  }
  return {};
}

ConfigResult read_file(const std::string& file, const std::vector<Setting>& settings) {
  if (file.empty())
    return std::vector<ConfigValue>{};
  std::vector<ConfigKey> keys;
  for (const Setting& setting : settings) {
    if (setting.where == Where::anywhere || setting.where == Where::only_in_file)
      keys.push_back({setting.name, setting.type});
  }
  return read_toml_config(file, keys);
}

std::string with_pointer_to_help(const std::string& fault) {
  return fault + (fault.ends_with('?') ? " " : "; ") + "--help lists the options";
}

/// What is asked for instead of running, which comes before any fault.
std::optional<ExitNow> told(const Program& program, const std::vector<Setting>& settings,
                            const std::vector<Argument>& arguments) {
  const auto is_asked = [&arguments](std::initializer_list<std::string_view> names) {
    return std::any_of(arguments.begin(), arguments.end(), [names](const Argument& each) {
      const auto name = std::string_view(each.text).substr(0, each.text.find('='));
      return each.kind == Argument::Kind::option &&
             std::find(names.begin(), names.end(), name) != names.end();
    });
  };
  if (is_asked({"-h", "--help"}))
    return ExitNow{0, help_text(manual_of(program, settings)), ""};
  if (is_asked({"--help-limits"}))
    return ExitNow{0, limits_text(all_limits()), ""};
  if (is_asked({"-V", "--version"}))
    return ExitNow{0, program.name() + " " + program.version + "\n", ""};
  return std::nullopt;
}

std::optional<ExitNow> parse_flags(CLI::App& app, const Program& program,
                                   const std::vector<Setting>& settings, int argc,
                                   const char* const* argv) {
  const std::vector<Argument> arguments = classify_arguments(argc, argv, app);
  if (const std::string fault = short_option_fault(arguments, "--broker"); !fault.empty())
    return usage_error(program.name(), with_pointer_to_help(fault));
  if (auto exit = told(program, settings, arguments))
    return exit;
  try {
    app.parse(arguments_for_cli11(arguments));
  } catch (const CLI::ParseError& error) {
    return usage_error(program.name(), with_pointer_to_help(usage_fault(app, error)));
  }
  return std::nullopt;
}

}  // namespace

Environment process_environment() {
  Environment environment;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view variable = *each;
    const std::size_t equals = variable.find('=');
    if (equals != std::string_view::npos)
      environment.emplace(variable.substr(0, equals), variable.substr(equals + 1));
  }
  return environment;
}

Manual manual_of(const Program& program, const std::vector<Setting>& settings) {
  Manual manual = program.manual;
  for (const Setting& setting : settings) {
    if (setting.where == Where::only_in_file)
      continue;
    if (manual.groups.empty() || manual.groups.back().title != setting.group)
      manual.groups.push_back({setting.group, {}});
    manual.groups.back().options.push_back({.name = "--" + setting.name,
                                            .value_name = setting.value_name,
                                            .help = setting.help,
                                            .default_text = setting.default_text,
                                            .values = setting.values,
                                            .takes = taken_by(setting),
                                            .is_repeatable = is_list(setting.type)});
  }
  manual.groups.push_back({"Help", help_options()});
  return manual;
}

std::string environment_name(const Program& program, const std::string& setting) {
  std::string name = program.environment_prefix;
  for (const char c : setting) {
    const bool letter = c >= 'a' && c <= 'z';
    name += c == '-' ? '_' : letter ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

std::optional<ExitNow> take_settings(const Program& program, const std::vector<Setting>& settings,
                                     int argc, const char* const* argv,
                                     const Environment& environment) {
  CLI::App app{"", program.name()};
  declare_all(app, settings);
  if (auto exit = parse_flags(app, program, settings, argc, argv))
    return exit;
  if (const std::string fault = unknown_variable(program, settings, environment); !fault.empty())
    return usage_error(program.name(), fault);

  const auto flag_or_environment = [&](const Setting& setting) -> std::optional<Given> {
    if (setting.where == Where::only_in_file)
      return std::nullopt;
    auto given = given_as_flag(setting, app);
    return given ? given : given_in_environment(setting, program, environment);
  };
  const auto config = std::find_if(settings.begin(), settings.end(),
                                   [](const Setting& setting) { return setting.name == "config"; });
  const auto config_given = flag_or_environment(*config);
  const std::string file = config_given ? config_given->texts.front() : "";
  const ConfigResult read = read_file(file, settings);
  if (const auto* fault = std::get_if<std::string>(&read))
    return usage_error(program.name(), *fault);

  for (const Setting& setting : settings) {
    auto given = flag_or_environment(setting);
    if (!given)
      given = given_in_file(setting, file, std::get<0>(read));
    if (!given)
      continue;
    const std::string fault = take_all(setting, *given);
    if (!fault.empty())
      return usage_error(program.name(), fault);
  }
  return std::nullopt;
}

}  // namespace mqtt_bridge
