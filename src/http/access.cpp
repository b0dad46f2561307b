#include "http/access.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/ascii.hpp"
#include "http/authority.hpp"

namespace mqtt_bridge {
namespace {

/// "localhost." is the same name as "localhost", spelt out to the root (RFC 1034 3.1).
std::string_view without_trailing_dot(std::string_view host) {
  if (host.ends_with('.'))
    host.remove_suffix(1);
  return host;
}

std::optional<Ipv6> as_ipv6(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  return parse_ipv6(host);
}

bool same_host(std::string_view a, std::string_view b) {
  if (const auto address = as_ipv6(a))
    return address == as_ipv6(b);
  return ascii::equals_ignoring_case(a, b);
}

/// RFC 6761 6.3: localhost and all names below it are this machine, by definition, so that no name
/// server can point them elsewhere.
bool is_localhost_name(std::string_view host) {
  constexpr std::string_view name = "localhost";
  if (ascii::equals_ignoring_case(host, name))
    return true;
  if (host.size() < name.size() + 2)
    return false;
  const std::string_view below = host.substr(0, host.size() - name.size());
  return ascii::equals_ignoring_case(host.substr(below.size()), name) && below.ends_with('.') &&
         !below.starts_with('.') && below.find("..") == std::string_view::npos;
}

bool is_loopback(std::string_view host) {
  if (const auto ipv4 = parse_ipv4(host))
    return (*ipv4)[0] == 127;  // RFC 1122 3.2.1.3
  if (const auto ipv6 = as_ipv6(host))
    return *ipv6 == Ipv6{0, 0, 0, 0, 0, 0, 0, 1};
  return is_localhost_name(host);
}

/// Whether both are one address, and not merely one name.
bool is_address(std::string_view host, std::string_view address) {
  const auto ipv4 = parse_ipv4(host);
  return ipv4 ? ipv4 == parse_ipv4(address)
              : host.starts_with('[') && as_ipv6(host) && as_ipv6(host) == as_ipv6(address);
}

bool is_allowed(std::string_view host, std::string_view own_address,
                const std::vector<std::string>& extra_hosts) {
  host = without_trailing_dot(host);
  return is_loopback(host) || is_address(host, own_address) ||
         std::any_of(extra_hosts.begin(), extra_hosts.end(), [host](const std::string& extra) {
           return !host.empty() && same_host(host, without_trailing_dot(extra));
         });
}

struct WebOrigin {
  std::string_view host;
  std::uint16_t port;
  std::uint16_t default_port;  // tells the scheme

  friend bool operator==(const WebOrigin& a, const WebOrigin& b) {
    return same_host(a.host, b.host) && a.port == b.port && a.default_port == b.default_port;
  }
};

/// RFC 6454 6.2: scheme "://" host [ ":" port ], and nothing after it.
std::optional<WebOrigin> parse_origin(std::string_view text) {
  const auto colon = text.find("://");
  if (colon == std::string_view::npos)
    return std::nullopt;
  const std::string_view scheme = text.substr(0, colon);
  const bool https = ascii::equals_ignoring_case(scheme, "https");
  if (!https && !ascii::equals_ignoring_case(scheme, "http"))
    return std::nullopt;
  const auto authority = parse_authority(text.substr(colon + 3));
  if (!authority)
    return std::nullopt;
  const std::uint16_t default_port = https ? 443 : 80;
  return WebOrigin{authority->host, authority->port.value_or(default_port), default_port};
}

/// Behind a proxy that ends TLS we see no scheme of our own, so the Origin's gives Host its port.
bool is_same_origin(const WebOrigin& origin, const Authority& host) {
  return same_host(origin.host, host.host) &&
         origin.port == host.port.value_or(origin.default_port);
}

}  // namespace

bool is_web_origin(std::string_view text) {
  return parse_origin(text).has_value();
}

bool is_allowed_origin(std::string_view origin, const AllowList& allow_list) {
  const auto parsed = parse_origin(origin);
  return parsed &&
         std::any_of(allow_list.origins.begin(), allow_list.origins.end(),
                     [&parsed](const std::string& guest) { return parse_origin(guest) == parsed; });
}

std::optional<Forbidden> why_forbidden(const Caller& caller, const AllowList& allow_list) {
  const auto forbid = [](std::string why) {
    return Forbidden{Problem::forbidden_origin, std::move(why)};
  };
  if (caller.user && !allow_list.users.empty() &&
      std::find(allow_list.users.begin(), allow_list.users.end(), *caller.user) ==
          allow_list.users.end()) {
    return Forbidden{Problem::forbidden_user, "This user may not call (--allow-user)."};
  }
  const auto host = parse_authority(caller.host.value_or(""));
  const bool any_host = caller.via == Caller::Via::unix_socket || !caller.host;
  if (!any_host && (!host || !is_allowed(host->host, caller.own_address, allow_list.hosts))) {
    return forbid("The Host field names neither this machine nor a host that --host allows.");
  }
  if (caller.origin && is_allowed_origin(*caller.origin, allow_list))
    return std::nullopt;
  if (caller.origin) {
    const auto origin = parse_origin(*caller.origin);
    if (!origin)
      return forbid("The Origin field names no site that --allow-origin allows.");
    if (!host || !is_same_origin(*origin, *host)) {
      return forbid(
          "The Origin field names another site than the Host field; --allow-origin may allow it.");
    }
  }
  if (caller.sec_fetch_site && *caller.sec_fetch_site != "same-origin" &&
      *caller.sec_fetch_site != "none") {
    return forbid(
        "A page of another site made this request (Sec-Fetch-Site); --allow-origin may allow it.");
  }
  return std::nullopt;
}

}  // namespace mqtt_bridge
