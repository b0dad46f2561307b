// `host[:port]` as Host fields, Origins and request targets carry it (RFC 3986 3.2.2 and 3.2.3, RFC
// 9110 7.2). Says what a host is, not whether it may call: that is access.hpp. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mqtt_bridge {

/// Views into the parsed text.
struct Authority {
  std::string_view host;              // never empty; an IPv6 address keeps its brackets
  std::optional<std::uint16_t> port;  // none also for "host:" (RFC 3986 3.2.3)
};

/// Nothing when `text` is not a host (registered name, IPv4, bracketed IPv6) with perhaps a port up
/// to 65535. Userinfo, zone identifiers and IPvFuture are refused (RFC 9110 4.2.4).
std::optional<Authority> parse_authority(std::string_view text);

using Ipv4 = std::array<std::uint8_t, 4>;
using Ipv6 = std::array<std::uint16_t, 8>;

/// Exactly four decimal numbers without leading zeros (RFC 3986 3.2.2): not "127.1", "0x7f.0.0.1".
std::optional<Ipv4> parse_ipv4(std::string_view text);

/// Without brackets; the last two groups may be an IPv4 address (RFC 4291 2.2).
std::optional<Ipv6> parse_ipv6(std::string_view text);

}  // namespace mqtt_bridge
