// Finds the routes of a path, one for each method. Of several the most literal one is it: at each
// segment from the left a name comes before {x}, and that before {x...}. What it costs follows the
// length of the path, not the number of routes. Constant after construction.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "route/route.hpp"

namespace mqtt_bridge {

class RouteTable {
 public:
  using Routes = std::vector<std::shared_ptr<const Route>>;

  RouteTable() = default;
  /// REQUIRES: conflict_of(routes) has none.
  explicit RouteTable(Routes routes);

  /// Those of a percent-decoded path, the most literal first: the first that allows a method is
  /// that of the method. Without those that serve no method. None where there is no route.
  Routes find(std::string_view path) const;

  const Routes& all() const { return all_; }

 private:
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> names;
    std::unique_ptr<Node> one;
    Routes here;
    Routes rest;
  };

  void find(const Node& node, std::string_view path, Routes& found) const;

  Routes all_;
  std::size_t methods_ = 0;  // how many there are, of all routes
  Node root_;
};

}  // namespace mqtt_bridge
