#include "route/route_config.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/nearest.hpp"
#include "exchange/response_topics.hpp"
#include "exchange/topic.hpp"
#include "route/route_keys.hpp"
#include "text/action.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::string_view inbox = "mqtt-bridge/{client}/response/{id}";

bool has_id(const PointedTemplate& pointed) {
  const auto* const text = std::get_if<TextTemplate>(&pointed.value);
  return text != nullptr && text->has(id_variable);
}

TextTemplate known_template(std::string_view text) {
  return std::get<TextTemplate>(TextTemplate::parse(text));
}

/// How answers find their calls; and `id`, which is short for `set` and `match`.
void link(RouteDraft& draft) {
  Route& route = draft.route;
  if (!draft.id.empty()) {
    route.set.push_back({draft.id, known_template("{id}")});
    route.match.push_back({draft.id, known_template("{id}")});
  }
  if (draft.is_one_way) {
    route.linked = Route::Linked::not_at_all;
    return;
  }
  if (route.response_topic.text().empty()) {
    route.has_inbox = true;
    route.response_topic = known_template(inbox);
  }
  const auto by_id = std::find_if(route.match.begin(), route.match.end(), has_id);
  if (route.response_topic.has(id_variable)) {
    route.linked = Route::Linked::by_topic;
  } else if (by_id != route.match.end()) {
    route.linked = Route::Linked::by_id;
    std::rotate(route.match.begin(), by_id, by_id + 1);
  }
}

std::string fault_of_variables(const Route& route, const TextTemplate& text, bool may_have_status) {
  const auto of_path = route.pattern.variables();
  for (const auto& name : text.variables()) {
    const bool is_known = std::find(of_path.begin(), of_path.end(), name) != of_path.end() ||
                          name == id_variable || name == client_variable ||
                          (may_have_status && name == status_variable);
    if (!is_known) {
      return "'" + text.text() + "' has the variable {" + name +
             "}, which is not in the path; {id} and {client} are ours" +
             (may_have_status ? ", and {status}" : "");
    }
  }
  return {};
}

/// Whether each '{status}' in it is a level of its own.
bool has_status_as_level(const std::string& topic) {
  const std::string variable = "{" + std::string(status_variable) + "}";
  const std::size_t at = topic.find(variable);
  const std::size_t end = at + variable.size();
  return at == std::string::npos ||
         ((at == 0 || topic[at - 1] == '/') && (end == topic.size() || topic[end] == '/') &&
          topic.find(variable, end) == std::string::npos);
}

std::string fault_of_all_variables(const Route& route) {
  for (const TextTemplate* topic : {&route.topic, &route.response_topic, &route.error_topic}) {
    if (auto fault = fault_of_variables(route, *topic, topic == &route.response_topic);
        !fault.empty()) {
      return fault;
    }
  }
  for (const auto& [name, text] : route.properties) {
    if (auto fault = fault_of_variables(route, text, false); !fault.empty())
      return fault;
  }
  for (const auto* const list : {&route.set, &route.match}) {
    for (const auto& [pointer, value] : *list) {
      const auto* const text = std::get_if<TextTemplate>(&value);
      if (text == nullptr)
        continue;
      if (auto fault = fault_of_variables(route, *text, false); !fault.empty())
        return fault;
    }
  }
  return {};
}

std::string fault_of_allowed(Route& route) {
  const auto variables = route.pattern.variables();
  for (auto& [variable, values] : route.allowed) {
    if (variable.empty() && variables.size() != 1) {
      return "allow: the path has " + std::string(variables.empty() ? "no variable" : "several") +
             "; name them: allow = { device = [\"lamp\"] }";
    }
    if (variable.empty())
      variable = variables.front();
    if (std::find(variables.begin(), variables.end(), variable) == variables.end())
      return "allow: the path has no variable {" + variable + "}";
  }
  return {};
}

/// What is wrong with keys together.
std::string fault_of(RouteDraft& draft) {
  Route& route = draft.route;
  if (route.path.empty())
    return "a route needs a path";
  if (route.topic.text().empty())
    return "a route needs a topic to publish to";
  const bool wants_answer = !route.response_topic.text().empty() ||
                            !route.error_topic.text().empty() || !route.match.empty() ||
                            draft.rules.read_json() || !draft.rules.status_property.empty();
  if (draft.is_one_way && wants_answer) {
    return "a one-way route gets no answer, so that response-topic, error-topic, match, ignore, "
           "error and status have no meaning";
  }
  for (const auto& name : route.pattern.variables()) {
    if (name == id_variable || name == client_variable || name == status_variable)
      return "{" + name + "} is ours, and cannot be a variable of the path";
  }
  link(draft);
  if (!has_status_as_level(route.response_topic.text()))
    return "response-topic: {status} must be a level of its own, once";
  if (auto fault = fault_of_all_variables(route); !fault.empty())
    return fault;
  if (route.linked == Route::Linked::by_topic && !route.error_topic.text().empty() &&
      !route.error_topic.has(id_variable)) {
    return "error-topic needs {id}, as response-topic has it";
  }
  return fault_of_allowed(route);
}

std::string where(const Route& route) {
  return route.file + ":" + std::to_string(route.line);
}

/// The path with its variables' names left out: paths of one shape are the same paths.
std::string shape_of(const PathPattern& pattern) {
  std::string shape;
  for (const auto& [text, kind] : pattern.segments) {
    shape += kind == PathPattern::Kind::literal ? "/" + text
             : kind == PathPattern::Kind::one   ? "/{}"
                                                : "/{...}";
  }
  return shape;
}

/// The topic with '+' for each level that has a variable, and whether a variable of several levels
/// ends it.
std::string filter_of(const Route& route, const TextTemplate& topic) {
  const auto is_rest = [&route](std::string_view name) {
    const auto& last = route.pattern.segments.back();
    return last.kind == PathPattern::Kind::rest && last.text == name;
  };
  for (const auto& name : topic.variables()) {
    if (is_rest(name))
      return "#";
  }
  const std::string text = topic.expand([](std::string_view) { return "+"; });
  std::string filter;
  for (std::string_view rest = text;; rest.remove_prefix(rest.find('/') + 1)) {
    const std::string_view level = rest.substr(0, rest.find('/'));
    filter += level.find('+') != std::string_view::npos ? "+" : std::string(level);
    if (level.size() == rest.size())
      return filter;
    filter += "/";
  }
}

/// Whether some topic is one of both.
bool may_overlap(std::string_view a, std::string_view b) {
  if (a == "#" || b == "#")
    return false;  // perhaps: not known to
  for (;;) {
    const std::string_view left = a.substr(0, a.find('/'));
    const std::string_view right = b.substr(0, b.find('/'));
    if (left != right && left != "+" && right != "+")
      return false;
    const bool a_ends = left.size() == a.size();
    const bool b_ends = right.size() == b.size();
    if (a_ends || b_ends)
      return a_ends && b_ends;
    a.remove_prefix(left.size() + 1);
    b.remove_prefix(right.size() + 1);
  }
}

/// Where the bridge is told other things.
std::string fault_beside_ours(const Route& route) {
  static const std::set<std::string_view> ours{"transform", "healthz", "readyz",      "metrics",
                                               "status",    "calls",   "openapi.json"};
  if (ours.contains(route.pattern.segments.front().text))
    return "/" + route.pattern.segments.front().text + " is the bridge's own";
  if (route.linked == Route::Linked::not_at_all)
    return {};
  const std::string filter = filter_of(route, route.response_topic);
  if (may_overlap(filter, status_topic("+")))
    return "response-topic: there responders announce themselves";
  if (route.linked != Route::Linked::by_turn)
    return {};
  for (const Action action : all_actions) {
    if (may_overlap(filter, response_topic("+", to_string(action))) &&
        filter.find(to_string(action)) != std::string::npos) {
      return "response-topic: there the answers of /transform/" + std::string(to_string(action)) +
             " come";
    }
  }
  return {};
}

}  // namespace

std::variant<Route, RouteFault> make_route(const RouteSource& source) {
  RouteDraft draft;
  for (const auto& [key, value, line] : source.entries) {
    const auto& keys = route_keys();
    const auto known = std::find_if(keys.begin(), keys.end(),
                                    [&key](const RouteKey& each) { return each.name == key; });
    if (known == keys.end()) {
      std::vector<std::string_view> names;
      for (const RouteKey& each : keys)
        names.push_back(each.name);
      return RouteFault{line, "unknown key '" + key + "' of a route" + did_you_mean(key, names)};
    }
    if (const auto fault = known->take(value, draft); !fault.empty())
      return RouteFault{line, key + ": " + fault};
  }
  if (auto fault = fault_of(draft); !fault.empty())
    return RouteFault{source.line, std::move(fault)};
  draft.route.file = source.file;
  draft.route.line = source.line;
  if (draft.route.methods.empty())
    draft.route.methods = {"POST"};
  draft.route.rules = std::make_shared<const AnswerRules>(std::move(draft.rules));
  return std::move(draft.route);
}

std::string conflict_of(const std::vector<std::shared_ptr<const Route>>& routes) {
  std::map<std::pair<std::string, std::string>, const Route*> by_shape;  // and method
  std::map<std::string, const Route*> by_response_topic;
  for (const auto& route : routes) {
    if (auto fault = fault_beside_ours(*route); !fault.empty())
      return where(*route) + ": " + fault;
    for (const auto& method : route->methods) {
      const auto [other, is_new] =
          by_shape.emplace(std::pair(shape_of(route->pattern), method), route.get());
      if (!is_new) {
        return where(*route) + ": " + method + " " + route->path + " is what the route of " +
               where(*other->second) + " serves already";
      }
    }
    if (route->linked == Route::Linked::not_at_all)
      continue;
    const std::string filter = filter_of(*route, route->response_topic);
    const auto [other, is_new] = by_response_topic.emplace(filter, route.get());
    const bool is_alike = (other->second->linked == Route::Linked::by_turn) ==
                          (route->linked == Route::Linked::by_turn);
    if (!is_new && !is_alike && filter != "#") {
      return where(*route) + ": its answers come on the topic of those of " +
             where(*other->second) +
             ", and one of the two has no id in its answers, so that they cannot be told apart";
    }
  }
  return {};
}

std::vector<std::string> warnings_of(const std::vector<std::shared_ptr<const Route>>& routes) {
  std::vector<std::string> warnings;
  for (const auto& route : routes) {
    const auto& first = route->topic.variables();
    const bool is_path_variable =
        !first.empty() && first.front() != client_variable && first.front() != id_variable;
    const bool is_limited = std::any_of(
        route->allowed.begin(), route->allowed.end(), [&first](const Route::Allowed& allowed) {
          return !first.empty() && allowed.variable == first.front();
        });
    if (route->topic.begins_with_variable() && is_path_variable && !is_limited) {
      warnings.push_back(where(*route) +
                         ": its topic begins with a variable, so that callers can " +
                         "publish nearly anywhere; limit it with allow");
    }
  }
  return warnings;
}

}  // namespace mqtt_bridge
