// What --serve takes: `NAME=COMMAND`, an action and the program that answers it. The command is
// split into words as a shell does it, but nothing in it is expanded, and no shell is started.
// Pure functions on values.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mqtt_bridge {

struct ServedCommand {
  std::string action;
  std::vector<std::string> words;  // the program and its arguments; never empty
  friend bool operator==(const ServedCommand&, const ServedCommand&) = default;
};

/// Or what is wrong with it, in a sentence. The name is not looked at, but that it is there.
std::variant<ServedCommand, std::string> parse_served_command(std::string_view text);

/// Words stand between blanks (space, tab, newline). In single quotes all stands for itself. In
/// double quotes a backslash takes its meaning from `"`, `\`, `$` and the backquote, and is itself
/// before all else; without quotes it takes it from any character. Quotes within a word belong to
/// it, and empty ones are an empty word (POSIX.1-2017, Shell, 2.2). Or what is wrong, in a
/// sentence.
std::variant<std::vector<std::string>, std::string> split_into_words(std::string_view text);

}  // namespace mqtt_bridge
