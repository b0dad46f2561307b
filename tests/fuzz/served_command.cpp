// The input: what --serve takes.
#include "config/served_command.hpp"

#include "fuzz.hpp"

namespace mqtt_bridge {
namespace {

/// Each word in single quotes, as a shell wants it.
std::string quoted(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += " '";
    for (const char c : word)
      text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    text += "'";
  }
  return text;
}

}  // namespace

void fuzz(std::string_view input) {
  const auto parsed = parse_served_command(input);
  const auto* const served = std::get_if<ServedCommand>(&parsed);
  if (served == nullptr) {
    require(!std::get<std::string>(parsed).empty(), "a refusal says why");
    return;
  }
  require(!served->action.empty() && !served->words.empty() && !served->words.front().empty(),
          "there is a name and a program");
  const auto again = parse_served_command(served->action + "=" + quoted(served->words));
  require(std::holds_alternative<ServedCommand>(again) && std::get<ServedCommand>(again) == *served,
          "quoted words are read back");
}

}  // namespace mqtt_bridge
