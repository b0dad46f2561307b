#include "daemon/io/callers.hpp"

#include <charconv>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <pwd.h>

#include "http/bearer.hpp"
#include "os/io/secrets.hpp"

namespace mqtt_bridge {

std::string read_token(const std::filesystem::path& file, const std::string& option) {
  std::string token = read_secret(file, option);
  if (parse_bearer("Bearer " + token) != token) {
    throw std::runtime_error(option + ": no caller can send what is in " + file.string() +
                             ": a token is made of A-Z, a-z, 0-9, '-', '.', '_', '~', '+' and '/', "
                             "and may end in '='");
  }
  return token;
}

std::vector<std::uint32_t> users_of(const std::vector<std::string>& names,
                                    const std::string& option) {
  std::vector<std::uint32_t> users;
  for (const auto& name : names) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool is_number = error == std::errc{} && end == name.data() + name.size();
    const passwd* const found = is_number ? nullptr : getpwnam(name.c_str());
    if (!is_number && found == nullptr)
      throw std::runtime_error(option + ": there is no user '" + name + "'");
    users.push_back(is_number ? number : found->pw_uid);
  }
  return users;
}

std::shared_ptr<const RouteTable> routes_of(const BridgedOptions& options) {
  RouteTable::Routes routes = options.routes;
  for (auto& route : routes) {
    if (route->user_names.empty() && route->token_file.empty())
      continue;
    const std::string where = route->file + ":" + std::to_string(route->line) + ": ";
    Route with_callers = *route;
    with_callers.users = users_of(route->user_names, where + "allow-user");
    if (!route->token_file.empty())
      with_callers.token = read_token(route->token_file, where + "token-file");
    route = std::make_shared<const Route>(std::move(with_callers));
  }
  return std::make_shared<const RouteTable>(std::move(routes));
}

}  // namespace mqtt_bridge
