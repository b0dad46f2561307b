#include "client/hand_over.hpp"

#include <utility>
#include <vector>

#include "base/nearest.hpp"
#include "client/client_help.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {

std::string unknown_action(std::string_view action) {
  std::vector<std::string_view> names;
  for (const Action each : all_actions)
    names.push_back(to_string(each));
  return "ACTION: '" + std::string(action) + "' is none of " + action_names() +
         did_you_mean(action, names);
}

std::optional<NotDirect> why_not_direct(const ClientOptions& options, const Reason& reason,
                                        std::string_view remedy) {
  if (!options.route.empty())
    return NotDirect{reason.text + "; a route needs mqtt_bridged"};
  if (!parse_action(options.action))
    return NotDirect{unknown_action(options.action) + ", and " + reason.text, ExitCode::usage};
  if (options.daemon.empty())
    return std::nullopt;
  const std::string otherwise = remedy.empty() ? "; " : "; " + std::string(remedy) + ", or ";
  return NotDirect{reason.text + otherwise + "use --direct to ask the broker itself"};
}

std::vector<std::string> hand_over(const ClientOptions& options) {
  std::vector<std::string> arguments{"mqtt_client_direct"};
  const auto add = [&arguments](const char* flag, const std::string& text) {
    if (!text.empty())
      arguments.push_back(flag + text);
  };
  for (const auto& [flag, is_set] : {std::pair("--verbose", options.verbose),
                                     {"--json", options.json},
                                     {"--direct", options.direct},
                                     {"--lines", options.lines},
                                     {"--explain", options.explain}}) {
    if (is_set)
      arguments.emplace_back(flag);
  }
  if (options.names_broker)
    add("--broker=", to_string(options.broker));
  add("--username=", options.username);
  add("--password-file=", options.password_file);
  add("--ca-file=", options.ca_file);
  add("--cert-file=", options.cert_file);
  add("--key-file=", options.key_file);
  add("--daemon=", options.daemon);
  add("--token-file=", options.token_file);
  add("--route=", options.route);
  add("--file=", options.lines ? options.file : "");
  add("--timeout=", std::to_string(options.timeout.count()) + "ms");
  if (options.repeat > 0)
    add("--repeat=", std::to_string(options.repeat));
  if (!options.not_asked.empty())
    add(options.is_left_aside ? "--left-aside=" : "--not-asked=", options.not_asked);
  if (!options.lines)
    arguments.emplace_back("--message-on-stdin");
  if (options.route.empty()) {
    for (const std::string& each : {std::string("--"), options.netid, options.action})
      arguments.push_back(each);
  }
  return arguments;
}

}  // namespace mqtt_bridge
