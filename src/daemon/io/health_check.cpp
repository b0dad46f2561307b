#include "daemon/io/health_check.hpp"

#include <algorithm>
#include <chrono>
#include <variant>

#include <httplib.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

namespace mqtt_bridge {
namespace {

/// Each for connecting, and for the daemon to say something: it answers within a millisecond.
constexpr auto patience = std::chrono::seconds(2);

/// What reaches it from here: every address of this machine includes the loopback one.
TcpListen reachable(TcpListen address) {
  if (address.address == "0.0.0.0" || address.address == localhost)
    address.address = "127.0.0.1";
  if (address.address == "::")
    address.address = "::1";
  return address;
}

httplib::Client client_of(const Listen& address) {
  if (const auto* const local = std::get_if<UnixListen>(&address)) {
    httplib::Client client(local->path, 80);  // a port that is not looked at
    client.set_address_family(AF_UNIX);
    return client;
  }
  const auto& [host, port] = std::get<TcpListen>(address);
  return httplib::Client(host, port);
}

/// The text of a problem, or as much as there is to say of another answer.
std::string reason_in(const httplib::Response& response) {
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  const auto detail = json.is_object() ? json.find("detail") : json.end();
  std::string reason = json.is_object() && detail != json.end() && detail->is_string()
                           ? detail->get<std::string>()
                           : "answered " + std::to_string(response.status);
  std::replace_if(
      reason.begin(), reason.end(), [](unsigned char c) { return c < ' '; }, ' ');
  return reason;
}

}  // namespace

std::optional<std::string> why_not_ready(const Listen& address,
                                         const std::optional<std::string>& token) {
  Listen asked = address;
  if (const auto* const tcp = std::get_if<TcpListen>(&address)) {
    if (tcp->port == 0)
      return to_string(address) + " names no port to ask at";
    asked = reachable(*tcp);
  }
  auto client = client_of(asked);
  client.set_connection_timeout(patience);
  client.set_read_timeout(patience);
  // Releases differ in what they make of a path, or of an IPv6 address; this name always may call.
  httplib::Headers headers{{"Host", "localhost"}};
  if (token)
    headers.emplace("Authorization", "Bearer " + *token);
  const auto result = client.Get("/readyz", headers);
  if (!result && result.error() == httplib::Error::Connection)
    return "nothing listens on " + to_string(asked);
  if (!result)
    return "no answer from " + to_string(asked) + " (" + httplib::to_string(result.error()) + ")";
  if (result->status != 200)
    return to_string(asked) + ": " + reason_in(*result);
  return std::nullopt;
}

}  // namespace mqtt_bridge
