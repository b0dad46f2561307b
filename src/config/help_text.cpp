#include <algorithm>
#include <cstddef>

#include "config/manual.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t help_width = 80;
constexpr std::size_t help_column = 27;  // where the meanings begin

/// Appends `words` from column `at` on, in lines that begin at column `indent`.
void append_wrapped(std::string& text, std::string_view words, std::size_t at, std::size_t indent) {
  bool begins_line = true;
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(' '));
    words.remove_prefix(std::min(word.size() + 1, words.size()));
    if (!begins_line && at + 1 + word.size() > help_width) {
      text.append("\n").append(indent, ' ');
      at = indent;
      begins_line = true;
    }
    if (!begins_line) {
      text += ' ';
      ++at;
    }
    text.append(word);
    at += word.size();
    begins_line = false;
  }
  text += '\n';
}

void append_paragraph(std::string& text, std::string_view words) {
  append_wrapped(text, words, 0, 0);
}

void append_row(std::string& text, std::string_view name, std::string_view meaning) {
  text.append("  ").append(name);
  std::size_t at = 2 + name.size();
  if (at + 2 > help_column) {
    text += '\n';
    at = 0;
  }
  text.append(help_column - at, ' ');
  append_wrapped(text, meaning, help_column, help_column);
}

void append_entries(std::string& text, std::string_view title,
                    const std::vector<Manual::Entry>& entries) {
  if (entries.empty())
    return;
  text.append("\n").append(title).append(":\n");
  for (const auto& [name, meaning] : entries)
    append_row(text, name, meaning);
}

/// A command does not fit beside its meaning.
void append_examples(std::string& text, const std::vector<Manual::Entry>& examples) {
  if (examples.empty())
    return;
  text += "\nExamples:\n";
  for (const auto& [command, meaning] : examples) {
    text += "  # ";
    append_wrapped(text, meaning, 4, 4);
    text.append("  ").append(command).append("\n");
  }
}

std::string meaning_of(const ManualOption& option) {
  std::string meaning = option.help;
  if (option.is_repeatable)
    meaning += "; repeatable";
  if (!option.default_text.empty())
    meaning.append(" [").append(option.default_text).append("]");
  return meaning;
}

}  // namespace

std::string help_text(const Manual& manual) {
  std::string text;
  append_paragraph(text, manual.purpose);
  text += '\n';
  for (const std::string& usage : manual.usages)
    text.append(&usage == &manual.usages.front() ? "Usage: " : "       ").append(usage) += '\n';
  if (!manual.arguments.empty())
    text += "\nArguments:\n";
  for (const Manual::Argument& argument : manual.arguments)
    append_row(text, argument.name, argument.meaning);
  for (const auto& [title, options] : manual.groups) {
    text.append("\n").append(title).append(":\n");
    for (const ManualOption& option : options) {
      std::string names = option.short_name.empty() ? "" : option.short_name + ", ";
      names += option.name;
      if (!option.value_name.empty())
        names.append(" ").append(option.value_name);
      append_row(text, names, meaning_of(option));
    }
  }
  append_examples(text, manual.examples);
  append_entries(text, "Exit codes", manual.exit_codes);
  append_entries(text, "Environment", manual.environment);
  append_entries(text, "Files", manual.files);
  return text;
}

std::string limits_text(const std::vector<Limit>& limits) {
  constexpr std::size_t name_width = 24;
  constexpr std::size_t value_width = 9;
  constexpr std::size_t indent = 2 + name_width + value_width;
  std::string text = "Limits:\n";
  for (const Limit& limit : limits) {
    std::string line(2, ' ');
    line.append(limit.name).resize(2 + name_width, ' ');
    line.append(limit.value).resize(indent, ' ');
    text += line;
    append_wrapped(text, limit.of, indent, indent);
  }
  return text;
}

}  // namespace mqtt_bridge
