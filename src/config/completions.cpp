#include <algorithm>
#include <cstddef>

#include "config/manual.hpp"

namespace mqtt_bridge {
namespace {

using Takes = ManualOption::Takes;

std::vector<ManualOption> all_options(const Manual& manual) {
  std::vector<ManualOption> all;
  for (const Manual::Group& group : manual.groups)
    all.insert(all.end(), group.options.begin(), group.options.end());
  return all;
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words)
    text.append(text.empty() ? "" : between).append(word);
  return text;
}

/// The names of those that take `what`.
std::vector<std::string> names_taking(const std::vector<ManualOption>& options, Takes what) {
  std::vector<std::string> names;
  for (const ManualOption& option : options) {
    if (option.takes != what)
      continue;
    if (!option.short_name.empty())
      names.push_back(option.short_name);
    names.push_back(option.name);
  }
  return names;
}

/// `text` with `escape` before each of `special`.
std::string with_escapes(std::string_view text, std::string_view special, std::string_view escape) {
  std::string result;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos)
      result.append(escape);
    result += c;
  }
  return result;
}

/// Within '...' of a shell.
std::string shell_quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'')
      result += "'\\''";
    else
      result += c;
  }
  return result + "'";
}

// bash -------------------------------------------------------------------------------------------

/// A branch of `case $previous in`, for the options of these names.
std::string bash_branch(const std::vector<std::string>& names, std::string_view commands) {
  return names.empty() ? ""
                       : "    " + joined(names, "|") + ")\n      " + std::string(commands) +
                             "\n      return ;;\n";
}

/// Counts what is no option and not the value of one, to know which argument is written.
std::string bash_arguments(const Manual& manual, const std::vector<std::string>& taking) {
  std::string text =
      "  local at=0 i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case ${COMP_WORDS[i]} in\n"
      "      " +
      joined(taking, "|") +
      ")\n"
      "        [[ ${COMP_WORDS[i + 1]} != = ]] || ((i++))\n"
      "        ((i++)) ;;\n"
      "      -*) ;;\n"
      "      *) ((at++)) ;;\n"
      "    esac\n"
      "  done\n"
      "  case $at in\n";
  for (std::size_t i = 0; i < manual.arguments.size(); ++i) {
    const auto& values = manual.arguments[i].values;
    if (!values.empty()) {
      text += "    " + std::to_string(i) + ") mapfile -t COMPREPLY < <(compgen -W " +
              shell_quoted(joined(values, " ")) + " -- \"$current\") ;;\n";
    }
  }
  return text + "  esac\n";
}

// zsh --------------------------------------------------------------------------------------------

std::string zsh_value(const ManualOption& option) {
  const std::string name = ":" + option.value_name + ":";
  switch (option.takes) {
    case Takes::nothing:
      return "";
    case Takes::text:
      return name + " ";
    case Takes::one_of_values:
      return name + "(" + joined(option.values, " ") + ")";
    case Takes::file:
      return name + "_files";
    case Takes::directory:
      return name + "_files -/";
  }
  return "";
}

/// A line of _arguments; a word of it is in '...'.
std::string zsh_option(const ManualOption& option) {
  const std::string help = "[" + with_escapes(option.help, "[]:\\", "\\") + "]";
  const std::string more = help + zsh_value(option);
  const std::string equals = option.takes == Takes::nothing ? "" : "=";
  const std::string repeats = option.is_repeatable ? "*" : "";
  if (option.short_name.empty())
    return "  " + shell_quoted(repeats + option.name + equals + more);
  const std::string both = option.short_name + " " + option.name;
  const std::string joined_value = option.takes == Takes::nothing ? "" : "+";
  return "  " + shell_quoted("(" + both + ")" + option.short_name + joined_value + more) +
         " \\\n  " + shell_quoted("(" + both + ")" + option.name + equals + more);
}

// fish -------------------------------------------------------------------------------------------

std::string fish_quoted(std::string_view text) {
  return "'" + with_escapes(text, "'\\", "\\") + "'";
}

std::string fish_value(const ManualOption& option) {
  switch (option.takes) {
    case Takes::nothing:
      return "";
    case Takes::text:
      return " --exclusive";
    case Takes::one_of_values:
      return " --exclusive --arguments " + fish_quoted(joined(option.values, " "));
    case Takes::file:
      return " --require-parameter --force-files";
    case Takes::directory:
      return " --exclusive --arguments '(__fish_complete_directories)'";
  }
  return "";
}

std::string fish_option(const std::string& program, const ManualOption& option) {
  std::string line = "complete --command " + program;
  if (!option.short_name.empty())
    line.append(" --short-option ").append(option.short_name.substr(1));
  line.append(" --long-option ").append(option.name.substr(2)).append(fish_value(option));
  return line.append(" --description ").append(fish_quoted(option.help)).append("\n");
}

}  // namespace

std::string bash_completion(const Manual& manual) {
  const auto options = all_options(manual);
  const std::string words = "mapfile -t COMPREPLY < <(compgen ";
  std::string branches;
  for (const ManualOption& option : options) {
    if (option.takes != Takes::one_of_values)
      continue;
    branches +=
        bash_branch(names_taking({option}, Takes::one_of_values),
                    words + "-W " + shell_quoted(joined(option.values, " ")) + " -- \"$current\")");
  }
  const auto files = names_taking(options, Takes::file);
  const auto directories = names_taking(options, Takes::directory);
  const auto texts = names_taking(options, Takes::text);
  branches += bash_branch(files, "compopt -o filenames\n      " + words + "-f -- \"$current\")");
  branches +=
      bash_branch(directories, "compopt -o filenames\n      " + words + "-d -- \"$current\")");
  branches += bash_branch(texts, ":");
  std::vector<std::string> names;
  std::vector<std::string> taking;
  for (const ManualOption& option : options) {
    names.push_back(option.name);
    for (const std::string& name : {option.short_name, option.name}) {
      if (option.takes != Takes::nothing && !name.empty())
        taking.push_back(name);
    }
  }
  const bool has_values =
      std::any_of(manual.arguments.begin(), manual.arguments.end(),
                  [](const auto& argument) { return !argument.values.empty(); });
  return "# bash completion of " + manual.program + ", made of its options\n_" + manual.program +
         "() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  COMPREPLY=()\n"
         "  # --option=value comes as three words.\n"
         "  if [[ $current == = ]]; then\n"
         "    current=\n"
         "  elif [[ $previous == = ]]; then\n"
         "    previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
         "  fi\n"
         "  case $previous in\n" +
         branches +
         "  esac\n"
         "  if [[ $current == -* ]]; then\n"
         "    " +
         words + "-W " + shell_quoted(joined(names, " ")) +
         " -- \"$current\")\n    return\n  fi\n" +
         (has_values ? bash_arguments(manual, taking) : "") + "}\ncomplete -F _" + manual.program +
         " " + manual.program + "\n";
}

std::string zsh_completion(const Manual& manual) {
  std::vector<std::string> lines;
  for (const ManualOption& option : all_options(manual))
    lines.push_back(zsh_option(option));
  for (std::size_t i = 0; i < manual.arguments.size(); ++i) {
    const auto& [name, meaning, values] = manual.arguments[i];
    const std::string action = values.empty() ? " " : "(" + joined(values, " ") + ")";
    lines.push_back("  " + shell_quoted(std::to_string(i + 1) + ":" + name + ":" + action));
  }
  return "#compdef " + manual.program + "\n# Made of the options of " + manual.program +
         "\n\n_arguments -S \\\n" + joined(lines, " \\\n") + "\n";
}

std::string fish_completion(const Manual& manual) {
  std::string text = "# fish completion of " + manual.program +
                     ", made of its options\ncomplete --command " + manual.program +
                     " --no-files\n";
  for (const ManualOption& option : all_options(manual))
    text += fish_option(manual.program, option);
  for (std::size_t i = 0; i < manual.arguments.size(); ++i) {
    const auto& [name, meaning, values] = manual.arguments[i];
    if (!values.empty()) {
      text += "complete --command " + manual.program + " --condition '__fish_is_nth_token " +
              std::to_string(i + 1) + "' --arguments " + fish_quoted(joined(values, " ")) +
              " --description " + fish_quoted(name) + "\n";
    }
  }
  return text;
}

}  // namespace mqtt_bridge
