// The keys of a [[route]]. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "route/route_config.hpp"

namespace mqtt_bridge {

/// A route while its keys are read.
struct RouteDraft {
  Route route;
  AnswerRules rules;
  std::string id;  // the pointer; empty: there is none
  bool is_one_way = false;
};

struct RouteKey {
  std::string_view name;
  /// What is wrong with the value, as the end of a sentence that begins with the key; empty:
  /// nothing, and it was taken.
  std::function<std::string(const RouteSource::Value&, RouteDraft&)> take;
};

const std::vector<RouteKey>& route_keys();

}  // namespace mqtt_bridge
