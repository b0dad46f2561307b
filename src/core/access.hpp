// Who may call, decided before anything else about a request: a web page that the user visits must
// not be able to use the bridge, neither by sending requests across sites (CSRF) nor by making its
// own name resolve to this machine (DNS rebinding). Says nothing about tokens: that is bearer.hpp.
// Pure function.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mqtt_bridge {

/// What a request says about where it comes from: its fields, verbatim.
struct Caller {
  enum class Via { tcp, unix_socket };
  Via via = Via::tcp;
  std::string_view host;                           // empty when the request has none
  std::optional<std::string_view> origin;          // RFC 6454 7
  std::optional<std::string_view> sec_fetch_site;  // Fetch Metadata 2.3
};

/// Says in one sentence why `caller` may not call (Problem::forbidden_origin); nothing when it may.
///
/// - Host is localhost, a name below it, 127.0.0.0/8, [::1] or one of `extra_hosts`, with any port;
///   over the unix socket, which file permissions guard, it is whatever the URL said.
/// - Origin, when there is one, is that very host and port over http or https. Another port is
///   another site: any local program may serve pages there. "null" is a stranger.
/// - Sec-Fetch-Site, when there is one, is `same-origin` or `none`.
///
/// `extra_hosts`: names or addresses without port; an IPv6 address with or without its brackets.
std::optional<std::string> why_forbidden(const Caller& caller,
                                         std::span<const std::string> extra_hosts);

}  // namespace mqtt_bridge
