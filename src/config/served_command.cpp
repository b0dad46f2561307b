#include "config/served_command.hpp"

#include <cstddef>
#include <optional>
#include <utility>

namespace mqtt_bridge {
namespace {

constexpr std::string_view blanks = " \t\n";
constexpr std::string_view escaped_in_double_quotes = "\"\\$`";

/// Takes a quoted part of a word from `at`, its opening quote, on; `at` is then at the closing one.
/// False when there is none.
bool take_quoted(std::string_view text, std::size_t& at, std::string& word) {
  const char quote = text[at];
  for (++at; at < text.size() && text[at] != quote; ++at) {
    const bool is_escape = quote == '"' && text[at] == '\\' && at + 1 < text.size() &&
                           escaped_in_double_quotes.find(text[at + 1]) != std::string_view::npos;
    if (is_escape)
      ++at;
    word += text[at];
  }
  return at < text.size();
}

}  // namespace

std::variant<std::vector<std::string>, std::string> split_into_words(std::string_view text) {
  std::vector<std::string> words;
  std::optional<std::string> word;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (blanks.find(text[at]) != std::string_view::npos) {
      if (word)
        words.push_back(*std::exchange(word, std::nullopt));
      continue;
    }
    if (!word)
      word.emplace();
    if (text[at] == '\'' || text[at] == '"') {
      const char quote = text[at];
      if (!take_quoted(text, at, *word))
        return std::string("a quote (") + quote + ") is not closed";
      continue;
    }
    if (text[at] == '\\' && ++at == text.size())
      return "nothing comes after the last backslash";
    *word += text[at];
  }
  if (word)
    words.push_back(*std::move(word));
  return words;
}

std::variant<ServedCommand, std::string> parse_served_command(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos)
    return "'" + std::string(text) + "' is not NAME=COMMAND";
  if (text.find('\0') != std::string_view::npos)
    return "a command cannot have a null character in it";
  ServedCommand served{std::string(text.substr(0, equals)), {}};
  auto words = split_into_words(text.substr(equals + 1));
  if (const auto* fault = std::get_if<std::string>(&words))
    return "in the command of '" + served.action + "' " + *fault;
  served.words = std::get<0>(std::move(words));
  if (served.words.empty() || served.words.front().empty())
    return "'" + std::string(text) + "' names no program";
  return served;
}

}  // namespace mqtt_bridge
