#include "shell/arguments.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "core/ascii.hpp"

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

}  // namespace

std::vector<std::string> arguments_for_cli11(int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  bool options_end = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (options_end || !is_option(argument)) {
      arguments.push_back(mark + argument);
      continue;
    }
    options_end = argument == "--";
    const bool empty_value =
        argument.starts_with("--") && argument.find('=') == argument.size() - 1;
    if (empty_value)
      argument.pop_back();
    arguments.push_back(std::move(argument));
    if (empty_value)
      arguments.emplace_back(1, mark);
  }
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
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
      return "unknown option '" + text + "'";
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
