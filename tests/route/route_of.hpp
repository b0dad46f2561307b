// Routes for tests, from the keys of their tables.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "route/route_config.hpp"

namespace mqtt_bridge {

using RouteValue = RouteSource::Value;
using RouteKeys = std::vector<std::pair<std::string, RouteValue>>;

inline RouteValue text(std::string value) {
  return JsonScalar(std::move(value));
}
inline RouteValue number(std::int64_t value) {
  return JsonScalar(value);
}
inline RouteValue flag(bool value) {
  return JsonScalar(value);
}
inline RouteValue texts(std::vector<std::string> values) {
  return values;
}
inline RouteValue table(RouteSource::Table members) {
  return members;
}
inline RouteSource::Member member(std::string name, JsonScalar value) {
  return {std::move(name), std::move(value)};
}
inline RouteSource::Member list(std::string name, std::vector<std::string> values) {
  return {std::move(name), std::move(values)};
}

/// A table in `my.toml` whose first line is `line`; each key has the next one.
inline RouteSource source_of(const RouteKeys& keys, std::size_t line = 1) {
  RouteSource source{"my.toml", line, {}};
  for (const auto& [key, value] : keys)
    source.entries.push_back({key, value, ++line});
  return source;
}

inline std::shared_ptr<const Route> route_of(const RouteKeys& keys, std::size_t line = 1) {
  auto made = make_route(source_of(keys, line));
  if (const auto* const fault = std::get_if<RouteFault>(&made)) {
    ADD_FAILURE() << fault->line << ": " << fault->sentence;
    return nullptr;
  }
  return std::make_shared<const Route>(std::get<Route>(std::move(made)));
}

/// `line: sentence`, or nothing where it is a route.
inline std::string fault_of(const RouteKeys& keys) {
  const auto made = make_route(source_of(keys));
  const auto* const fault = std::get_if<RouteFault>(&made);
  return fault != nullptr ? std::to_string(fault->line) + ": " + fault->sentence : "";
}

}  // namespace mqtt_bridge
