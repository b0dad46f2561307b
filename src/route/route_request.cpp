#include "route/route_request.hpp"

#include <algorithm>
#include <utility>

#include "base/json_set.hpp"
#include "base/json_text.hpp"
#include "base/limits/call.hpp"
#include "exchange/response_topics.hpp"
#include "exchange/topic.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::string_view open_level = "+";

/// The values of a call's variables.
class Values {
 public:
  explicit Values(const RouteCall& call) : call_(call) {}

  std::string in(const TextTemplate& text) const {
    return text.expand([this](std::string_view name) { return of(name); });
  }
  JsonScalar in(const ValueTemplate& value) const {
    if (const auto* const text = std::get_if<TextTemplate>(&value))
      return in(*text);
    if (const auto* const flag = std::get_if<bool>(&value))
      return *flag;
    if (const auto* const number = std::get_if<std::int64_t>(&value))
      return *number;
    return std::get<double>(value);
  }
  /// To subscribe to: the levels that have the id, which differs from call to call, are open.
  std::string filter_of(const TextTemplate& topic) const {
    constexpr std::string_view mark{"\0", 1};
    const std::string text =
        topic.expand([&](std::string_view name) { return name == id_variable ? mark : of(name); });
    std::string filter;
    for (const std::string_view level : levels_of(text))
      filter.append("/").append(level.find(mark) != std::string_view::npos ? open_level : level);
    return filter.substr(1);
  }

 private:
  std::string_view of(std::string_view name) const {
    if (name == id_variable)
      return call_.id;
    if (name == client_variable)
      return call_.client;
    for (const auto& [variable, value] : call_.values) {
      if (variable == name)
        return value;
    }
    return open_level;  // {status}, a level that is not known before
  }

  const RouteCall& call_;
};

std::optional<Failure> why_not_values(const RouteCall& call) {
  const auto& segments = call.route->pattern.segments;
  for (const auto& [name, value] : call.values) {
    const auto segment =
        std::find_if(segments.begin(), segments.end(), [&name = name](const auto& each) {
          return each.kind != PathPattern::Kind::literal && each.text == name;
        });
    if (const auto why = why_not_path_value(value, segment->kind))
      return Failure{Problem::invalid_parameter, "{" + name + "} in the path " + *why, {}};
  }
  for (const auto& [name, patterns] : call.route->allowed) {
    const auto value =
        std::find_if(call.values.begin(), call.values.end(),
                     [&name = name](const auto& each) { return each.first == name; });
    if (value != call.values.end() && !is_allowed_value(value->second, patterns)) {
      return Failure{Problem::value_not_allowed,
                     "{" + name + "} must not be '" + value->second + "' on this route",
                     {}};
    }
  }
  return std::nullopt;
}

/// Brokers keep topics that begin with '$' for themselves (MQTT 5.0 4.7.2): a route may name them,
/// its caller may not.
std::optional<Failure> why_not_topics(const Route& route, const MqttRequest& request) {
  const auto is_callers = [](const TextTemplate& topic, const std::string& text) {
    return topic.begins_with_variable() && text.starts_with('$');
  };
  if (is_callers(route.topic, request.request_topic) ||
      is_callers(route.response_topic, request.response_topic) ||
      is_callers(route.error_topic, request.error_topic)) {
    return Failure{Problem::invalid_parameter, "the topic must not begin with '$'", {}};
  }
  const auto is_long = [](const std::string& text) { return text.size() > mqtt_string_bytes; };
  if (is_long(request.request_topic) || is_long(request.response_topic) ||
      is_long(request.error_topic)) {
    return Failure{Problem::invalid_parameter, "the topic would be too long", {}};
  }
  const auto& properties = request.user_properties;
  if (std::any_of(properties.begin(), properties.end(),
                  [&](const auto& property) { return is_long(property.second); })) {
    return Failure{Problem::invalid_parameter, "a user property would be too long", {}};
  }
  return std::nullopt;
}

/// Puts what the route sets into the payload; or why it cannot.
std::optional<Failure> set_into(std::string& payload, const Route& route, const Values& values) {
  if (payload.size() > limits::id_bytes) {
    return Failure{Problem::payload_too_large,
                   "this route writes into the JSON that it is sent, of which there may be " +
                       std::to_string(limits::id_bytes) + " bytes",
                   {}};
  }
  const auto needs_object = [](const std::string& why) {
    return Failure{Problem::invalid_payload, "send a JSON object as the body: " + why, {}};
  };
  if (payload.empty())
    payload = "{}";
  const auto parsed = JsonText::parse(payload);
  if (const auto* const why = std::get_if<std::string>(&parsed))
    return needs_object(*why);
  if (!std::get<JsonText>(parsed).is_object())
    return needs_object("it is another value");
  for (const auto& [pointer, value] : route.set) {
    auto changed = json_with(payload, {pointer, values.in(value)});
    if (!changed)
      return needs_object("there is no room in it for " + pointer);
    payload = *std::move(changed);
  }
  return std::nullopt;
}

/// Its number depends on the call, where {x...} comes before it.
std::optional<std::size_t> level_of_status(const Route& route, const Values& values) {
  if (!route.response_topic.has(status_variable))
    return std::nullopt;
  const std::string before = values.in(route.before_status);
  return static_cast<std::size_t>(std::count(before.begin(), before.end(), '/'));
}

/// How an answer is known.
void link(MqttRequest& request, const Route& route, const Values& values) {
  for (const auto& [pointer, value] : route.match)
    request.tests.push_back({pointer, values.in(value)});
  switch (route.linked) {
    case Route::Linked::by_topic:
      request.matching = MatchByTopic{};
      break;
    case Route::Linked::by_id: {
      JsonTest& id = request.tests.front();
      request.matching = MatchById{std::move(id.pointer), std::get<std::string>(id.value)};
      request.tests.erase(request.tests.begin());
      break;
    }
    case Route::Linked::by_turn:
      request.matching = MatchByTurn{};
      break;
    case Route::Linked::not_at_all:
      request.matching = MatchNothing{};
      return;
  }
  request.response_topic = values.in(route.response_topic);
  request.error_topic = values.in(route.error_topic);
  request.status_level = level_of_status(route, values);
  request.needs_response_topic = route.has_inbox;
  request.is_topic_ours =
      route.response_topic.has(client_variable) &&
      (route.error_topic.text().empty() || route.error_topic.has(client_variable));
  for (const TextTemplate* const topic : {&route.response_topic, &route.error_topic}) {
    if (topic->text().empty())
      continue;
    CallFilter filter{values.filter_of(*topic)};
    filter.no_local = matches_levels(filter.filter, request.request_topic);
    if (request.filters.empty() || request.filters.front().filter != filter.filter)
      request.filters.push_back(std::move(filter));
  }
}

}  // namespace

std::variant<MqttRequest, Failure> mqtt_request(RouteCall call) {
  const Route& route = *call.route;
  if (auto failure = why_not_values(call))
    return *std::move(failure);
  const Values values(call);
  MqttRequest request{.request_topic = values.in(route.topic),
                      .response_topic = {},
                      .payload = std::move(call.payload),
                      .content_type = std::move(call.content_type),
                      .qos = call.is_patient ? std::max(route.qos, 1) : route.qos,
                      .retained = route.retained,
                      .matching = MatchByTurn{},
                      .rules = route.rules,
                      .is_idempotent = route.is_idempotent,
                      .fairness_key = route.path,
                      .most_in_flight = route.most_in_flight,
                      .turn_rest = route.turn_rest,
                      .is_patient = call.is_patient,
                      .correlation = std::move(call.correlation),
                      .traceparent = std::move(call.traceparent),
                      .tracestate = std::move(call.tracestate),
                      .arrived = call.arrived,
                      .deadline = call.deadline};
  for (const auto& [name, text] : route.properties)
    request.user_properties.emplace_back(name, values.in(text));
  link(request, route, values);
  if (auto failure = why_not_topics(route, request))
    return *std::move(failure);
  if (!route.set.empty()) {
    if (auto failure = set_into(request.payload, route, values))
      return *std::move(failure);
  }
  return request;
}

}  // namespace mqtt_bridge
