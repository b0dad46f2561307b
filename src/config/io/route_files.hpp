// Reads the [[route]] tables of configuration files.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "route/route.hpp"
#include "route/route_config.hpp"

namespace mqtt_bridge {

/// The tables of one file, in its order; or its first fault, as one sentence that begins with
/// `file:line:`. `file` is only the name to use.
std::variant<std::vector<RouteSource>, std::string> parse_route_sources(std::string_view toml,
                                                                        const std::string& file);

/// The routes of all `files`; of a directory those of each file in it whose name ends in `.toml`,
/// in the order of the alphabet. Or what is wrong with them, alone or beside each other.
std::variant<std::vector<std::shared_ptr<const Route>>, std::string> read_routes(
    const std::vector<std::filesystem::path>& files);

}  // namespace mqtt_bridge
