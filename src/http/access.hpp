// Who may call, decided before anything else about a request: a web page that the user visits must
// not be able to use the bridge, neither by sending requests across sites (CSRF) nor by making its
// own name resolve to this machine (DNS rebinding). Says nothing about tokens: that is bearer.hpp.
// Pure function.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/problem.hpp"

namespace mqtt_bridge {

/// What a request says about where it comes from, its fields verbatim, and what its connection
/// does.
struct Caller {
  enum class Via { tcp, unix_socket };
  Via via = Via::tcp;
  std::optional<std::string_view> host;            // HttpHead::authority
  std::optional<std::string_view> origin;          // RFC 6454 7
  std::optional<std::string_view> sec_fetch_site;  // Fetch Metadata 2.3
  std::optional<std::uint32_t> user = {};          // over the unix socket: whose process it is
  std::string_view own_address = {};  // that the connection came to, numeric; IPv6 without brackets
};

/// Who may call besides this machine's own programs and the bridge's own pages: what the options
/// say, see config/io/options.hpp. Constant after construction.
struct AllowList {
  std::vector<std::string> hosts;  // names or addresses without port, IPv6 with or without brackets
  std::vector<std::string> origins;  // each an is_web_origin()
  std::vector<std::uint32_t> users;  // over the unix socket; empty: all that its file mode lets in
};

struct Forbidden {
  Problem problem;  // forbidden_origin or forbidden_user
  std::string why;  // in one sentence
};

/// scheme "://" host [ ":" port ] of http or https (RFC 6454 6.2), and nothing after it.
bool is_web_origin(std::string_view text);

/// Whether `origin` is one of the configured ones: its pages may read the answers (Fetch 3.2).
bool is_allowed_origin(std::string_view origin, const AllowList& allow_list);

/// Says why `caller` may not call; nothing when it may.
///
/// - Host is localhost, a name below it, 127.0.0.0/8, [::1], `own_address` or one of
///   `allow_list.hosts`, with any port; over the unix socket, which file permissions guard, it is
///   whatever the URL said. An address cannot be made to point elsewhere, as a name can (DNS
///   rebinding).
/// - There may be none at all, as in the HTTP/1.0 of health checks: every browser sends one.
/// - Origin, when there is one, is that very host and port over http or https. Another port is
///   another site: any local program may serve pages there. "null" is a stranger.
/// - Sec-Fetch-Site, when there is one, is `same-origin` or `none`.
/// - Over the unix socket the user is one of `allow_list.users`, if there are any.
/// - The rules for Origin and Sec-Fetch-Site do not hold for an Origin of `allow_list.origins`.
std::optional<Forbidden> why_forbidden(const Caller& caller, const AllowList& allow_list);

}  // namespace mqtt_bridge
