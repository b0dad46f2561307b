// The input: the URL of a broker, and the same as host and port.
#include "mqtt/broker_url.hpp"

#include "fuzz.hpp"

namespace mqtt_bridge {

void fuzz(std::string_view input) {
  constexpr std::uint16_t default_port = 7;
  const auto host_port = parse_host_port(input, default_port);
  if (const auto* parsed = std::get_if<HostPort>(&host_port)) {
    require(parsed->port != 0 && is_host(parsed->host), "a host is one, and a port is not zero");
    require(input.substr(input.starts_with('[') ? 1 : 0).starts_with(parsed->host),
            "a host is as it was written");
  } else {
    require(!std::get<std::string>(host_port).empty(), "a refusal says why");
  }

  const auto result = parse_broker_url(input);
  if (const auto* fault = std::get_if<std::string>(&result)) {
    require(!fault->empty(), "a refusal says why");
    if (input.find('@') != std::string_view::npos) {
      require(*fault == std::get<std::string>(parse_broker_url("@")),
              "a refusal repeats nothing where there may be a password");
    }
    return;
  }
  const auto& url = std::get<BrokerUrl>(result);
  require(url.port != 0 && is_host(url.host), "a broker has a host and a port");
  const std::string text = to_string(url);
  const auto again = parse_broker_url(text);
  require(std::holds_alternative<BrokerUrl>(again) && std::get<BrokerUrl>(again) == url,
          "a URL is read back");
  require(text.find_first_of("@/?#", text.find("://") + 3) == std::string::npos,
          "a URL has no user and no path");
  require(same_broker(url, url.host, url.port), "a broker is itself");
}

}  // namespace mqtt_bridge
