#include "client/request_head.hpp"

#include <cstddef>

#include "base/ascii.hpp"

namespace mqtt_bridge {
namespace {

void append_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  for (const char c : text) {
    // RFC 3986 2.3: the unreserved characters mean themselves.
    if (ascii::is_digit(c) || ascii::is_alpha(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += hex[byte >> 4];
    out += hex[byte & 0x0f];
  }
}

std::string broker_of(const ClientCall& call) {
  const std::string& host = call.broker_host;
  const bool needs_brackets = host.find(':') != std::string::npos && !host.starts_with('[');
  return (needs_brackets ? '[' + host + ']' : host) + ':' + std::to_string(call.broker_port);
}

}  // namespace

std::string request_head(const ClientCall& call, std::string_view host,
                         std::chrono::milliseconds time_left) {
  std::string head = "POST /transform/";
  head += to_string(call.action);
  head += "?netid=";
  append_encoded(head, call.netid);
  head += "&broker=";
  append_encoded(head, broker_of(call));
  head += "&timeout=" + std::to_string(time_left.count()) + "ms HTTP/1.1\r\nHost: ";
  head += host;
  head += "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ";
  head += std::to_string(call.message.size());
  head += "\r\nConnection: close\r\nAccept: */*\r\n\r\n";
  return head;
}

}  // namespace mqtt_bridge
