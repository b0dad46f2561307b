#include "route/route_table.hpp"

#include <utility>

namespace mqtt_bridge {
namespace {

const RouteTable::Routes none;

}  // namespace

RouteTable::RouteTable(Routes routes) : all_(std::move(routes)) {
  for (const auto& route : all_) {
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
}

const RouteTable::Routes& RouteTable::find(std::string_view path) const {
  if (all_.empty() || !path.starts_with('/'))
    return none;
  const Routes* const found = find(root_, path);
  return found != nullptr ? *found : none;
}

/// `path` is empty, or begins with a slash.
const RouteTable::Routes* RouteTable::find(const Node& node, std::string_view path) {
  if (path.empty())
    return node.here.empty() ? nullptr : &node.here;
  const std::string_view segment = path.substr(1, path.find('/', 1) - 1);
  const std::string_view after = path.substr(1 + segment.size());
  if (const auto named = node.names.find(segment); named != node.names.end()) {
    if (const Routes* const found = find(*named->second, after))
      return found;
  }
  if (node.one) {
    if (const Routes* const found = find(*node.one, after))
      return found;
  }
  return node.rest.empty() ? nullptr : &node.rest;
}

}  // namespace mqtt_bridge
