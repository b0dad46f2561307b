// Makes routes of what a configuration file says, and says what is wrong with them, alone and
// beside each other. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_scalar.hpp"
#include "route/route.hpp"

namespace mqtt_bridge {

/// A [[route]] table as the file has it.
struct RouteSource {
  using Texts = std::vector<std::string>;
  using Member = std::pair<std::string, std::variant<JsonScalar, Texts>>;
  using Table = std::vector<Member>;
  using Value = std::variant<JsonScalar, Texts, Table>;
  struct Entry {
    std::string key;
    Value value;
    std::size_t line;
  };

  std::string file;
  std::size_t line;  // its first
  std::vector<Entry> entries;
};

struct RouteFault {
  std::size_t line;
  std::string sentence;
};

std::variant<Route, RouteFault> make_route(const RouteSource& source);

/// What is wrong with routes beside each other, and beside what the bridge serves itself, as one
/// sentence that begins with `file:line:`; empty when nothing is.
std::string conflict_of(const std::vector<std::shared_ptr<const Route>>& routes);

/// What the operator should know of, likewise, and is no fault.
std::vector<std::string> warnings_of(const std::vector<std::shared_ptr<const Route>>& routes);

}  // namespace mqtt_bridge
