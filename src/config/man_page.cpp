#include <algorithm>
#include <cstddef>

#include "config/manual.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::size_t source_width = 78;  // mandoc asks for lines of less than 80 bytes

/// Text as man(7) must have it to print it as it is: a '-' alone would be a hyphen, which a shell
/// does not know.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
  }
  return result;
}

void append_macro(std::string& page, std::string_view line) {
  page.append(line).append("\n");
}

/// A line that begins with a '.' or a '\'' would be a macro.
void append_line(std::string& page, std::string_view line) {
  if (line.starts_with('.') || line.starts_with('\''))
    page += "\\&";
  page.append(line).append("\n");
}

/// As a sentence of its own, in lines.
void append_words(std::string& page, std::string_view words) {
  std::string text = escaped(words);
  if (!text.empty() && !text.ends_with('.') && !text.ends_with(':'))
    text += '.';
  std::string line;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    // A sentence ends its line, so that the blank behind it is as wide as it should be.
    const bool ends_sentence = line.ends_with('.') && !line.ends_with("..");
    if (!line.empty() && (ends_sentence || line.size() + 1 + word.size() > source_width)) {
      append_line(page, line);
      line.clear();
    }
    line.append(line.empty() ? "" : " ").append(word);
  }
  append_line(page, line);
}

std::string bold(std::string_view text) {
  return "\\fB" + escaped(text) + "\\fR";
}

std::string italic(std::string_view text) {
  return "\\fI" + escaped(text) + "\\fR";
}

void append_tagged(std::string& page, const std::string& tag, const std::string& meaning) {
  append_macro(page, ".TP");
  append_line(page, tag);
  append_words(page, meaning);
}

void append_option(std::string& page, const ManualOption& option) {
  std::string tag = option.short_name.empty() ? "" : bold(option.short_name) + ", ";
  tag += bold(option.name);
  if (!option.value_name.empty())
    tag.append(" ").append(italic(option.value_name));
  std::string meaning = option.help;
  if (option.is_repeatable)
    meaning += ". It can be repeated";
  if (!option.default_text.empty())
    meaning.append(". The default is ").append(option.default_text);
  append_tagged(page, tag, meaning);
}

void append_section(std::string& page, std::string_view title,
                    const std::vector<Manual::Entry>& entries) {
  if (entries.empty())
    return;
  append_macro(page, ".SH " + std::string(title));
  for (const auto& [name, meaning] : entries)
    append_tagged(page, bold(name), meaning);
}

void append_example_section(std::string& page, const std::vector<Manual::Entry>& examples) {
  if (examples.empty())
    return;
  append_macro(page, ".SH EXAMPLES");
  for (const auto& [command, meaning] : examples) {
    if (&meaning != &examples.front().meaning)
      append_macro(page, ".PP");
    append_words(page, meaning + ":");
    append_macro(page, ".RS 4\n.nf");
    append_line(page, escaped(command));
    append_macro(page, ".fi\n.RE");
  }
}

/// "MQTT_BRIDGED"
std::string in_capitals(std::string_view name) {
  std::string result(name);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z')
      c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

}  // namespace

std::string man_page(const Manual& manual, std::string_view version, std::string_view date) {
  std::string page;
  append_macro(page, ".TH " + in_capitals(manual.program) + " " + std::to_string(manual.section) +
                         " " + std::string(date) + " \"mqtt\\-bridge " + std::string(version) +
                         "\"");
  append_macro(page, ".SH NAME");
  append_line(page, escaped(manual.program) + " \\- " + escaped(manual.summary));
  append_macro(page, ".SH SYNOPSIS");
  for (const std::string& usage : manual.usages) {
    if (&usage != &manual.usages.front())
      append_macro(page, ".br");
    const std::size_t end_of_name = std::min(usage.find(' '), usage.size());
    append_line(page, bold(usage.substr(0, end_of_name)) + escaped(usage.substr(end_of_name)));
  }
  append_macro(page, ".SH DESCRIPTION");
  append_words(page, manual.purpose);
  if (!manual.arguments.empty())
    append_macro(page, ".SH ARGUMENTS");
  for (const Manual::Argument& argument : manual.arguments)
    append_tagged(page, italic(argument.name), argument.meaning);
  append_macro(page, ".SH OPTIONS");
  for (const auto& [title, options] : manual.groups) {
    append_macro(page, ".SS " + escaped(title));
    for (const ManualOption& option : options)
      append_option(page, option);
  }
  append_example_section(page, manual.examples);
  append_section(page, "EXIT STATUS", manual.exit_codes);
  append_section(page, "ENVIRONMENT", manual.environment);
  append_section(page, "FILES", manual.files);
  if (!manual.see_also.empty())
    append_macro(page, ".SH SEE ALSO");
  for (const std::string& page_name : manual.see_also) {
    const std::size_t section = page_name.find('(');
    append_macro(page, ".BR " + escaped(page_name.substr(0, section)) + " " +
                           page_name.substr(section) +
                           (&page_name == &manual.see_also.back() ? "" : ","));
  }
  return page;
}

}  // namespace mqtt_bridge
