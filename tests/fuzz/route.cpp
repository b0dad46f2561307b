// The input: a configuration file with [[route]] tables.
#include <algorithm>
#include <memory>

#include "config/io/route_files.hpp"
#include "exchange/topic.hpp"
#include "fuzz.hpp"
#include "os/exit_now.hpp"
#include "route/route_config.hpp"
#include "route/route_request.hpp"
#include "route/route_table.hpp"

namespace mqtt_bridge {
namespace {

void check_sentence(const std::string& fault) {
  require(!fault.empty(), "a fault is said");
  const std::string told = usage_error("PROGRAM", fault).err;
  require(told.ends_with('\n') && told.find('\n') == told.size() - 1,
          "a fault is told in one line");
}

/// A call to the path as it is written, its braces included.
void check_call(const std::shared_ptr<const Route>& route) {
  auto made = mqtt_request({.route = route,
                            .values = values_in(route->pattern, route->path),
                            .payload = {},
                            .arrived = {},
                            .deadline = {},
                            .correlation = "0123456789abcdef",
                            .id = "1",
                            .client = "c"});
  const auto* const request = std::get_if<MqttRequest>(&made);
  if (request == nullptr)
    return;
  require(is_topic_name(request->request_topic), "a request is published to a topic");
  const bool has_answer = route->linked != Route::Linked::not_at_all;
  require(has_answer == !request->response_topic.empty() && has_answer == !request->filters.empty(),
          "answers are waited for where there are some");
  for (const CallFilter& filter : request->filters) {
    require(filter.filter.find('#') == std::string::npos &&
                filter.filter.size() <= mqtt_string_bytes && is_broker_safe(filter.filter),
            "a filter has open levels at most");
  }
}

}  // namespace

void fuzz(std::string_view input) {
  const auto read = parse_route_sources(input, "FILE");
  if (const auto* const fault = std::get_if<std::string>(&read))
    return check_sentence(*fault);
  std::vector<std::shared_ptr<const Route>> routes;
  for (const RouteSource& source : std::get<0>(read)) {
    require(source.line >= 1, "a table has its line");
    auto made = make_route(source);
    if (const auto* const fault = std::get_if<RouteFault>(&made)) {
      require(fault->line >= source.line, "a fault has its line");
      check_sentence(fault->sentence);
      continue;
    }
    routes.push_back(std::make_shared<const Route>(std::get<Route>(std::move(made))));
    check_call(routes.back());
  }
  for (const std::string& warning : warnings_of(routes))
    require(warning.starts_with("FILE:"), "a warning has its place");
  if (const auto conflict = conflict_of(routes); !conflict.empty()) {
    require(conflict.starts_with("FILE:"), "a conflict has its place");
    return check_sentence(conflict);
  }
  const RouteTable table(routes);
  for (const auto& route : routes) {
    const auto found = table.find(route->path);  // {x} is a value of its own, which no name is
    for (const std::string& method : route->methods) {
      const auto first = std::find_if(found.begin(), found.end(),
                                      [&method](const auto& each) { return each->allows(method); });
      require(first != found.end(), "a path of a route has a route");
    }
  }
}

}  // namespace mqtt_bridge
