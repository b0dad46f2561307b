// The input: an authority, and the same as an address.
#include "http/authority.hpp"

#include <algorithm>
#include <string>

#include <arpa/inet.h>

#include "base/ascii.hpp"
#include "fuzz.hpp"

namespace mqtt_bridge {
namespace {

void check_addresses(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    return;  // the C library would see less of it
  const std::string c_text(text);
  Ipv4 ipv4{};
  const bool is_ipv4 = inet_pton(AF_INET, c_text.c_str(), ipv4.data()) == 1;
  require(parse_ipv4(text) == (is_ipv4 ? std::optional(ipv4) : std::nullopt),
          "an IPv4 address is what the C library takes for one");
  Ipv6 ipv6{};
  const bool is_ipv6 = inet_pton(AF_INET6, c_text.c_str(), ipv6.data()) == 1;
  for (auto& group : ipv6)
    group = ntohs(group);
  require(parse_ipv6(text) == (is_ipv6 ? std::optional(ipv6) : std::nullopt),
          "an IPv6 address is what the C library takes for one");
}

}  // namespace

void fuzz(std::string_view input) {
  check_addresses(input);
  const auto authority = parse_authority(input);
  if (!authority)
    return;
  const std::string_view host = authority->host;
  require(!host.empty() && input.starts_with(host), "an authority begins with its host");
  require(std::all_of(host.begin(), host.end(),
                      [](char c) { return c > ' ' && c <= '~' && c != '@' && c != '/'; }),
          "a host is of visible characters, and has no user and no path");
  const std::string_view rest = input.substr(host.size());
  require(authority->port ? rest.starts_with(':') : rest.empty() || rest == ":",
          "behind the host is a port or nothing");
  require(host.starts_with('[') ? host.ends_with(']') && parse_ipv6(host.substr(1, host.size() - 2))
                                : host.find(':') == std::string_view::npos,
          "a colon stands in brackets only");
  const auto again = parse_authority(
      std::string(host).append(authority->port ? ":" + std::to_string(*authority->port) : ""));
  require(again && again->port == authority->port, "an authority is read back");
}

}  // namespace mqtt_bridge
