// The head of the one HTTP request that mqtt_client sends to mqtt_bridged. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace mqtt_bridge {

/// One call as the command line names it. REQUIRES: of an action, why_not_netid(netid) says
/// nothing, and is_utf8(message).
struct ClientCall {
  std::string action;
  std::string netid;
  std::string broker_host;  // empty: whichever the daemon has
  std::uint16_t broker_port;
  std::string message;
  std::chrono::milliseconds timeout;  // what is left of it is what the daemon is told
  std::string route = {};             // a path, instead of an action and a NetID; empty: none
  bool as_json = false;               // the answer, of an action
  bool keeps_connection = false;      // for the next call
  std::string get = {};               // a path, to be read instead of a call; empty: none
  std::string token = {};             // an is_bearer_token(); empty: none
};

/// RFC 6750 2.1.
bool is_bearer_token(std::string_view text);

/// Everything before the body, the empty line included. `host` is the Host field's value.
/// The broker goes as `host:port`, an IPv6 address in brackets, and everything percent-encoded.
std::string request_head(const ClientCall& call, std::string_view host,
                         std::chrono::milliseconds time_left);

}  // namespace mqtt_bridge
