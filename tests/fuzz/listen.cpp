// The input: an address to listen on.
#include <algorithm>

#include "fuzz.hpp"
#include "http/authority.hpp"
#include "http/listen_address.hpp"

namespace mqtt_bridge {

void fuzz(std::string_view input) {
  const auto result = parse_listen(input);
  const auto* const listen = std::get_if<Listen>(&result);
  if (listen == nullptr) {
    require(!std::get<std::string>(result).empty(), "a refusal says why");
    return;
  }
  const auto again = parse_listen(to_string(*listen));
  require(std::holds_alternative<Listen>(again) && std::get<Listen>(again) == *listen,
          "an address is read back");
  const auto* const tcp = std::get_if<TcpListen>(listen);
  if (tcp == nullptr) {
    require(input == to_string(*listen) && is_loopback(*listen), "a path is as it was written");
    return;
  }
  const auto ipv4 = parse_ipv4(tcp->address);
  const auto ipv6 = parse_ipv6(tcp->address);
  const bool is_name = tcp->address == localhost;
  require(ipv4 || ipv6 || is_name, "an address is numeric, or localhost");
  const bool is_own = is_name ? true
                      : ipv4  ? ipv4->front() == 127
                              : *ipv6 == Ipv6{0, 0, 0, 0, 0, 0, 0, 1};
  require(is_loopback(*listen) == is_own, "only this machine reaches a loopback address");
}

}  // namespace mqtt_bridge
