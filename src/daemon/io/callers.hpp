// Who may call, as the operator names them: users of the system, and tokens in files. All of these
// throw what is wrong with a name or a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/io/options.hpp"
#include "route/route_table.hpp"

namespace mqtt_bridge {

/// `option`: for the error.
std::string read_token(const std::filesystem::path& file,
                       const std::string& option = "--token-file");
/// Users of the system, by name or number.
std::vector<std::uint32_t> users_of(const std::vector<std::string>& names,
                                    const std::string& option);
/// With the users and tokens that they name.
std::shared_ptr<const RouteTable> routes_of(const BridgedOptions& options);

}  // namespace mqtt_bridge
