// What each key of a [[route]] means.
#include "route/route_keys.hpp"

#include <algorithm>
#include <utility>

#include "base/duration.hpp"
#include "base/json_text.hpp"
#include "base/limits/call.hpp"
#include "exchange/topic.hpp"

namespace mqtt_bridge {
namespace {

using Value = RouteSource::Value;

std::string too_long() {
  return "must not have more than " + std::to_string(mqtt_string_bytes) + " bytes";
}

// Each gives what is wrong, as the end of a sentence that begins with the key; empty: nothing.

/// Null where the value is none of `Type`.
template <typename Type>
const Type* as(const Value& value) {
  const auto* const scalar = std::get_if<JsonScalar>(&value);
  return scalar != nullptr ? std::get_if<Type>(scalar) : nullptr;
}

std::string take(const Value& value, std::string& to) {
  const auto* const text = as<std::string>(value);
  if (text == nullptr || text->empty())
    return "must be a string in quotes, and not empty";
  to = *text;
  return {};
}

std::string take(const Value& value, bool& to) {
  const auto* const flag = as<bool>(value);
  if (flag == nullptr)
    return "must be true or false";
  to = *flag;
  return {};
}

std::string take_number(const Value& value, std::int64_t least, std::int64_t most,
                        std::int64_t& to) {
  const auto* const number = as<std::int64_t>(value);
  if (number == nullptr || *number < least || *number > most)
    return "must be a number from " + std::to_string(least) + " to " + std::to_string(most);
  to = *number;
  return {};
}

std::string take(const Value& value, RouteSource::Texts& to) {
  const auto* const texts = std::get_if<RouteSource::Texts>(&value);
  if (texts == nullptr || texts->empty())
    return "must be an array of strings, such as [\"a\", \"b\"]";
  to = *texts;
  return {};
}

std::string take(const Value& value, TextTemplate& to) {
  std::string text;
  if (auto fault = take(value, text); !fault.empty())
    return fault;
  auto parsed = TextTemplate::parse(text);
  if (auto* const fault = std::get_if<std::string>(&parsed))
    return *fault;
  to = std::get<TextTemplate>(std::move(parsed));
  return {};
}

/// A topic: no wildcard, but where `levels_may_be_open` a whole level that is '+'.
std::string take_topic(const Value& value, bool levels_may_be_open, TextTemplate& to) {
  if (auto fault = take(value, to); !fault.empty())
    return fault;
  const std::string& text = to.text();
  if (!is_broker_safe(text))
    return "must be UTF-8 without control characters";
  if (text.size() > mqtt_string_bytes)
    return too_long();
  if (levels_may_be_open && text.starts_with("$share/"))
    return "must not be a shared subscription ($share/...), where others get some of the answers";
  if (text.find('#') != std::string::npos)
    return "must not have the wildcard '#'";
  for (const std::string_view level : levels_of(text)) {
    const bool has_plus = level.find('+') != std::string_view::npos;
    if (has_plus && (!levels_may_be_open || level != "+")) {
      return levels_may_be_open ? "must not have a '+' but as a whole level"
                                : "must not have the wildcard '+'";
    }
  }
  return {};
}

std::string take_duration(const Value& value, std::optional<std::chrono::milliseconds>& to) {
  std::string text;
  if (auto fault = take(value, text); !fault.empty())
    return fault;
  to = parse_duration(text);
  if (!to || *to < limits::min_timeout || *to > limits::max_timeout) {
    return "must be a duration from " + duration_text(limits::min_timeout) + " to " +
           duration_text(limits::max_timeout) + ", such as 1500ms or 2s";
  }
  return {};
}

std::string fault_of_pointer(const std::string& pointer) {
  constexpr std::size_t longest_index = 3;
  if (!is_json_pointer(pointer))
    return "'" + pointer + "' is no JSON Pointer (RFC 6901), such as /id or /data/id";
  for (std::string_view rest = pointer; !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view token = rest.substr(0, rest.find('/'));
    rest.remove_prefix(token.size());
    if (token.size() > longest_index && token.find_first_not_of("0123456789") == token.npos)
      return "'" + pointer + "' has an index that is too large";
  }
  return {};
}

std::string take_pointer(const Value& value, std::string& to) {
  auto fault = take(value, to);
  return fault.empty() ? fault_of_pointer(to) : fault;
}

/// Gives `take_one` each pointer of a table with its value; the first fault.
template <typename TakeOne>
std::string take_pointed(const Value& value, const std::string& example, const TakeOne& take_one) {
  const auto* const table = std::get_if<RouteSource::Table>(&value);
  if (table == nullptr || table->empty())
    return "must be a table of JSON Pointers and values, such as " + example;
  for (const auto& [pointer, member] : *table) {
    if (auto fault = fault_of_pointer(pointer); !fault.empty())
      return fault;
    const auto* const scalar = std::get_if<JsonScalar>(&member);
    if (scalar == nullptr)
      return "'" + pointer + "' must be a string, a number, true or false";
    if (auto fault = take_one(pointer, *scalar); !fault.empty())
      return fault;
  }
  return {};
}

std::string take_value(const JsonScalar& scalar, ValueTemplate& to) {
  if (const auto* const text = std::get_if<std::string>(&scalar)) {
    auto parsed = TextTemplate::parse(*text);
    if (auto* const fault = std::get_if<std::string>(&parsed))
      return *fault;
    to = std::get<TextTemplate>(std::move(parsed));
  } else if (const auto* const flag = std::get_if<bool>(&scalar)) {
    to = *flag;
  } else if (const auto* const number = std::get_if<std::int64_t>(&scalar)) {
    to = *number;
  } else {
    to = std::get<double>(scalar);
  }
  return {};
}

std::string take(const Value& value, std::vector<PointedTemplate>& to) {
  return take_pointed(value, R"({ "/id" = "{id}" })",
                      [&to](const std::string& pointer, const JsonScalar& scalar) {
                        to.push_back({pointer, {}});
                        return take_value(scalar, to.back().value);
                      });
}

/// What is set; not the whole, which has to stay an object.
std::string take_set(const Value& value, std::vector<PointedTemplate>& to) {
  auto fault = take(value, to);
  const bool has_whole = std::any_of(to.begin(), to.end(),
                                     [](const auto& pointed) { return pointed.pointer.empty(); });
  return fault.empty() && has_whole ? "'' is the whole body, which must be an object; name a member"
                                    : fault;
}

/// Values without variables.
std::string take_tests(const Value& value, std::vector<JsonTest>& to) {
  return take_pointed(value, R"({ "/type" = "ack" })",
                      [&to](const std::string& pointer, const JsonScalar& scalar) {
                        to.push_back({pointer, scalar});
                        return std::string();
                      });
}

std::string take_error(const Value& value, AnswerRules& to) {
  if (std::holds_alternative<RouteSource::Table>(value)) {
    std::vector<JsonTest> tests;
    if (auto fault = take_tests(value, tests); !fault.empty())
      return fault;
    if (tests.size() != 1)
      return "must have one value";
    to.error_test = std::move(tests.front());
    return {};
  }
  std::string pointer;
  auto fault = take_pointer(value, pointer);
  to.error_pointer = std::move(pointer);
  return fault;
}

std::string take_status(const Value& value, AnswerRules& to) {
  constexpr std::string_view property = "property:";
  std::string text;
  if (auto fault = take(value, text); !fault.empty())
    return fault;
  if (text.starts_with(property)) {
    to.status_property = text.substr(property.size());
    return to.status_property.empty() ? "'property:' needs the name of a user property" : "";
  }
  auto fault = fault_of_pointer(text);
  to.status_pointer = std::move(text);
  return fault;
}

std::string take_methods(const Value& value, std::vector<std::string>& to) {
  if (auto fault = take(value, to); !fault.empty())
    return fault;
  for (const auto& method : to) {
    if (method != "POST" && method != "GET")
      return "'" + method + "' is neither \"POST\" nor \"GET\"";
    if (std::count(to.begin(), to.end(), method) > 1)
      return "has " + method + " twice";
  }
  return {};
}

bool is_list_of_values(const RouteSource::Texts& texts) {
  return !texts.empty() && std::none_of(texts.begin(), texts.end(),
                                        [](const std::string& text) { return text.empty(); });
}

/// An array is for the only variable of the path, see route_config.cpp.
std::string take_allowed(const Value& value, std::vector<Route::Allowed>& to) {
  if (const auto* const texts = std::get_if<RouteSource::Texts>(&value); texts != nullptr) {
    to.push_back({"", *texts});
    return is_list_of_values(*texts) ? "" : "must name values, none of them empty";
  }
  const auto* const table = std::get_if<RouteSource::Table>(&value);
  if (table == nullptr || table->empty())
    return "must be an array of values, or a table of variables with theirs";
  for (const auto& [variable, member] : *table) {
    const auto* const texts = std::get_if<RouteSource::Texts>(&member);
    if (texts == nullptr || !is_list_of_values(*texts))
      return "'" + variable + "' must be an array of values, such as [\"lamp\", \"plug-*\"]";
    to.push_back({variable, *texts});
  }
  return {};
}

std::string take_properties(const Value& value,
                            std::vector<std::pair<std::string, TextTemplate>>& to) {
  const auto* const table = std::get_if<RouteSource::Table>(&value);
  if (table == nullptr || table->empty())
    return "must be a table of names and texts, such as { \"source\" = \"{client}\" }";
  for (const auto& [name, member] : *table) {
    const auto* const scalar = std::get_if<JsonScalar>(&member);
    const auto* const text = scalar != nullptr ? std::get_if<std::string>(scalar) : nullptr;
    if (text == nullptr || !is_broker_safe(*text) || !is_broker_safe(name))
      return "'" + name + "' must be a string without control characters";
    if (name.size() > mqtt_string_bytes || text->size() > mqtt_string_bytes)
      return too_long();
    auto parsed = TextTemplate::parse(*text);
    if (auto* const fault = std::get_if<std::string>(&parsed))
      return *fault;
    to.emplace_back(name, std::get<TextTemplate>(std::move(parsed)));
  }
  return {};
}

std::string take_path(const Value& value, Route& route) {
  if (auto fault = take(value, route.path); !fault.empty())
    return fault;
  auto pattern = parse_path_pattern(route.path);
  if (auto* const fault = std::get_if<std::string>(&pattern))
    return *fault;
  route.pattern = std::get<PathPattern>(std::move(pattern));
  return {};
}

template <typename Number>
std::string take_limited(const Value& value, std::int64_t least, std::int64_t most, Number& to) {
  std::int64_t number = 0;
  auto fault = take_number(value, least, most, number);
  to = static_cast<Number>(number);
  return fault;
}

constexpr auto most_calls = static_cast<std::int64_t>(limits::in_flight);

}  // namespace

const std::vector<RouteKey>& route_keys() {
  static const std::vector<RouteKey> keys{
      {"path", [](const Value& v, RouteDraft& to) { return take_path(v, to.route); }},
      {"methods", [](const Value& v, RouteDraft& to) { return take_methods(v, to.route.methods); }},
      {"topic",
       [](const Value& v, RouteDraft& to) { return take_topic(v, false, to.route.topic); }},
      {"response-topic",
       [](const Value& v, RouteDraft& to) { return take_topic(v, true, to.route.response_topic); }},
      {"error-topic",
       [](const Value& v, RouteDraft& to) { return take_topic(v, true, to.route.error_topic); }},
      {"one-way", [](const Value& v, RouteDraft& to) { return take(v, to.is_one_way); }},
      {"id", [](const Value& v, RouteDraft& to) { return take_pointer(v, to.id); }},
      {"set", [](const Value& v, RouteDraft& to) { return take_set(v, to.route.set); }},
      {"match", [](const Value& v, RouteDraft& to) { return take(v, to.route.match); }},
      {"ignore", [](const Value& v, RouteDraft& to) { return take_tests(v, to.rules.interim); }},
      {"error", [](const Value& v, RouteDraft& to) { return take_error(v, to.rules); }},
      {"status", [](const Value& v, RouteDraft& to) { return take_status(v, to.rules); }},
      {"properties",
       [](const Value& v, RouteDraft& to) { return take_properties(v, to.route.properties); }},
      {"qos", [](const Value& v, RouteDraft& to) { return take_limited(v, 0, 1, to.route.qos); }},
      {"retain", [](const Value& v, RouteDraft& to) { return take(v, to.route.retained); }},
      {"idempotent",
       [](const Value& v, RouteDraft& to) { return take(v, to.route.is_idempotent); }},
      {"timeout",
       [](const Value& v, RouteDraft& to) { return take_duration(v, to.route.timeout); }},
      {"turn-rest",
       [](const Value& v, RouteDraft& to) { return take_duration(v, to.route.turn_rest); }},
      {"max-in-flight",
       [](const Value& v, RouteDraft& to) {
         return take_limited(v, 1, most_calls, to.route.most_in_flight);
       }},
      {"allow", [](const Value& v, RouteDraft& to) { return take_allowed(v, to.route.allowed); }},
      {"allow-user", [](const Value& v, RouteDraft& to) { return take(v, to.route.user_names); }},
      {"token-file", [](const Value& v, RouteDraft& to) { return take(v, to.route.token_file); }},
  };
  return keys;
}

}  // namespace mqtt_bridge
