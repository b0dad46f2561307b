// Where a broker is: `mqtt://host:port`, or the parts of it that people write instead. Also hosts
// and ports on their own, for the other addresses that share that notation. Values; no name is ever
// resolved here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace mqtt_bridge {

struct HostPort {
  std::string host;  // a name or an address; IPv6 without its brackets
  std::uint16_t port = 0;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

struct BrokerUrl {
  enum class Scheme { mqtt, mqtts };

  Scheme scheme = Scheme::mqtt;
  std::string host = "localhost";  // IPv6 without its brackets
  std::uint16_t port = 1883;
  friend bool operator==(const BrokerUrl&, const BrokerUrl&) = default;
};

/// `mqtt://host[:port]`, `mqtts://host[:port]`, `host[:port]`, with IPv6 in brackets; the port
/// defaults to 1883, with mqtts to 8883. Otherwise a sentence that says what is wrong. It never
/// repeats the text where that may hold a password.
std::variant<BrokerUrl, std::string> parse_broker_url(std::string_view text);

/// `host[:port]` with a port from 1 to 65535, or a sentence that says what is wrong.
std::variant<HostPort, std::string> parse_host_port(std::string_view text,
                                                    std::uint16_t default_port);

/// A host name, an IPv4 address or an IPv6 address without brackets, by its characters alone.
bool is_host(std::string_view text);

/// Whether `host` and `port` are the broker of `url`. Host names are the same in any case;
/// `localhost`, `127.0.0.1` and `::1` are one.
bool same_broker(const BrokerUrl& url, std::string_view host, std::uint16_t port);

/// With its scheme and port: `mqtt://[::1]:1883`.
std::string to_string(const BrokerUrl& url);

}  // namespace mqtt_bridge
