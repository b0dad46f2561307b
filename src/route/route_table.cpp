#include "route/route_table.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace mqtt_bridge {
namespace {

bool serves(const RouteTable::Routes& routes, std::string_view method) {
  return std::any_of(routes.begin(), routes.end(),
                     [method](const auto& route) { return route->allows(method); });
}

/// Those of `more` whose methods are not all served by earlier ones.
void add(const RouteTable::Routes& more, RouteTable::Routes& found) {
  for (const auto& route : more) {
    if (!std::all_of(route->methods.begin(), route->methods.end(),
                     [&found](const auto& method) { return serves(found, method); })) {
      found.push_back(route);
    }
  }
}

}  // namespace

RouteTable::RouteTable(Routes routes) : all_(std::move(routes)) {
  std::set<std::string_view> methods;
  for (const auto& route : all_) {
    methods.insert(route->methods.begin(), route->methods.end());
    Node* node = &root_;
    bool has_rest = false;
    for (const auto& [text, kind] : route->pattern.segments) {
      has_rest = kind == PathPattern::Kind::rest;
      if (has_rest)
        break;
      auto& next = kind == PathPattern::Kind::one ? node->one : node->names[text];
      if (!next)
        next = std::make_unique<Node>();
      node = next.get();
    }
    (has_rest ? node->rest : node->here).push_back(route);
  }
  methods_ = methods.size();
}

RouteTable::Routes RouteTable::find(std::string_view path) const {
  Routes found;
  if (!all_.empty() && path.starts_with('/'))
    find(root_, path, found);
  return found;
}

/// `path` is empty, or begins with a slash. Goes on behind a route that does not serve every
/// method.
void RouteTable::find(const Node& node, std::string_view path, Routes& found) const {
  if (path.empty())
    return add(node.here, found);
  const std::string_view segment = path.substr(1, path.find('/', 1) - 1);
  const std::string_view after = path.substr(1 + segment.size());
  if (const auto named = node.names.find(segment); named != node.names.end())
    find(*named->second, after, found);
  if (found.size() < methods_ && node.one)
    find(*node.one, after, found);
  if (found.size() < methods_)
    add(node.rest, found);
}

}  // namespace mqtt_bridge
