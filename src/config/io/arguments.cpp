#include "config/io/arguments.hpp"

#include <algorithm>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/ascii.hpp"
#include "base/nearest.hpp"

namespace mqtt_bridge {
namespace {

constexpr char mark = '\x01';

bool looks_like_a_number(std::string_view text) {
  text.remove_prefix(text.starts_with("-.") ? 2 : 1);
  return !text.empty() && ascii::is_digit(text.front());
}

/// As everywhere: a dash and more is one, but no program of ours has an option that is a number.
bool is_option(std::string_view text) {
  return text.size() > 1 && text.starts_with('-') && !looks_like_a_number(text);
}

bool is_short(const Argument& argument) {
  return argument.kind == Argument::Kind::option && !argument.text.starts_with("--");
}

/// Whether the argument after this one belongs to it.
bool wants_value(const CLI::App& app, const std::string& option) {
  const CLI::Option* const found = app.get_option_no_throw(option);  // none with a joined value
  return found != nullptr && found->get_items_expected_max() > 0;
}

/// `-p1883`: a value that cannot be meant as more short options.
bool has_joined_number(const std::string& option) {
  return ascii::is_digit(option[2]);
}

std::string unknown_option(const CLI::App& app, const std::string& text) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames())
      flags.push_back("--" + name);
  }
  const std::string_view name = std::string_view(text).substr(0, text.find('='));
  return "unknown option '" + text + "'" +
         did_you_mean(name, std::vector<std::string_view>(flags.begin(), flags.end()));
}

}  // namespace

std::vector<Argument> classify_arguments(int argc, const char* const* argv, const CLI::App& app,
                                         std::size_t text_at) {
  using Kind = Argument::Kind;
  std::vector<Argument> arguments;
  std::size_t positionals = 0;
  bool options_end = false;
  bool is_value = false;
  for (int i = 1; i < argc; ++i) {
    const std::string text = argv[i];
    const bool ends_options = text == "--";
    const bool is_text = positionals == text_at && !ends_options;
    if (std::exchange(is_value, false)) {
      arguments.push_back({Kind::value, text});
    } else if (options_end || is_text || !is_option(text)) {
      arguments.push_back({Kind::positional, text});
      ++positionals;
    } else if (ends_options) {
      arguments.push_back({Kind::end_of_options, text});
      options_end = true;
    } else {
      is_value = wants_value(app, text);
      arguments.push_back({Kind::option, text});
    }
  }
  return arguments;
}

std::string short_option_fault(std::span<const Argument> arguments, std::string_view host_option) {
  const auto is_positional = [](const Argument& argument) {
    return argument.kind == Argument::Kind::positional;
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& text = arguments[i].text;
    if (!is_short(arguments[i]))
      continue;
    if (text.size() > 2 && !has_joined_number(text))
      return "unknown option '" + text + "': short options are given one by one";
    const auto after = arguments.subspan(i + 1);
    if (text != "-h" || std::none_of(after.begin(), after.end(), is_positional))
      continue;
    return is_positional(after.front())
               ? "-h prints the help and takes no value; did you mean '" +
                     std::string(host_option) + " " + after.front().text + "'?"
               : "-h prints the help, and nothing else is done then";
  }
  return {};
}

std::vector<std::string> arguments_for_cli11(std::span<const Argument> arguments) {
  std::vector<std::string> texts;
  for (const auto& [kind, text] : arguments) {
    if (kind == Argument::Kind::value || kind == Argument::Kind::positional) {
      texts.push_back(mark + text);
      continue;
    }
    const bool has_empty_value = text.starts_with("--") && text.find('=') == text.size() - 1;
    texts.push_back(has_empty_value ? text.substr(0, text.size() - 1) : text);
    if (has_empty_value)
      texts.emplace_back(1, mark);
  }
  std::reverse(texts.begin(), texts.end());
  return texts;
}

std::string original_argument(std::string_view parsed) {
  if (parsed.starts_with(mark))
    parsed.remove_prefix(1);
  return std::string(parsed);
}

std::string usage_fault(const CLI::App& app, const CLI::ParseError& error) {
  std::string unexpected;
  for (const std::string& text : app.remaining()) {
    if (text == "--")
      continue;
    // Before what CLI11 says: a required MESSAGE is missing because it was taken for an option.
    if (!text.starts_with(mark))
      return unknown_option(app, text);
    if (unexpected.empty())
      unexpected = "unexpected argument '" + original_argument(text) + "'";
  }
  std::string sentence = error.what();
  std::erase(sentence, mark);
  const bool value_missing = dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr;
  if (value_missing)
    return sentence.substr(0, sentence.find(':')) + ": needs a value";
  const bool left_over = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  return left_over && !unexpected.empty() ? unexpected : sentence;
}

}  // namespace mqtt_bridge
