#include "mqtt/broker_url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "base/ascii.hpp"

namespace mqtt_bridge {
namespace {

constexpr std::uint16_t mqtt_port = 1883;
constexpr std::uint16_t mqtts_port = 8883;

bool is_host_name(std::string_view text) {
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
    return ascii::is_alpha(c) || ascii::is_digit(c) || c == '-' || c == '.' || c == '_';
  });
}

/// By its characters, with a zone as in `fe80::1%eth0` (RFC 4007 11.2).
bool is_ipv6(std::string_view text) {
  const std::size_t percent = text.find('%');
  const std::string_view address = text.substr(0, percent);
  const bool zone_fits =
      percent == std::string_view::npos || is_host_name(text.substr(percent + 1));
  return zone_fits && std::count(address.begin(), address.end(), ':') >= 2 &&
         address.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

std::string in_quotes(std::string_view text) {
  return "'" + std::string(text) + "'";
}

std::string not_a_host(std::string_view text) {
  if (text.empty())
    return "the host is missing";
  return in_quotes(text) + " is not a host name or an address";
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0)
    return std::nullopt;
  return port;
}

/// `after` is what follows the host: nothing, or a colon and the port.
std::variant<HostPort, std::string> with_port(std::string_view host, std::string_view after,
                                              std::uint16_t default_port) {
  if (after.empty())
    return HostPort{std::string(host), default_port};
  if (after.front() != ':')
    return "after the ']' comes ':port' or nothing";
  const std::string_view text = after.substr(1);
  const auto port = parse_port(text);
  if (!port)
    return in_quotes(text) + " is not a port from 1 to 65535";
  return HostPort{std::string(host), *port};
}

bool is_this_machine(std::string_view host) {
  return ascii::equals_ignoring_case(host, "localhost") || host == "127.0.0.1" || host == "::1";
}

}  // namespace

bool is_host(std::string_view text) {
  return is_host_name(text) || is_ipv6(text);
}

std::variant<HostPort, std::string> parse_host_port(std::string_view text,
                                                    std::uint16_t default_port) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos)
      return "the ']' after the IPv6 address is missing";
    const std::string_view host = text.substr(1, end - 1);
    if (!is_ipv6(host))
      return in_quotes(host) + " is not an IPv6 address";
    return with_port(host, text.substr(end + 1), default_port);
  }
  if (is_ipv6(text))
    return "an IPv6 address is written in brackets: [" + std::string(text) + "]";
  const std::size_t colon = text.find(':');
  const std::string_view host = text.substr(0, colon);
  if (!is_host_name(host))
    return not_a_host(host);
  return with_port(host, colon == std::string_view::npos ? "" : text.substr(colon), default_port);
}

std::variant<BrokerUrl, std::string> parse_broker_url(std::string_view text) {
  // First, so that no later sentence can repeat a password.
  if (text.find('@') != std::string_view::npos) {
    return "a broker's URL holds no user or password; they belong in --username and "
           "--password-file";
  }
  BrokerUrl url;
  if (const std::size_t end = text.find("://"); end != std::string_view::npos) {
    const std::string_view scheme = text.substr(0, end);
    if (ascii::equals_ignoring_case(scheme, "mqtts")) {
      url.scheme = BrokerUrl::Scheme::mqtts;
    } else if (!ascii::equals_ignoring_case(scheme, "mqtt")) {
      return in_quotes(scheme) + " is not a broker's scheme; use mqtt:// or mqtts://";
    }
    text.remove_prefix(end + 3);
  }
  if (text.find_first_of("/?#") != std::string_view::npos) {
    return "a broker's URL ends after the port; it has no path";
  }
  const bool tls = url.scheme == BrokerUrl::Scheme::mqtts;
  auto parsed = parse_host_port(text, tls ? mqtts_port : mqtt_port);
  if (const auto* error = std::get_if<std::string>(&parsed))
    return *error;
  auto& [host, port] = std::get<HostPort>(parsed);
  url.host = std::move(host);
  url.port = port;
  return url;
}

bool same_broker(const BrokerUrl& url, std::string_view host, std::uint16_t port) {
  if (port != url.port)
    return false;
  return ascii::equals_ignoring_case(url.host, host) ||
         (is_this_machine(url.host) && is_this_machine(host));
}

std::string to_string(const BrokerUrl& url) {
  const bool ipv6 = url.host.find(':') != std::string::npos;
  return std::string(url.scheme == BrokerUrl::Scheme::mqtts ? "mqtts://" : "mqtt://") +
         (ipv6 ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
}

}  // namespace mqtt_bridge
