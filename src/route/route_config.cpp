#include "route/route_config.hpp"

#include <algorithm>

#include "base/nearest.hpp"
#include "exchange/response_topics.hpp"
#include "route/route_keys.hpp"

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
  if (route.response_topic.has(status_variable)) {
    const std::string_view topic = route.response_topic.text();
    const std::string status = "{" + std::string(status_variable) + "}";
    route.before_status = known_template(topic.substr(0, topic.find(status)));
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

/// What set would write over itself, and what match wants twice.
std::string fault_of_pointers(const Route& route) {
  for (const auto& [pointer, value] : route.set) {
    for (const auto& other : route.set) {
      if (&other.pointer != &pointer && (other.pointer + "/").starts_with(pointer + "/"))
        return "set: " + other.pointer + " would replace " + pointer + ", or be in its way";
    }
  }
  for (const auto& [pointer, value] : route.match) {
    if (std::count_if(route.match.begin(), route.match.end(),
                      [&pointer = pointer](const auto& each) { return each.pointer == pointer; }) >
        1) {
      return "match: " + pointer + " is there twice; id means a value in set and in match";
    }
  }
  return {};
}

std::string fault_of_error_topic(const Route& route) {
  const TextTemplate& topic = route.error_topic;
  if (topic.text().empty())
    return {};
  std::string levels = route.response_topic.text();
  const std::string status = "{" + std::string(status_variable) + "}";
  if (const std::size_t at = levels.find(status); at != std::string::npos)
    levels.replace(at, status.size(), "+");
  if (matches_levels(levels, topic.text()))
    return "error-topic is one of response-topic, so that no answer there is an error";
  // Errors of different calls come on one topic, where nothing in them tells whose they are.
  for (const auto& name : route.response_topic.variables()) {
    const bool is_of_call = route.linked == Route::Linked::by_topic
                                ? name == id_variable
                                : name != client_variable && name != status_variable;
    if (route.linked != Route::Linked::by_id && is_of_call && !topic.has(name))
      return "error-topic needs {" + name + "}, as response-topic has it";
  }
  return {};
}

/// Whether the request has the id of its call somewhere.
bool says_id(const Route& route) {
  return route.topic.has(id_variable) || std::any_of(route.set.begin(), route.set.end(), has_id) ||
         std::any_of(route.properties.begin(), route.properties.end(),
                     [](const auto& property) { return property.second.has(id_variable); });
}

/// What is wrong with keys together.
std::string fault_of(RouteDraft& draft) {
  Route& route = draft.route;
  if (route.path.empty())
    return "a route needs a path";
  if (route.topic.text().empty())
    return "a route needs a topic to publish to";
  const bool wants_answer = !draft.id.empty() || !route.response_topic.text().empty() ||
                            !route.error_topic.text().empty() || !route.match.empty() ||
                            draft.rules.read_json() || !draft.rules.status_property.empty();
  if (draft.is_one_way && wants_answer) {
    return "a one-way route gets no answer, so that response-topic, error-topic, id, match, "
           "ignore, error and status have no meaning";
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
  if (auto fault = fault_of_pointers(route); !fault.empty())
    return fault;
  if (auto fault = fault_of_error_topic(route); !fault.empty())
    return fault;
  if (route.linked == Route::Linked::by_id && !says_id(route))
    return "match has {id}, which the service is never told: put it into set, topic or properties";
  return fault_of_allowed(route);
}

}  // namespace

std::variant<Route, RouteFault> make_route(const RouteSource& source) {
  RouteDraft draft;
  for (const auto& [key, value, line] : source.entries) {
    const auto& keys = route_keys();
    const auto known = std::find_if(
        keys.begin(), keys.end(), [&key = key](const RouteKey& each) { return each.name == key; });
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

}  // namespace mqtt_bridge
