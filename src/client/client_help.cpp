#include "client/client_help.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "client/settings.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {
namespace {

using Group = ClientFlag::Group;

constexpr std::size_t columns = 80;
constexpr std::size_t variable_at = 30;

/// `word` in its column, `text` in lines beside it, from column `text_at` on.
std::string entry(std::string_view word, std::string_view text, std::size_t text_at = 24) {
  std::string lines = "  " + std::string(word);
  if (lines.size() + 2 > text_at)
    lines += "\n" + std::string(text_at, ' ');
  else
    lines.resize(text_at, ' ');
  std::size_t column = text_at;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (column + (column > text_at ? 1 : 0) + end > columns) {
      lines += "\n" + std::string(text_at, ' ');
      column = text_at;
    } else if (column > text_at) {
      lines += ' ';
      ++column;
    }
    lines += text.substr(0, end);
    column += end;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines + "\n";
}

std::string of_group(Group group, std::string_view title) {
  std::string text = "\n" + std::string(title) + ":\n";
  for (const ClientFlag& flag : client_flags()) {
    if (flag.group != group)
      continue;
    std::string word = flag.letter == 0 ? "    " : std::string("-") + flag.letter + ", ";
    word.append("--").append(flag.name);
    if (!flag.value_name.empty())
      word.append(" ").append(flag.value_name);
    text += entry(word, flag.help);
  }
  return text;
}

std::string variables() {
  std::string text = "\nEnvironment:\n";
  for (const ClientFlag& flag : client_flags()) {
    if (flag.where != ClientFlag::Where::flag_only)
      text += entry(variable_of(flag), "--" + std::string(flag.name), variable_at);
  }
  return text;
}

constexpr std::string_view examples = R"(
Examples:
  mqtt_client alice uppercase hello
  echo hello | mqtt_client alice uppercase
  mqtt_client --lines alice uppercase words.txt > answers.txt
  mqtt_client --repeat 1000 alice uppercase hello
  mqtt_client --explain alice uppercase hello
  mqtt_client --broker mqtts://broker.lan --ca-file ca.pem \
      --username alice --password-file ~/.mqtt-password alice reverse hello
  mqtt_client --daemon http://bridge.lan:8426 --token-file ~/.bridge-token \
      alice uppercase hello
)";

}  // namespace

std::string action_names() {
  std::string names;
  for (const Action action : all_actions)
    names += (names.empty() ? "" : ", ") + std::string(to_string(action));
  return names;
}

std::string client_help() {
  std::string text = "Send one text to a service behind an MQTT broker and print its answer.\n\n";
  text.append("Usage: ").append(client_usage).append("\n");
  text += "       mqtt_client [OPTIONS] --lines NETID ACTION [FILE|-]\n";
  text += "       mqtt_client [OPTIONS] --route PATH [BODY]\n\n";
  text += entry("NETID", "Whose topics to use");
  text += entry("ACTION", action_names() + ", or another action that mqtt_bridged serves");
  text += entry("MESSAGE",
                "The text to send: whatever follows ACTION, and after -- even the text --; - or "
                "none: what is piped to stdin, without its last line end");
  text +=
      entry("BODY", "What to send to the route: a text, or stdin as for MESSAGE; empty by default");
  text += of_group(Group::call, "The call");
  text += of_group(Group::broker, "The broker");
  text += of_group(Group::daemon, "The daemon mqtt_bridged, which is asked first where one runs");
  text += of_group(Group::output, "Output");
  text += of_group(Group::general, "General");
  text += examples;
  text += variables();
  text += "\nExit codes:\n";
  for (const auto& [code, meaning] :
       {std::pair("0", "answered"), std::pair("1", "failed"), std::pair("2", "wrong usage"),
        std::pair("3", "no answer in time"), std::pair("4", "the broker cannot be reached")}) {
    text += entry(code, meaning);
  }
  return text;
}

}  // namespace mqtt_bridge
