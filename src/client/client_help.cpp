#include "client/client_help.hpp"

#include <utility>
#include <vector>

#include "client/option_table.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {
namespace {

using Group = ClientFlag::Group;

ManualOption::Takes taken_by(const ClientFlag& flag) {
  if (flag.value_name.empty())
    return ManualOption::Takes::nothing;
  return flag.value_name == "FILE" ? ManualOption::Takes::file : ManualOption::Takes::text;
}

Manual::Group of_group(Group group, std::string title) {
  Manual::Group options{std::move(title), {}};
  for (const ClientFlag& flag : client_flags()) {
    if (flag.group != group)
      continue;
    options.options.push_back({.short_name = flag.letter == 0 ? "" : std::string("-") + flag.letter,
                               .name = "--" + std::string(flag.name),
                               .value_name = std::string(flag.value_name),
                               .help = std::string(flag.help),
                               .takes = taken_by(flag)});
  }
  return options;
}

std::vector<Manual::Entry> variables() {
  std::vector<Manual::Entry> all;
  for (const ClientFlag& flag : client_flags()) {
    if (flag.where != ClientFlag::Where::flag_only)
      all.push_back({variable_of(flag), "--" + std::string(flag.name)});
  }
  all.push_back({"NO_COLOR", "Where it is set, --explain has no colours"});
  return all;
}

}  // namespace

std::string action_names() {
  std::string names;
  for (const Action action : all_actions)
    names += (names.empty() ? "" : ", ") + std::string(to_string(action));
  return names;
}

Manual client_manual() {
  std::vector<std::string> actions;
  for (const Action action : all_actions)
    actions.emplace_back(to_string(action));
  return {
      .program = "mqtt_client",
      .section = 1,
      .summary = "call a service behind an MQTT broker",
      .purpose = "Send one text to a service behind an MQTT broker and print its answer.",
      .usages = {std::string(client_usage), "mqtt_client [OPTIONS] --lines NETID ACTION [FILE|-]",
                 "mqtt_client [OPTIONS] --route PATH [BODY]"},
      .arguments =
          {{"NETID", "Whose topics to use"},
           {"ACTION", action_names() + ", or another action that mqtt_bridged serves",
            std::move(actions)},
           {"MESSAGE",
            "The text to send: whatever follows ACTION, and after -- even the text --; - or none: "
            "what is piped to stdin, without its last line end"},
           {"BODY",
            "What to send to the route: a text, or stdin as for MESSAGE; empty by default"}},
      .groups = {of_group(Group::call, "The call"), of_group(Group::broker, "The broker"),
                 of_group(Group::daemon,
                          "The daemon mqtt_bridged, which is asked first where one runs"),
                 of_group(Group::output, "Output"), of_group(Group::general, "General")},
      .examples = {{"mqtt_client alice uppercase hello", "One call"},
                   {"echo hello | mqtt_client alice uppercase", "Of what is piped"},
                   {"mqtt_client --lines alice uppercase words.txt > answers.txt",
                    "A call of each line"},
                   {"mqtt_client --repeat 1000 alice uppercase hello", "How long calls take"},
                   {"mqtt_client --explain alice uppercase hello", "Why no answer comes"},
                   {"mqtt_client --broker mqtts://broker.lan --ca-file ca.pem \\\n"
                    "    --username alice --password-file ~/.mqtt-password \\\n"
                    "    alice reverse hello",
                    "A broker with TLS and a password"},
                   {"mqtt_client --daemon http://bridge.lan:8426 \\\n"
                    "    --token-file ~/.bridge-token alice uppercase hello",
                    "A daemon that asks for a token"}},
      .exit_codes = {{"0", "answered"},
                     {"1", "failed"},
                     {"2", "wrong usage"},
                     {"3", "no answer in time"},
                     {"4", "the broker cannot be reached"}},
      .environment = variables(),
      .files = {{"~/.config/mqtt-bridge/client.toml", "Options, for each broker in a section"}},
      .see_also = {"mqtt_bridged(8)", "mqtt_responder(8)", "mosquitto_rr(1)"}};
}

std::string client_help() {
  return help_text(client_manual());
}

}  // namespace mqtt_bridge
